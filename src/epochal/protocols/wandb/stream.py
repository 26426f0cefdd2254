"""file_stream: what a run sends while it runs. Taken whole or not at all, answered when durable.

Lines have numbers. History and system metrics are taken once, however often and in whatever order
their chunks come; console lines replace older ones of their number; of the summary the last line
counts. ``complete`` ends the run with its exit code; any other request says that it lives.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from epochal.domain.record import Console, Fact, Heartbeat, Summary, Text
from epochal.domain.run import RunState
from epochal.errors import InvalidInput
from epochal.protocols.wandb import awaiting
from epochal.protocols.wandb.memory import (
    RUN,
    SUMMARY,
    Lines,
    Memory,
    added,
    lines_label,
    lines_of,
    memory_of,
    new_parts,
    save,
)
from epochal.protocols.wandb.rows import (
    Row,
    Shown,
    groups,
    plain_number,
    read_console,
    read_event,
    read_object,
    read_row,
)
from epochal.service import foreign
from epochal.service.foreign import Recorder, Recording
from epochal.service.recording import Point

HISTORY: Final = "wandb-history.jsonl"
EVENTS: Final = "wandb-events.jsonl"
SUMMARY_FILE: Final = "wandb-summary.json"
OUTPUT: Final = "output.log"
HISTOGRAM: Final = "histogram"
INTERRUPTED: Final = 255
SILENCE_S: Final = 300.0
"""Clients give a sign of life every 30 seconds."""
MAX_GAP: Final = 10_000
MAX_UNPACKED: Final = 64 * 1024 * 1024
_GZIP: Final = 31


class Chunk(msgspec.Struct, frozen=True):
    """Lines of one stream; ``offset`` is the number of the first."""

    content: list[str] = []
    offset: int = 0


class Message(msgspec.Struct, frozen=True):
    """One request."""

    files: dict[str, Chunk] | None = None
    uploaded: list[str] | None = None
    complete: bool | None = None
    exitcode: int | None = None
    preempting: bool | None = None
    dropped: int | None = None


_decode = msgspec.json.Decoder(Message).decode


def read_message(body: bytes) -> Message:
    """The body of a request.

    Raises:
        InvalidInput: it does not have the form of one.
    """
    try:
        return _decode(body or b"{}")
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidInput(f"this is no file_stream message: {error!s:.300}") from None


def unpacked(body: bytes, *, packed: bool) -> bytes:
    """The body without gzip.

    Raises:
        InvalidInput: it is no whole gzip stream, or unpacks to too much.
    """
    if not packed:
        return body
    decompressor = zlib.decompressobj(_GZIP)
    try:
        data = decompressor.decompress(body, MAX_UNPACKED)
    except zlib.error as error:
        raise InvalidInput(f"the body says gzip but is none: {error}") from None
    if not decompressor.eof:
        raise InvalidInput("the gzip body is cut short or unpacks to more than 64 MiB")
    return data


class Again:
    """Finds rows that the run has: of a request sent again, of an offline run synced twice.

    Args:
        recorder: of the server.
        uid: the run.
        memory: of the run.
    """

    def __init__(self, recorder: Recorder, uid: str, memory: Memory) -> None:
        self._recorder = recorder
        self._uid = uid
        self._memory = memory

    def behind(self, row: Row) -> bool:
        """Whether a row under a new number is one of the run's; only old ones are looked for."""
        lines = self._memory.lines
        is_new = row.step > lines.step or row.wall_us > lines.wall_us
        return not is_new and bool(row.numbers) and self.known(row)

    def known(self, row: Row) -> bool:
        """Whether the run has a row of this step and time. One without a number counts as had."""
        moment = (row.step, row.wall_us)
        if not row.numbers or any(moment in rows for rows in self._memory.recent):
            return True
        key = next(iter(row.numbers))
        moments = self._memory.moments
        if key not in moments:
            moments[key] = foreign.moments_of(self._recorder, self._uid, key)
        return moment in moments[key]


class Taken:
    """The records that a message stands for: all made before the first is written.

    Args:
        recorder: of the server.
        recording: held.
        message: as sent.
        lines: that were taken before.
    """

    def __init__(
        self, recorder: Recorder, recording: Recording, message: Message, lines: Lines
    ) -> None:
        self._again = Again(recorder, recording.uid, memory_of(recording))
        self.now_us = time.time_ns() // 1000
        self.facts: list[Fact] = []
        self.points: list[Point] = []
        self.rows: list[Row] = []
        self.history = lines.history
        self.events = lines.events
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
            for number in range(start, low):
                row = self._row(chunk, number)
                if not self._again.known(row):
                    self._add(row)
            for number in range(low, high):
                row = self._row(chunk, number)
                if not self._again.behind(row):
                    self._add(row)
            start = high
        for low, high in fresh:
            self.history = added(self.history, low, high)

    def _row(self, chunk: Chunk, number: int) -> Row:
        return read_row(chunk.content[number - chunk.offset], number, self.now_us)

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        if row.numbers:
            keys, values = tuple(row.numbers), list(row.numbers.values())
            self.points.append(Point(row.step, row.wall_us, keys, values))
        for key, value in row.texts.items():
            self.facts.append(Text(key, row.step, row.wall_us, value))

    def _events(self, chunk: Chunk) -> None:
        for first, end in new_parts(self.events, chunk.offset, len(chunk.content)):
            for number in range(first, end):
                wall_us, values = read_event(chunk.content[number - chunk.offset], self.now_us)
                if values:
                    self.points.append(
                        Point(number, wall_us, tuple(values), list(values.values()))
                    )
            self.events = added(self.events, first, end)


def take(recorder: Recorder, recording: Recording, message: Message, writer: str = "") -> bool:
    """Write what a message holds to the held run; whether somebody wants the run to stop.

    ``writer`` names one of several processes that share a run; each counts lines of its own.

    Raises:
        InvalidInput: a line cannot be read, or an offset cannot be one; nothing was written.
    """
    memory = memory_of(recording)
    recording.heard, recording.patience_s = time.monotonic(), SILENCE_S
    lines = lines_of(recording, memory, writer)
    taken = Taken(recorder, recording, message, lines)
    if recording.foreign and recording.state is not RunState.RUNNING and not message.complete:
        recorder.tell(recording, RunState.RUNNING, None)
    recorder.write(recording, taken.facts, taken.points)
    _console(recorder, recording, taken, (writer, lines.output))
    awaiting.take(recorder, recording, memory, taken.rows)
    for row in taken.rows:
        memory.last.update(row.numbers)
        memory.last.update(row.texts)
    _advance(recorder, recording, taken, writer)
    if taken.summary is not None:
        write_summary(recorder, recording, memory, taken.summary)
    if message.preempting and not memory.kept.preempting:
        memory.kept.preempting = True
        save(recorder, recording, RUN, memory.kept)
    if message.complete:
        _complete(recorder, recording, message.exitcode)
    return memory.is_stopping and not message.complete


def _advance(recorder: Recorder, recording: Recording, taken: Taken, writer: str) -> None:
    """Note which lines were taken, after them: a torn write repeats lines, it loses none."""
    memory = memory_of(recording)
    lines = lines_of(recording, memory, writer)
    output = max(lines.output, taken.shown_from + len(taken.shown) if taken.shown else 0)
    before = (lines.history, lines.events, lines.output)
    if (taken.history, taken.events, output) == before and not taken.rows:
        return
    lines.history, lines.events, lines.output = taken.history, taken.events, output
    if taken.rows:
        memory.lines.step = max(memory.lines.step, *(row.step for row in taken.rows))
        memory.lines.wall_us = max(memory.lines.wall_us, *(row.wall_us for row in taken.rows))
        memory.moments.clear()
        memory.recent.append(frozenset((row.step, row.wall_us) for row in taken.rows))
        last = taken.rows[-1]
        memory.row = {**last.numbers, "_step": last.step, "_timestamp": last.wall_us / 1e6}
    for name in dict.fromkeys(["", writer]):
        save(recorder, recording, lines_label(name), lines_of(recording, memory, name))


def _console(
    recorder: Recorder, recording: Recording, taken: Taken, known: tuple[str, int]
) -> None:
    """Console lines at their places in the journal; what an older journal holds stays as it is.

    ``known`` is the writer, and how many lines it had shown before.
    """
    if not taken.shown:
        return
    if recording.journal is None:
        recorder.write(recording, [Heartbeat(taken.now_us)])  # opens one
    places = memory_of(recording).console
    places.begin(recording.journal.writer if recording.journal is not None else "")
    writer, output = known
    for number in range(output, min(taken.shown_from, output + MAX_GAP)):
        places.take(writer, number)  # for lines that come late
    shown: list[tuple[int, Shown]] = []
    for number, line in enumerate(taken.shown, taken.shown_from):
        place = places.find(writer, number)
        if place is None and number < output:
            continue
        shown.append((places.take(writer, number) if place is None else place, line))
    recorder.write(
        recording,
        [
            Console(part[-1].wall_us, part[0].stream, first, [line.text for line in part])
            for first, part in groups(shown)
        ],
    )


def write_summary(
    recorder: Recorder, recording: Recording, memory: Memory, summary: Mapping[str, Any]
) -> None:
    """Record those summary values that do not follow from the history by themselves."""
    flat: dict[str, Any] = {}
    objects: dict[str, Any] = {}
    _flatten(summary, "", flat, objects)
    known = memory.summary
    changes = {
        key: value
        for key, value in flat.items()
        if known is None
        or (not _same(known[key], value) if key in known else not _is_last(memory, key, value))
    }
    removed = [key for key in known or {} if key not in flat]
    if changes or removed:
        recorder.write(recording, [Summary(time.time_ns() // 1000, changes, removed)])
        memory.summary = {
            key: value for key, value in {**(known or {}), **changes}.items() if key in flat
        }
    elif known is None:
        memory.summary = {}
    if objects != memory.objects:
        memory.objects = objects
        save(recorder, recording, SUMMARY, objects)


def _flatten(
    fields: Mapping[str, Any], prefix: str, flat: dict[str, Any], objects: dict[str, Any]
) -> None:
    for name, value in fields.items():
        if not prefix and name in ("_wandb", "_step", "_timestamp", "_runtime"):
            continue
        key = prefix + name
        if isinstance(value, dict) and isinstance(value.get("_type"), str):
            if value["_type"] != HISTOGRAM:  # as large as all of `watch`, and media anyway
                objects[key] = value
        elif isinstance(value, dict) and value and prefix.count(".") < 30:
            _flatten(value, f"{key}.", flat, objects)
        elif isinstance(value, (int, float)):
            flat[key] = plain_number(value)
        elif value is not None:
            flat[key] = value


def _is_last(memory: Memory, key: str, value: object) -> bool:
    return key in memory.last and _same(memory.last[key], value)


def _same(left: object, right: object) -> bool:
    return left == right or (left != left and right != right)  # noqa: PLR0124 - NaN


def _complete(recorder: Recorder, recording: Recording, exit_code: int | None) -> None:
    recording.exit_code = exit_code or 0
    if exit_code == INTERRUPTED:
        state = RunState.KILLED
    else:
        state = RunState.FAILED if exit_code else RunState.FINISHED
    if recording.foreign:
        recorder.tell(recording, state, None)
