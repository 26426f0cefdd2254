"""Numbered lines out of two streams, handed on in batches.

Promise: lines are numbered in the order in which they arrived, over both streams; a batch holds
consecutive lines of one stream, free of secrets; rounds are at least a tenth of a second apart.
A `Transcript` belongs to one thread and knows no clock: it is told the time.
"""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Callable
from typing import Final

from epochal.client.capture.redact import redact_text
from epochal.client.capture.terminal import Row, Screen

Sink = Callable[[int, int, list[str]], None]

MAX_BATCH: Final = 1_000
ROUND_SECONDS: Final = 0.1
_RECHECK_SECONDS: Final = 0.25


class Transcript:
    """Folds both streams and gives finished lines to a sink.

    Args:
        sink: takes (stream, first line number, lines).

    Attributes:
        is_muted: set it to take and give nothing any more.
        next_number: takes the number of the next line; from any thread.
    """

    def __init__(self, sink: Sink) -> None:
        count = itertools.count()
        self.next_number = count.__next__
        self.is_muted = False
        self._sink = sink
        self._screens = [Screen(self.next_number), Screen(self.next_number)]
        self._decoders = [codecs.getincrementaldecoder("utf-8")("replace") for _ in range(2)]
        self._last_round = float("-inf")
        self._next_round: float | None = None

    def add_bytes(self, stream: int, data: bytes | bytearray) -> None:
        """Take bytes of one stream; what is no UTF-8 becomes U+FFFD."""
        if not self.is_muted:
            self._screens[stream].feed(self._decoders[stream].decode(data))

    def add_text(self, stream: int, text: str) -> None:
        """Take text of one stream."""
        if not self.is_muted:
            self._screens[stream].feed(text)

    def add_notice(self, stream: int, text: str) -> None:
        """Add a whole line of our own."""
        if not self.is_muted:
            self._screens[stream].notice(text)

    def due(self) -> float | None:
        """When `emit` should be called next, on its clock; None while nothing waits."""
        if self.is_muted:
            return None
        if self._next_round is None and self._is_waiting():
            self._next_round = self._last_round + ROUND_SECONDS
        return self._next_round

    def emit(self, now: float, *, final: bool = False) -> None:
        """Give the sink what is due, in the order of line numbers.

        Args:
            now: seconds on a clock that does not go back.
            final: the streams have ended; give everything.

        Raises:
            Exception: whatever the sink raises.
        """
        if self.is_muted:
            return
        self._last_round = now
        rows: list[tuple[int, int, Row]] = [
            (row.number, stream, row)
            for stream, screen in enumerate(self._screens)
            for row in screen.take(now, final=final)
        ]
        rows.sort(key=lambda entry: entry[0])
        self._next_round = now + _RECHECK_SECONDS if self._is_waiting() else None
        batch: list[str] = []
        first = current = 0
        for number, stream, row in rows:
            fits = stream == current and number == first + len(batch) and len(batch) < MAX_BATCH
            if batch and not fits:
                self._send(current, first, batch)
                batch = []
            if not batch:
                first, current = number, stream
            batch.append(row.render())
        if batch:
            self._send(current, first, batch)

    def _is_waiting(self) -> bool:
        return any(screen.waiting for screen in self._screens)

    def _send(self, stream: int, first: int, lines: list[str]) -> None:
        self._sink(stream, first, redact_text("\n".join(lines)).split("\n"))
