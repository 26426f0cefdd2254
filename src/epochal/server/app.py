"""Puts the application together, and refuses to when a route forgot to say who may call it.

From the outside in: `Security` (hosts, origins, headers), `Limits` (how much, how slow),
`Authentication` (who), `Direct` (short requests of MLflow's client), `Packing` (gzip), then the
routes, each with its permission. The application owns the tailer, the feed and the worker threads;
the caller owns the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any, Final, cast

from litestar import Litestar, Response, Router
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers.base import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.routes import HTTPRoute

from epochal._version import __version__
from epochal.domain.access import LOCAL_USER, Permission
from epochal.domain.view import RunChange
from epochal.protocols import PERMISSION, Call, mlflow, native, needs, wandb
from epochal.protocols.native.body import Budget
from epochal.server import alerts, asgi, insights, keys, page, routes, sessions
from epochal.server.alerting import Alerting
from epochal.server.auth import Authentication, Gatekeeper
from epochal.server.direct import Direct
from epochal.server.errors import HANDLERS
from epochal.server.json import encode
from epochal.server.limits import Limits
from epochal.server.live import Feed
from epochal.server.packing import Packing
from epochal.server.security import Security
from epochal.server.settings import Settings
from epochal.server.tailer import Tailer
from epochal.service import agents
from epochal.service.permission import require
from epochal.service.recorded import Recording
from epochal.service.workers import Workers
from epochal.store.owner import Store

HANDLER_LIST: Final[list[Any]] = [
    *routes.ROUTES,
    *sessions.ROUTES,
    *keys.ROUTES,
    *insights.ROUTES,
    *alerts.ROUTES,
    *page.ROUTES,
    *native.ROUTES,
    *mlflow.ROUTES,
    *wandb.ROUTES,
]


class JsonResponse(Response[Any]):
    """An answer whose JSON keeps NaN as a string."""

    def render(self, content: Any, media_type: str, enc_hook: Any = None) -> bytes:  # noqa: ARG002
        """Bytes as they are, everything else as JSON."""
        if isinstance(content, (bytes, bytearray)):
            return bytes(content)
        return b"" if content is None else encode(content)


class _Routes(Litestar):
    """The web library's application, for msgspec alone.

    By itself it loads pydantic and attrs wherever they are installed, which takes a tenth of the
    start and ten megabytes, for types that no route of ours has.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


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
        routes: the web library's own application, for those who list routes.
    """

    def __init__(self, store: Store, settings: Settings, token: str = "") -> None:
        self.settings = settings
        self.workers = Workers(store, readers=settings.read_threads)
        self.workers.recorder.gave_up.append(self._end_trial)
        self.feed = Feed(settings.max_event_clients)
        self.tailer = Tailer(store, self.feed.publish_from_thread, settings, self._is_awaited)
        self.alerting = Alerting(store, settings)
        self.gatekeeper = Gatekeeper(settings, self.workers, token)
        self.routes = self._litestar()
        check_permissions(self.routes)
        packing = Packing(cast("asgi.Application", self.routes))
        inner = Authentication(Direct(packing, self.routes), self.gatekeeper)
        self._app = Security(Limits(inner, settings), settings)

    def _end_trial(self, run: Recording) -> None:
        """The client of a run fell silent: the trial that it may be of has ended with it."""
        place = (run.entity, run.project)
        agents.run_ended(self.workers.store, LOCAL_USER, place, run.run_id)

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Serve one connection event of ASGI."""
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

    def _litestar(self) -> Litestar:
        schema = Router(
            "/api/v1/openapi",
            route_handlers=[],
            include_in_schema=False,
            opt=needs(Permission.READ),
        )
        return _Routes(
            route_handlers=list(HANDLER_LIST),
            guards=[_guard],
            request_class=Call,
            response_class=JsonResponse,
            exception_handlers=HANDLERS,
            request_max_body_size=self.settings.max_json_bytes,
            logging_config=None,
            lifespan=[self._lifespan],
            after_request=_no_store,
            openapi_config=OpenAPIConfig(
                title="Epochal",
                version=__version__,
                openapi_router=schema,
                render_plugins=[JsonRenderPlugin()],
            ),
            state=State(
                {
                    "settings": self.settings,
                    "workers": self.workers,
                    "feed": self.feed,
                    "tailer": self.tailer,
                    "alerting": self.alerting,
                    "gatekeeper": self.gatekeeper,
                    "page": page.Page(),
                    "upload_budget": Budget(self.settings.max_upload_memory),
                }
            ),
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Litestar) -> AsyncIterator[None]:
        self.feed.bind(asyncio.get_running_loop())
        self.tailer.start()
        try:
            await asyncio.to_thread(self.tailer.wait_until_caught_up)
            self.alerting.start()
            yield
        finally:
            deadline = time.monotonic() + self.settings.shutdown_timeout
            await asyncio.to_thread(self.close, deadline)


def create_app(store: Store, settings: Settings, token: str = "") -> Application:
    """The whole server as an ASGI application.

    Args:
        store: an open store; the caller closes it after the application.
        settings: how to run.
        token: what ``server.json`` says, if anything.

    Raises:
        RuntimeError: a route does not declare its permission.
    """
    return Application(store, settings, token)


def check_permissions(app: Litestar) -> None:
    """Refuse an application in which a route does not say who may call it.

    Raises:
        RuntimeError: with the routes that do not.
    """
    silent = [
        f"{method} {path}"
        for method, path, handler in declared_routes(app)
        if PERMISSION not in handler.opt
    ]
    if silent:
        raise RuntimeError(
            f"these routes declare no permission: {', '.join(silent)}; give them opt=needs(...)"
        )


def declared_routes(app: Litestar) -> list[tuple[str, str, BaseRouteHandler]]:
    """Every method and path that the application serves, with its handler."""
    found: list[tuple[str, str, BaseRouteHandler]] = []
    for route in app.routes:
        handlers = route.route_handlers if isinstance(route, HTTPRoute) else [route.route_handler]
        for handler in handlers:
            methods = getattr(handler, "http_methods", {"ANY"})
            # The library adds an OPTIONS handler to each path; `Security` lets none through.
            found += [
                (str(method), route.path, handler) for method in methods if method != "OPTIONS"
            ]
    return found


async def _guard(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    # Not a plain function: each of those would be run in a thread of its own.
    permission: Permission | None = handler.opt[PERMISSION]
    if permission is not None:
        require(connection.scope.get("user"), permission)


async def _no_store(response: Response[Any]) -> Response[Any]:
    response.headers.setdefault("cache-control", "no-store")
    return response
