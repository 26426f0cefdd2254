"""Large bodies of known length, read from their socket in large pieces.

The parser of HTTP hands a body over in pieces of 64 KiB, and each wakes the application and is
copied five times: with large files that is most of a server's time. Here the rest of a body whose
length the parser has checked is read past the parser, a MiB at once, and not before some of it has
come together. Everything around it stays as it is: who asks for the next piece gets it, and limits
of size and time count what comes. Who wants all of it in a file has it poured there by threads.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from epochal.server.asgi import Headers, Message, Receive
from epochal.server.pace import Pace
from epochal.server.pouring import FAST_SECONDS, PIECE, TOGETHER, LowMark, Pouring, Sink

LARGE: Final = 1024 * 1024
"""Smaller bodies are left to the parser."""
MOST_POURED: Final = 16
"""Bodies at once that have threads; the others are received piece by piece."""
_OTHERWISE: Final = frozenset({b"transfer-encoding", b"expect", b"upgrade"})
"""What makes a body more than so many bytes after the head."""


def announced_length(headers: Headers) -> int:
    """Bytes of a body that says so before it comes; 0 for one that does not.

    Args:
        headers: checked by the parser: at most one length, and it is a number.
    """
    named = dict(headers)
    if not named.keys().isdisjoint(_OTHERWISE):
        return 0
    return int(named.get(b"content-length", b"0"))


_threads = concurrent.futures.ThreadPoolExecutor(MOST_POURED, "epochal-body")
_seats = threading.BoundedSemaphore(MOST_POURED)


class LargeBody:
    """The body of one request. Belongs to the event loop of its connection.

    Args:
        cycle: uvicorn's request, of which nothing was received yet.
        length: bytes of the whole body.
        take_over: called once before the socket is read here: from then on nobody else may read
            what is `missing`.

    Attributes:
        missing: bytes that nobody has read yet.
    """

    def __init__(
        self, cycle: RequestResponseCycle, length: int, take_over: Callable[[], None]
    ) -> None:
        self.missing = 0
        self._cycle = cycle
        self._length = length
        self._take_over = take_over
        self._begun = False
        self._reading = False
        self._taken: LowMark | None = None
        self._ordinary: Receive = cycle.receive  # type: ignore[assignment]  # ASGI, more strictly

    async def receive(self) -> Message:
        """The next message of ASGI."""
        if not self._begun:
            self._begun = True
            return self._first() or await self._ordinary()
        if self._taken is None:
            return await self._ordinary()
        data = await self._read(self._taken)
        self.missing -= len(data)
        is_over = self._cycle.disconnected or self._cycle.response_complete
        if is_over or not data:
            self.close()
            if not is_over:
                self._cycle.transport.abort()
            return {"type": "http.disconnect"}
        if not self.missing:
            self.close()
            self._cycle.more_body = False
        return self._message(data)

    async def pour(self, pace: Pace, sink: Sink) -> bool:
        """Take the whole body into a file, by threads.

        Args:
            pace: how long it may take.
            sink: what takes it.

        Returns:
            False when it has to be received instead: it is the parser's, or too many are poured.

        Raises:
            RequestTimeout: the body stopped, or its sender went away.
            OSError: the sink does not take it.
        """
        if self._begun or not _seats.acquire(blocking=False):
            return False
        try:
            head = self._first()
            if head is None or self._taken is None:
                return False
            self._begun = True
            pouring = Pouring(self._taken, self.missing, sink, pace)
            await self._run(pouring, head["body"])
        finally:
            _seats.release()
        if self.missing:
            if not self._cycle.disconnected:
                self._cycle.transport.abort()
            raise pace.went_away()
        self._cycle.more_body = False
        return True

    async def _run(self, pouring: Pouring, head: bytes) -> None:
        """Wait for the thread, also when nobody waits for us any more."""
        self._reading = True
        work = asyncio.get_running_loop().run_in_executor(_threads, pouring.run, head)
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            self.close()
            await asyncio.wait({work})
            raise
        finally:
            self._reading = False
            self.missing = pouring.missing
            self.close()

    def drop(self, size: int) -> int:
        """Of ``size`` bytes that came after `close`, how many belong to this body."""
        dropped = min(size, self.missing)
        self.missing -= dropped
        return dropped

    def close(self) -> None:
        """Read no more; harmless when it was done. Who waits for a piece hears of the end.

        What is still to be written goes out.
        """
        if self._taken is None:
            return
        if self._reading:  # and closes it then
            with contextlib.suppress(OSError):
                self._taken.connection.shutdown(socket.SHUT_RD)
            return
        self._taken.set(1)
        self._taken.connection.close()
        self._taken = None

    def _first(self) -> Message | None:
        """Take over, with what the parser has collected; None when it is the parser's work."""
        cycle = self._cycle
        missing = self._length - len(cycle.body)
        is_over = cycle.disconnected or cycle.response_complete
        if missing < LARGE or is_over or not cycle.more_body:
            return None
        try:
            self._taken = LowMark(cycle.transport.get_extra_info("socket").dup())
        except OSError:  # too many open files
            return None
        self.missing = missing
        self._take_over()
        data, cycle.body = bytes(cycle.body), bytearray()
        cycle.message_event.clear()
        return self._message(data)

    async def _read(self, mark: LowMark) -> bytes:
        """What is there, as soon as it is worth it; nothing when the other side is gone."""
        self._reading = True
        try:
            mark.set(min(TOGETHER, self.missing))
            await _readable(mark.connection, FAST_SECONDS)
            while True:
                try:
                    return mark.connection.recv(min(PIECE, self.missing))
                except BlockingIOError:
                    mark.set(1)
                    await _readable(mark.connection, None)
        except OSError:
            return b""
        finally:
            self._reading = False

    def _message(self, data: bytes) -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": self.missing > 0}


async def _readable(connection: socket.socket, seconds: float | None) -> None:
    """Wait until there is something to read, but not longer than that.

    Nothing is read here: a wait may be given up at any moment, and bytes must not go with it.
    """
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await ready.wait()
    finally:
        loop.remove_reader(connection)
