"""How much of the server one caller may hold: requests under way, and the time of a body.

Sizes are checked where bodies are read: JSON by the web library's own limit, journals in
`epochal.protocols.native.body`. A body must keep coming: after ``body_timeout`` seconds of
silence, or when it falls behind 1 KiB a second for that long, it is given up with 408.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Final

from epochal.errors import RequestTimeout, Unavailable
from epochal.server.asgi import WHOLE, Application, Message, Receive, Scope, Send
from epochal.server.errors import send_error
from epochal.server.pace import Pace
from epochal.server.settings import Settings
from epochal.service.receiving import POUR

STREAMS: Final = frozenset({"/api/v1/events"})


class Limits:
    """Counts requests and watches bodies. Belongs to one event loop.

    Args:
        app: what gets the requests that pass.
        settings: the limits.
    """

    def __init__(self, app: Application, settings: Settings) -> None:
        self._app = app
        self._most = settings.max_requests
        self._patience = settings.body_timeout
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of ASGI."""
        if scope["type"] != "http" or scope["path"] in STREAMS:
            await self._app(scope, receive, send)
            return
        if self._under_way >= self._most:
            busy = Unavailable(
                f"the server has {self._under_way} requests under way; try again in a moment"
            )
            await send_error(send, busy, scope["path"], close=True)
            return
        self._under_way += 1
        extensions = scope.get("extensions", {})
        if POUR in extensions:
            extensions[POUR] = functools.partial(extensions[POUR], Pace(self._patience))
        is_whole = WHOLE in extensions
        receive = arrived(receive) if is_whole else watched(receive, self._patience)
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1


def arrived(receive: Receive) -> Receive:
    """A ``receive`` for a body that is here, unless its sender went away before it was asked for.

    Args:
        receive: ASGI.
    """
    was_asked = False

    async def first() -> Message:
        nonlocal was_asked
        message = await receive()
        if not was_asked and message["type"] == "http.disconnect":
            raise RequestTimeout("the client went away before its request was served")
        was_asked = True
        return message

    return first


def watched(receive: Receive, patience: float) -> Receive:
    """A ``receive`` that gives up on a body that stops or crawls.

    Args:
        receive: ASGI.
        patience: seconds of silence, or of falling behind, that are allowed.
    """
    pace = Pace(patience)
    complete = False

    async def patient() -> Message:
        nonlocal complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout(pace.allowed()):
                message = await receive()
        except TimeoutError:
            raise pace.stopped() from None
        if message["type"] == "http.disconnect":
            raise pace.went_away()
        if message["type"] == "http.request":
            pace.took(len(message.get("body", b"")))
            complete = not message.get("more_body", False)
        return message

    return patient
