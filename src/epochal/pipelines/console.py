"""What each step prints, although several run in one process.

While a pipeline runs, ``sys.stdout`` and ``sys.stderr`` pass everything on unchanged and give a
copy to the step that printed it; threads that a step starts by itself count as the pipeline's.
What C code prints past Python is not seen.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Final

from epochal.client import guard
from epochal.domain.record import Console, Fact

BATCH_S: Final = 0.5
BATCH_LINES: Final = 100
MAX_LINE: Final = 65_536


class Sink:
    """Turns what is printed into records of a run. Thread-safe.

    Args:
        record: takes a fact.
    """

    def __init__(self, record: Callable[[Fact], object]) -> None:
        self._record = record
        self._lock = threading.RLock()
        self._rests = ["", ""]
        self._lines: list[str] = []
        self._stream = 0
        self._first = 0
        self._due = 0.0

    def feed(self, stream: int, text: str) -> None:
        """Take text as it is printed.

        Args:
            stream: 0 for stdout, 1 for stderr.
            text: any part of a line, or several lines.
        """
        with self._lock:
            *whole, rest = (self._rests[stream] + text).split("\n")
            self._rests[stream] = rest if len(rest) < MAX_LINE else ""
            if len(rest) >= MAX_LINE:
                whole.append(rest)
            if not whole:
                return
            if stream != self._stream:
                self.flush()
                self._stream = stream
            self._lines += [line.rpartition("\r")[2] or line.rstrip("\r") for line in whole]
            if len(self._lines) >= BATCH_LINES or time.monotonic() >= self._due:
                self.flush()

    def flush(self) -> None:
        """Record the whole lines so far."""
        with self._lock:
            lines, self._lines = self._lines, []
            self._due = time.monotonic() + BATCH_S
            first, self._first = self._first, self._first + len(lines)
            if lines:
                self._record(Console(time.time_ns() // 1000, self._stream, first, lines))

    def close(self) -> None:
        """Record everything, unfinished lines included."""
        for stream in (0, 1):
            if self._rests[stream]:
                self.feed(stream, "\n")
        self.flush()


_sink: ContextVar[Sink | None] = ContextVar("epochal_console", default=None)


class _Router:
    """Stands for a stream: everything goes on to it, and a copy to the sink of this context."""

    def __init__(self, stream: Any, number: int) -> None:
        self._stream = stream
        self._number = number
        self.fallback: Sink | None = None

    def write(self, text: str) -> Any:
        written = self._stream.write(text)
        sink = _sink.get() or self.fallback
        if sink is not None and isinstance(text, str):
            with guard.Shield("recording what a step prints"):
                sink.feed(self._number, text)
        return written

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


_routers: list[_Router] = []
_users = 0
_lock = threading.Lock()


@contextlib.contextmanager
def routed(fallback: Sink | None = None) -> Iterator[None]:
    """Listen to the standard streams within a block; blocks may overlap."""
    global _users  # noqa: PLW0603 - the streams are the process's
    with _lock:
        _users += 1
        if _users == 1:
            _routers[:] = [_Router(sys.stdout, 0), _Router(sys.stderr, 1)]
            sys.stdout, sys.stderr = _routers
        before = [router.fallback for router in _routers]
        for router in _routers:
            router.fallback = fallback or router.fallback
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            for router, sink in zip(_routers, before, strict=True):
                router.fallback = sink
            if _users == 0:
                _unroute()


def _unroute() -> None:
    """Give the streams back, unless somebody else put theirs in the place of ours."""
    out, err = _routers
    if sys.stdout is out:
        sys.stdout = out._stream  # noqa: SLF001 - our own
    if sys.stderr is err:
        sys.stderr = err._stream  # noqa: SLF001
    for router in _routers:
        router.fallback = None


@contextlib.contextmanager
def heard(sink: Sink) -> Iterator[None]:
    """Give what this thread prints to a sink within a block."""
    token = _sink.set(sink)
    try:
        yield
    finally:
        _sink.reset(token)
        sink.close()
