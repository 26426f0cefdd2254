"""Large parts of files sent by threads, from the system's cache straight into the socket.

Piece by piece through the event loop each byte is copied twice on its way, and each MiB is a turn
between threads: with large files that is most of a server's time. Here one call of the kernel
takes the bytes from the file to the socket. What a slow client leaves is sent piece by piece.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import select
import socket
import threading
from pathlib import Path
from typing import Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from epochal.server.joining import Joining

LARGE: Final = 1024 * 1024
"""Smaller parts go piece by piece."""
MOST_SENT: Final = 16
"""Parts at once that have threads."""
REST_SECONDS: Final = 5.0
"""A client that takes nothing for so long gets the rest piece by piece."""
_MOST_AT_ONCE: Final = 64 * 1024 * 1024
_AHEAD: Final = 16 * 1024 * 1024
"""So much is asked of the device before it is sent: large uploads are in no cache."""
_TURNS: Final = 3
"""Of the event loop, until a head has left."""

_threads = concurrent.futures.ThreadPoolExecutor(MOST_SENT, "epochal-send")
_seats = threading.BoundedSemaphore(MOST_SENT)


class Sender:
    """Sends parts of files on one connection, for one answer at a time; of its event loop.

    Args:
        out: the connection's way out.
    """

    def __init__(self, out: Joining) -> None:
        self._out = out
        self._connection: socket.socket | None = None

    async def send(self, cycle: RequestResponseCycle, path: Path, start: int, end: int) -> int:
        """Send the bytes of a file that the head of an answer announced, by a thread.

        Args:
            cycle: uvicorn's request.
            path: the file.
            start: first byte.
            end: the one after the last.

        Returns:
            How far it came; the rest is to be sent as ever.

        Raises:
            OSError: the file cannot be read.
        """
        size = end - start
        is_ours = cycle.response_started and cycle.expected_content_length == size
        if size < LARGE or not is_ours or not _seats.acquire(blocking=False):
            return start
        try:
            if not await self._head_left() or cycle.disconnected:
                return start
            reached = await self._send(path, start, end)
        finally:
            _seats.release()
        cycle.expected_content_length -= reached - start
        return reached

    def close(self) -> None:
        """Send no more; harmless when it was done."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    async def _head_left(self) -> bool:
        for _ in range(_TURNS):
            if self._out.flush():
                return True
            await asyncio.sleep(0)
        return False

    async def _send(self, path: Path, start: int, end: int) -> int:
        """Wait for the thread, also when nobody waits for us any more."""
        try:
            self._connection = self._out.get_extra_info("socket").dup()
        except OSError:  # too many open files
            return start
        work = asyncio.get_running_loop().run_in_executor(
            _threads, send_part, self._connection, path, start, end
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            self.close()
            await asyncio.wait({work})
            raise
        finally:
            self._connection.close()
            self._connection = None


def send_part(connection: socket.socket, path: Path, start: int, end: int) -> int:
    """Send bytes of a file into a socket that does not block; how far that came.

    It ends early when the other side is gone or rests, and where the file is shorter.

    Raises:
        OSError: the file cannot be opened.
    """
    ready = select.poll()
    ready.register(connection, select.POLLOUT)
    with path.open("rb", buffering=0) as file:
        asked = start
        while start < end:
            if asked < min(end, start + _AHEAD):
                _read_ahead(file.fileno(), asked, _AHEAD)
                asked += _AHEAD
            try:
                sent = os.sendfile(
                    connection.fileno(), file.fileno(), start, min(_MOST_AT_ONCE, end - start)
                )
            except BlockingIOError:
                if not ready.poll(REST_SECONDS * 1000):
                    break
                continue
            except OSError:
                break
            if not sent:
                break
            start += sent
    return start


def _read_ahead(descriptor: int, start: int, size: int) -> None:
    """Let the device begin to read a part of a file, where the system knows how to."""
    advise = getattr(os, "posix_fadvise", None)
    if advise is not None:
        with contextlib.suppress(OSError):
            advise(descriptor, start, size, os.POSIX_FADV_WILLNEED)
