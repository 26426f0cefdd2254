"""An application that is made when it is needed, or when the server has nothing else to do.

It is made once, in a thread, while other requests are answered; who needs it meanwhile waits.
Where it cannot be made nobody gets through: who waits is told so, `Late.fault` says why, and
`Late.failed` is called, so that the server ends.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from epochal._loading import not_collecting
from epochal.errors import Unavailable
from epochal.server.asgi import Application, Receive, Scope, Send
from epochal.server.errors import send_error

if TYPE_CHECKING:
    from litestar import Litestar

log: Final = logging.getLogger("epochal.server")
PAUSE: Final = 0.05
"""Seconds after the start in which what came first is answered, undisturbed."""


class Late:
    """Stands for an application of the web library. Safe to use from any thread.

    Args:
        make: makes it; may take its time, and fail.

    Attributes:
        fault: why it could not be made.
        failed: called, in the event loop, when it could not be made.
    """

    def __init__(self, make: Callable[[], Litestar]) -> None:
        self.fault: Exception | None = None
        self.failed: Callable[[], None] = lambda: None
        self._make = make
        self._made: Litestar | None = None
        self._lock = threading.Lock()
        self._loading: asyncio.Task[Litestar | None] | None = None
        self._soon: asyncio.TimerHandle | None = None

    def get(self) -> Litestar:
        """The application; it is made now if nobody has.

        Raises:
            Exception: it cannot be made.
        """
        with self._lock:
            if self._made is None:
                self._made = self._make_quickly()
            return self._made

    def load_soon(self) -> None:
        """Make it in a moment, if nobody has by then. Call it in the event loop."""
        self._soon = asyncio.get_running_loop().call_later(PAUSE, self._begin)

    async def end(self, seconds: float) -> None:
        """Begin nothing any more, and wait for what was begun, at most so long."""
        if self._soon is not None:
            self._soon.cancel()
        if self._loading is not None:
            await asyncio.wait([self._loading], timeout=seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of ASGI."""
        # Who gives up waiting does not take it from the others.
        made = self._made or await asyncio.shield(self._begin())
        if made is None:
            problem = Unavailable("the server cannot serve this; its log says why, and it ends")
            await send_error(send, problem, scope["path"], close=True)
            return
        await cast("Application", made)(scope, receive, send)

    def _begin(self) -> asyncio.Task[Litestar | None]:
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
        return self._loading

    async def _load(self) -> Litestar | None:
        try:
            return await asyncio.to_thread(self.get)
        except Exception as error:
            log.critical("the routes cannot be loaded; the server ends", exc_info=error)
            self.fault = error
            self.failed()
            return None

    def _make_quickly(self) -> Litestar:
        with not_collecting():
            try:
                return self._make()
            finally:
                gc.freeze()  # what is loaded stays
