"""Large bodies taken in by a thread of their own, straight from the socket.

Each piece that an event loop hands on is one more bytes object, two tasks and four turns between
threads; on two processors that is half of the time of a large upload. Here one thread reads into
a few buffers that it uses again and again and writes them, and another hashes them meanwhile.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import queue
import select
import socket
import threading
from typing import Final, Protocol, Self

from epochal.journal.straight import Piece
from epochal.server.pace import Pace

PIECE: Final = 1024 * 1024
TOGETHER: Final = 256 * 1024
"""The kernel wakes nobody for less, as long as it comes fast."""
FAST_SECONDS: Final = 0.05
_BUFFERS: Final = 4


class LowMark:
    """How many bytes the kernel lets come together before it wakes who waits for a socket.

    Attributes:
        connection: the socket, which does not block.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._size = 0

    def set(self, size: int) -> None:
        """Wait for so many."""
        if size != self._size:
            self._size = size
            with contextlib.suppress(OSError):  # then it wakes for each
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)


class Sink(Protocol):
    """What takes a body in. One thread hashes, and another one keeps."""

    def hash(self, *pieces: Piece) -> None:
        """Let the digest know the next pieces; they change once this returns."""

    def keep(self, *pieces: Piece) -> None:
        """Write the next pieces; they change once this returns."""


class Pouring:
    """The rest of one body, on its way from a socket into a sink.

    Args:
        mark: of its socket. Whoever shuts that down ends this.
        size: bytes that are still to come.
        sink: takes them.
        pace: how long they may take.

    Attributes:
        missing: bytes that nobody has read yet.
    """

    def __init__(self, mark: LowMark, size: int, sink: Sink, pace: Pace) -> None:
        self.missing = size
        self._mark = mark
        self._sink = sink
        self._pace = pace
        self._ready = select.poll()
        self._ready.register(mark.connection, select.POLLIN)

    def run(self, head: bytes) -> None:
        """Take everything in; ends early, with bytes missing, when the other side goes away.

        Args:
            head: bytes of the body that were read before.

        Raises:
            RequestTimeout: the body stopped or crawls.
            OSError: the sink does not take it.
        """
        self._pace.took(len(head))
        self._sink.hash(head)
        self._sink.keep(head)
        with _Hasher(self._sink) as hasher:
            buffers = [memoryview(bytearray(min(PIECE, self.missing))) for _ in range(_BUFFERS)]
            for buffer in itertools.cycle(buffers):
                hasher.wait()
                piece = buffer[: self._fill(buffer)]
                hasher.give(piece)
                self._sink.keep(piece)
                if not self.missing or len(piece) < len(buffer):
                    break

    def _fill(self, buffer: memoryview) -> int:
        """Read until a buffer is full or nothing more comes; the number of bytes."""
        wanted = min(len(buffer), self.missing)
        filled = 0
        while filled < wanted:
            size = self._read(buffer[filled:wanted])
            if not size:
                break
            filled += size
            self.missing -= size
            self._pace.took(size)
        return filled

    def _read(self, into: memoryview) -> int:
        """What is there, as soon as it is worth it; 0 when the other side is gone."""
        try:
            self._mark.set(min(TOGETHER, len(into)))
            self._wait(min(FAST_SECONDS, self._pace.allowed()))
            while True:
                try:
                    return self._mark.connection.recv_into(into)
                except BlockingIOError:
                    self._mark.set(1)
                    if not self._wait(self._pace.allowed()):
                        raise self._pace.stopped() from None
        except OSError:
            return 0

    def _wait(self, seconds: float) -> bool:
        return bool(self._ready.poll(math.ceil(seconds * 1000)))


class _Hasher:
    """A thread that hashes, at most so far behind as there are buffers."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._given: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
        self._free = threading.Semaphore(_BUFFERS)
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="epochal-hash", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._given.put(None)
        self._thread.join()
        if self._error is not None and kind is None:
            raise self._error

    def wait(self) -> None:
        """Until the buffer that is filled next is hashed."""
        self._free.acquire()

    def give(self, piece: memoryview) -> None:
        """Hash a piece before long."""
        self._given.put(piece)

    def _run(self) -> None:
        while (piece := self._given.get()) is not None:
            try:
                if self._error is None:
                    self._sink.hash(piece)
            except Exception as error:  # noqa: BLE001 - raised where the body is read
                self._error = error
            self._free.release()
