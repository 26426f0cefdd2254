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

from epochal.domain.record import Console, Heartbeat, Summary
from epochal.domain.run import RunState
from epochal.domain.tracked import CLIENT as CREATOR
from epochal.domain.tracked import FORK
from epochal.errors import InvalidInput
from epochal.protocols.wandb import awaiting, ending
from epochal.protocols.wandb.memory import (
    CLIENT,
    MAX_SPANS,
    RUN,
    SUMMARY,
    Lines,
    Memory,
    holds,
    lines_label,
    lines_of,
    memory_of,
    removed,
    save,
)
from epochal.protocols.wandb.rows import OWN, Shown, begun_us, groups, plain_number
from epochal.protocols.wandb.taken import EVENTS, HISTORY, Message, Taken
from epochal.service import foreign
from epochal.service.foreign import Recorder, Recording

HISTOGRAM: Final = "histogram"
SILENCE_S: Final = 300.0
"""Clients give a sign of life every 30 seconds."""
MAX_GAP: Final = 10_000
MAX_UNPACKED: Final = 64 * 1024 * 1024
_GZIP: Final = 31


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
        foreign.forget_stop(recorder, recording.uid)
        memory.told_to_stop, memory.raised = False, ""
        recorder.tell(recording, RunState.RUNNING, None)
    if not writer and memory.lines == Lines() and FORK not in recording.labels:
        _begin(recorder, recording, message)
    recorder.write(recording, taken.facts, taken.points)
    _console(recorder, recording, taken, writer)
    awaiting.take(recorder, recording, memory, taken.rows)
    awaiting.resolve(recorder, recording, memory, is_over=bool(message.complete))
    memory.last.update(taken.last)
    memory.seen_us = max(memory.seen_us, taken.seen_us)
    _advance(recorder, recording, taken, writer)
    if taken.summary is not None:
        write_summary(recorder, recording, memory, taken.summary)
    if message.preempting and not memory.kept.preempting:
        memory.kept.preempting = True
        save(recorder, recording, RUN, memory.kept)
    ending.watch(memory, taken.shown)
    if message.complete:
        _complete(recorder, recording, memory, message.exitcode)
        return False
    stop = foreign.shall_stop(recorder, recording.uid)
    memory.told_to_stop = memory.told_to_stop or stop
    return stop


def _begin(recorder: Recorder, recording: Recording, message: Message) -> None:
    """Take the beginning of a run from its first lines: one that is synced began long ago."""
    files = message.files or {}
    first = [files[name].content[:1] for name in (HISTORY, EVENTS) if name in files]
    began = [us for lines in first for line in lines if (us := begun_us(line)) is not None]
    if began and recording.labels.get(CREATOR) == CLIENT:
        recorder.begin_earlier(recording, min(began))


def _advance(recorder: Recorder, recording: Recording, taken: Taken, writer: str) -> None:
    """Note which lines were taken, after them: a torn write repeats lines, it loses none."""
    memory = memory_of(recording)
    lines = lines_of(recording, memory, writer)
    output, absent = _shown_until(lines, taken)
    before = (lines.history, lines.events, lines.output, lines.absent)
    if (taken.history, taken.events, output, absent) == before and not taken.moments:
        return
    lines.history, lines.events = taken.history, taken.events
    lines.output, lines.absent = output, absent
    if taken.moments:
        steps, times = zip(*taken.moments, strict=True)
        memory.lines.step = max(memory.lines.step, *steps)
        memory.lines.wall_us = max(memory.lines.wall_us, *times)
        memory.moments.clear()
        memory.points.clear()
        memory.recent.append(frozenset(taken.moments))
        memory.row = {**taken.row, "_step": steps[-1], "_timestamp": times[-1] / 1e6}
    for name in dict.fromkeys(["", writer]):
        save(recorder, recording, lines_label(name), lines_of(recording, memory, name))


def _shown_until(lines: Lines, taken: Taken) -> tuple[int, list[tuple[int, int]]]:
    """``output`` and ``absent`` of a writer's lines, once those of a message are among them."""
    if not taken.shown:
        return lines.output, lines.absent
    first, end = taken.shown_from, taken.shown_from + len(taken.shown)
    absent = removed(lines.absent, first, end)
    if first > lines.output:
        absent.append((lines.output, first))
    return max(lines.output, end), absent[-MAX_SPANS:]


def _console(recorder: Recorder, recording: Recording, taken: Taken, writer: str) -> None:
    """Console lines at their places in the journal.

    Clients send what stands further down first. A line that an older journal holds stays as it is
    there; one that has not come yet is taken whenever it comes.
    """
    if not taken.shown:
        return
    if recording.journal is None:
        recorder.write(recording, [Heartbeat(taken.now_us)])  # opens one
    places = memory_of(recording).console
    places.begin(recording.journal.writer if recording.journal is not None else "")
    lines = lines_of(recording, memory_of(recording), writer)
    for number in range(lines.output, min(taken.shown_from, lines.output + MAX_GAP)):
        places.take(writer, number)  # for lines that come late
    shown: list[tuple[int, Shown]] = []
    for number, line in enumerate(taken.shown, taken.shown_from):
        place = places.find(writer, number)
        if place is None and number < lines.output and not holds(lines.absent, number):
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
        if not prefix and name in OWN:
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


def _complete(
    recorder: Recorder, recording: Recording, memory: Memory, exit_code: int | None
) -> None:
    recording.exit_code = exit_code or 0
    if recording.foreign:
        is_unwanted = foreign.shall_stop(recorder, recording.uid)
        state = ending.state_of(memory, exit_code, is_unwanted=is_unwanted)
        recorder.tell(recording, state, ending.ended_us(memory))
