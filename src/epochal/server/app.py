"""The application: its layers, the threads that it owns, and what is loaded behind its back.

From the outside in: `Security` (hosts, origins, headers), `Limits` (how much, how slow),
`Authentication` (who), `Direct` (short requests of MLflow's client), `Packing` (gzip), then the
routes, each with its permission (`server/site.py`). The routes and their web library are loaded
once the server answers; until then who needs them waits. Where they cannot be loaded, or one
forgot to say who may call it, the server ends. The application owns the tailer, the feed and the
worker threads; the caller owns the store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from epochal.domain.access import LOCAL_USER
from epochal.domain.view import RunChange
from epochal.server import asgi
from epochal.server.alerting import Alerting
from epochal.server.auth import Authentication, Gatekeeper
from epochal.server.direct import Direct
from epochal.server.late import Late
from epochal.server.limits import Limits
from epochal.server.live import Feed
from epochal.server.packing import Packing
from epochal.server.security import Security
from epochal.server.settings import Settings
from epochal.server.tailer import Tailer
from epochal.service import agents
from epochal.service.recorded import Recording
from epochal.service.workers import Workers
from epochal.store.owner import Store

if TYPE_CHECKING:
    from litestar import Litestar


class Application:
    """An ASGI application on one open store.

    Args:
        store: stays open as long as the application runs; `Application.close` ends everything that
            uses it.
        settings: how to run.
        token: lets its holder in as the local user; None for no such way.

    Attributes:
        feed: live events.
        tailer: follows the journals.
        alerting: tells what rules of alerts find.
        workers: threads that run use cases.
        site: the routes, loaded late.
    """

    def __init__(self, store: Store, settings: Settings, token: str = "") -> None:
        self.settings = settings
        self.workers = Workers(store, readers=settings.read_threads)
        self.workers.recorder.gave_up.append(self._end_trial)
        self.feed = Feed(settings.max_event_clients)
        self.tailer = Tailer(
            store, self.feed.publish_from_thread, settings, self._is_awaited, self._waiting
        )
        self.alerting = Alerting(store, settings)
        self.gatekeeper = Gatekeeper(settings, self.workers, token)
        self.site = Late(self._make_site)
        direct = Direct(Packing(self.site), self.workers, settings.max_json_bytes)
        inner = Authentication(direct, self.gatekeeper)
        self._app = Security(Limits(inner, settings), settings)

    @property
    def routes(self) -> Litestar:
        """The web library's own application, for those who list routes; loaded now if need be."""
        return self.site.get()

    def _make_site(self) -> Litestar:
        from epochal.server.site import make_site  # noqa: PLC0415  # half of a server's start

        parts = {
            "workers": self.workers,
            "feed": self.feed,
            "tailer": self.tailer,
            "alerting": self.alerting,
            "gatekeeper": self.gatekeeper,
        }
        return make_site(self.settings, parts)

    def _end_trial(self, run: Recording) -> None:
        """The client of a run fell silent: the trial that it may be of has ended with it."""
        place = (run.entity, run.project)
        agents.run_ended(self.workers.store, LOCAL_USER, place, run.run_id)

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Serve one connection event of ASGI."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._app(scope, receive, send)

    def end_streams(self) -> None:
        """End every live-event stream now. Call it before waiting for connections to close."""
        self.feed.close()

    def close(self, deadline: float) -> bool:
        """Stop the threads; whether all ended before ``deadline`` (of `time.monotonic`)."""
        self.feed.close()
        ended = [self.tailer.stop(deadline), self.alerting.stop(deadline)]
        return self.workers.close(deadline) and all(ended)

    def _is_awaited(self, changes: list[RunChange]) -> bool:
        """Whether somebody waits for more of such changes.

        Of runs that are recorded here, only who listens does.
        """
        recorder = self.workers.recorder
        return self.feed.listeners > 0 or not all(recorder.writes(one.uid) for one in changes)

    def _waiting(self) -> AbstractSet[str]:
        """Runs of which nobody waits for what is new: who reads them takes them in first."""
        return frozenset() if self.feed.listeners else self.workers.recorder.foreign_runs()

    async def _live(self, receive: asgi.Receive, send: asgi.Send) -> None:
        """From the server's start to its end."""
        await receive()
        try:
            self.feed.bind(asyncio.get_running_loop())
            self.tailer.start()
            await asyncio.to_thread(self.tailer.wait_until_caught_up)
            self.alerting.start()
            self.site.load_soon()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        finally:
            seconds = self.settings.shutdown_timeout
            closing = asyncio.to_thread(self.close, time.monotonic() + seconds)
            await asyncio.gather(closing, self.site.end(seconds))
        await send({"type": "lifespan.shutdown.complete"})


def create_app(store: Store, settings: Settings, token: str = "") -> Application:
    """The whole server as an ASGI application.

    Args:
        store: an open store; the caller closes it after the application.
        settings: how to run.
        token: what ``server.json`` says, if anything.
    """
    return Application(store, settings, token)
