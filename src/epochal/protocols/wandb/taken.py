"""What one file_stream message stands for: every record of it, before the first is written.

A line that cannot be read, or an offset that cannot be one, is found here, so that a message is
taken whole or not at all. Rows that the run has already are left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Annotated, Any, Final

import msgspec
import numpy as np

from epochal.domain.record import Fact, Text
from epochal.protocols.wandb.blocks import Block, pieces
from epochal.protocols.wandb.memory import Lines, Memory, added, memory_of, new_parts
from epochal.protocols.wandb.rows import Row, Shown, read_console, read_event, read_object
from epochal.service import foreign
from epochal.service.foreign import Recorder, Recording
from epochal.service.recorded import Columns, Point

HISTORY: Final = "wandb-history.jsonl"
EVENTS: Final = "wandb-events.jsonl"
SUMMARY_FILE: Final = "wandb-summary.json"
OUTPUT: Final = "output.log"


class Chunk(msgspec.Struct, frozen=True):
    """Lines of one stream; ``offset`` is the number of the first."""

    content: list[str] = []
    offset: int = 0


class Message(msgspec.Struct, frozen=True):
    """One request."""

    files: dict[str, Chunk] | None = None
    uploaded: list[str] | None = None
    complete: bool | None = None
    exitcode: Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**32)] | None = None
    preempting: bool | None = None
    dropped: int | None = None


class Again:
    """Finds rows that the run has: of a request sent again, of an offline run synced twice.

    Args:
        recorder: of the server.
        uid: the run.
        memory: of the run.
        now_us: the time that lines get which tell none.
    """

    def __init__(self, recorder: Recorder, uid: str, memory: Memory, now_us: int) -> None:
        self._recorder = recorder
        self._uid = uid
        self._memory = memory
        self._now_us = now_us

    def behind(self, row: Row) -> bool:
        """Whether a row under a new number is one of the run's; only old ones are looked for."""
        lines = self._memory.lines
        is_new = row.step > lines.step or row.wall_us > lines.wall_us
        is_new = is_new or row.wall_us == self._now_us
        return not is_new and bool(row.numbers) and self.known(row)

    def is_new(self, block: Block) -> bool:
        """Whether no row of a block can be one of the run's, as all are newer."""
        lines = self._memory.lines
        return bool(np.all((block.step > lines.step) | (block.wall_us > lines.wall_us)))

    def known(self, row: Row) -> bool:
        """Whether the run has a row of this step and time. One without a number counts as had.

        A line that tells no time has another one whenever it comes: it is known by its numbers.
        """
        moment = (row.step, row.wall_us)
        if not row.numbers or any(moment in rows for rows in self._memory.recent):
            return True
        if row.wall_us == self._now_us:
            return all(self._holds(key, row.step, value) for key, value in row.numbers.items())
        key = next(iter(row.numbers))
        moments = self._memory.moments
        if key not in moments:
            moments[key] = foreign.moments_of(self._recorder, self._uid, key)
        return moment in moments[key]

    def _holds(self, key: str, step: int, value: float) -> bool:
        points = self._memory.points
        if key not in points:
            points[key] = foreign.points_of(self._recorder, self._uid, key)
        return (step, None if value != value else float(value)) in points[key]  # noqa: PLR0124


class Taken:
    """The records that a message stands for.

    Args:
        recorder: of the server.
        recording: held.
        message: as sent.
        lines: that were taken before.

    Attributes:
        now_us: when it came, microseconds since 1970 UTC.
        facts: to write, and
        points: likewise.
        rows: the history rows among them that came singly.
        moments: step and time of every history row.
        last: the last value of each key of the history.
        row: numbers of the last history row.
        history: lines taken with these; and
        events: likewise.
        seen_us: time of the last line of system metrics, -1 without one.
        shown: console lines.
        shown_from: number of the first.
        summary: the run's, when the message has one.
    """

    def __init__(
        self, recorder: Recorder, recording: Recording, message: Message, lines: Lines
    ) -> None:
        self.now_us = time.time_ns() // 1000
        self._again = Again(recorder, recording.uid, memory_of(recording), self.now_us)
        self.facts: list[Fact] = []
        self.points: list[Point | Columns] = []
        self.rows: list[Row] = []
        self.moments: list[tuple[int, int]] = []
        self.last: dict[str, Any] = {}
        self.row: dict[str, float] = {}
        self.history = lines.history
        self.events = lines.events
        self.seen_us = -1
        self.shown: list[Shown] = []
        self.shown_from = 0
        self.summary: dict[str, Any] | None = None
        for name, chunk in (message.files or {}).items():
            if name == HISTORY:
                self._history(chunk)
            elif name == EVENTS:
                self._events(chunk)
            elif name == OUTPUT:
                self.shown = [read_console(line, self.now_us) for line in chunk.content]
                self.shown_from = chunk.offset
                new_parts([], chunk.offset, 0)
            elif name == SUMMARY_FILE and chunk.content:
                self.summary = read_object(chunk.content[-1], "the summary")

    def _history(self, chunk: Chunk) -> None:
        end = chunk.offset + len(chunk.content)
        fresh = new_parts(self.history, chunk.offset, len(chunk.content))
        start = chunk.offset
        for low, high in [*fresh, (end, end)]:
            # Numbers that were taken: the request is sent again, or a second writer counts alike.
            for piece in self._pieces(chunk, start, low):
                self._add_rows(row for row in _rows(piece) if not self._again.known(row))
            for piece in self._pieces(chunk, low, high):
                if isinstance(piece, Block) and self._again.is_new(piece):
                    self._add_block(piece)
                else:
                    self._add_rows(row for row in _rows(piece) if not self._again.behind(row))
            start = high
        for low, high in fresh:
            self.history = added(self.history, low, high)

    def _pieces(self, chunk: Chunk, first: int, end: int) -> Iterable[Row | Block]:
        lines = chunk.content[first - chunk.offset : end - chunk.offset]
        return pieces(lines, first, self.now_us)

    def _add_block(self, block: Block) -> None:
        self.points.append(Columns(*block))
        self.moments += zip(block.step.tolist(), block.wall_us.tolist(), strict=True)
        self.row = block.last()
        self.last.update(self.row)

    def _add_rows(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.rows.append(row)
            self.moments.append((row.step, row.wall_us))
            self.row = row.numbers
            self.last.update(row.numbers)
            self.last.update(row.texts)
            if row.numbers:
                self.points.append(_point(row.step, row.wall_us, row.numbers))
            for key, value in row.texts.items():
                self.facts.append(Text(key, row.step, row.wall_us, value))

    def _events(self, chunk: Chunk) -> None:
        for first, end in new_parts(self.events, chunk.offset, len(chunk.content)):
            for number in range(first, end):
                wall_us, values = read_event(chunk.content[number - chunk.offset], self.now_us)
                self.seen_us = max(self.seen_us, wall_us)
                if values:
                    self.points.append(_point(number, wall_us, values))
            self.events = added(self.events, first, end)


def _rows(piece: Row | Block) -> Iterable[Row]:
    return piece.rows() if isinstance(piece, Block) else (piece,)


def _point(step: int, wall_us: int, values: dict[str, float]) -> Point:
    """Keys sorted, as the client has no order of its own: equal keys are to be one key set."""
    keys = tuple(sorted(values))
    return Point(step, wall_us, keys, [values[key] for key in keys])
