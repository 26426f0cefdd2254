"""What the server keeps in mind of a run that wandb's client writes.

Lines taken, config beside ours, media that wait for their files. It lies in labels of the run, so
it survives the server; `memory_of` reads it back once. Lines are counted as spans of line numbers:
a chunk that comes again adds nothing, one that comes late fills its gap.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from epochal.domain.record import BlobRef
from epochal.errors import InvalidInput
from epochal.service.foreign import Recorder, Recording

CLIENT: Final = "wandb"
LINES: Final = "$wandb.lines"
RUN: Final = "$wandb.run"
WAITING: Final = "$wandb.waiting"
TABLES: Final = "$wandb.tables"
SUMMARY: Final = "$wandb.summary"
MAX_SPANS: Final = 256
RECENT: Final = 4
MAX_PLACES: Final = 20_000
MAX_WRITERS: Final = 1_000
MAX_LINE_NUMBER: Final = 2**53

T = TypeVar("T")


class Lines(msgspec.Struct):
    """Which lines of each stream were taken, as sorted spans ``(first, one after the last)``.

    Of the console ``output`` is the number of the next line, and ``absent`` are the spans before
    it that have not come. ``step`` and ``wall_us`` are the greatest of the history, also of rows
    without a number; -1 before the first.
    """

    history: list[tuple[int, int]] = []
    events: list[tuple[int, int]] = []
    output: int = 0
    absent: list[tuple[int, int]] = []
    step: int = -1
    wall_us: int = -1


class Kept(msgspec.Struct):
    """What clients say of a run that has no place of its own in ours.

    Attributes:
        config: the entry ``_wandb`` of its config.
        program: and
        repo: and
        commit: and
        host: of the script.
        sweep: id of the sweep that the run belongs to.
        description: an old kind of notes.
        preempting: whether a client said that it preempts.
        since_us: when its client began to send, microseconds since 1970 UTC.
    """

    config: dict[str, Any] = {}
    program: str = ""
    repo: str = ""
    commit: str = ""
    host: str = ""
    sweep: str = ""
    description: str = ""
    preempting: bool = False
    since_us: int = 0


class Waiting(msgspec.Struct):
    """Media that were logged before their files arrived, or the names of classes in them.

    ``until_us`` is when the latter are waited for no more, microseconds since 1970 UTC.
    """

    key: str
    step: int
    wall_us: int
    value: dict[str, Any]
    until_us: int = 0


class Places:
    """Where console lines lie in the journal that is open, so that later ones can replace them."""

    def __init__(self) -> None:
        self.journal = ""
        self._next = 0
        self._places: dict[tuple[str, int], int] = {}

    def begin(self, journal: str) -> None:
        """Forget all places when another journal is open than before."""
        if journal != self.journal:
            self.journal, self._next = journal, 0
            self._places.clear()

    def find(self, writer: str, number: int) -> int | None:
        """The place of a client's line, if it is in this journal."""
        return self._places.get((writer, number))

    def take(self, writer: str, number: int) -> int:
        """A new place for a client's line."""
        if len(self._places) >= MAX_PLACES:
            self._places = dict(list(self._places.items())[MAX_PLACES // 2 :])
        place = self._places[writer, number] = self._next
        self._next += 1
        return place


class Memory:
    """All of it, for one recording; whoever holds the recording may use it."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.kept = Kept()
        self.waiting: list[Waiting] = []
        self.tables: list[Waiting] = []
        """Tables that may be drawn, when a config comes to say how."""
        self.objects: dict[str, Any] = {}
        """Entries of the summary that are media."""
        self.last: dict[str, Any] = {}
        """The last history value of each key, since the recording is known."""
        self.summary: dict[str, Any] | None = None
        """What was last recorded as summary; None when that is not known any more."""
        self.config_text = ""
        self.console = Places()
        self.writers: dict[str, Lines] = {}
        """Lines of each of several processes that share the run, by the ids of their clients."""
        self.files: dict[str, BlobRef] | None = None
        self.row: dict[str, Any] = {}
        """The last history row."""
        self.moments: dict[str, set[tuple[int, int]]] = {}
        """Step and time of the points of some series, read when rows seem to come again."""
        self.points: dict[str, set[tuple[int, float | None]]] = {}
        """Likewise their step and value, None for NaN; lines that tell no time are known by it."""
        self.recent: deque[frozenset[tuple[int, int]]] = deque(maxlen=RECENT)
        """Step and time of the rows of the last requests, which may not be committed yet."""
        self.seen_us = -1
        """The time of the last line of system metrics."""
        self.told_to_stop = False
        """Whether the client was answered that somebody wants the run to stop."""
        self.raised = ""
        """The exception whose traceback the console showed last since then."""


def memory_of(recording: Recording) -> Memory:
    """The memory of a held recording."""
    if not isinstance(recording.memory, Memory):
        recording.memory = remembered(recording.labels)
    return recording.memory


def remembered(labels: Mapping[str, str]) -> Memory:
    """What labels of a run say, for those that only look."""
    memory = Memory()
    memory.lines = _read(labels, LINES, Lines) or Lines()
    memory.kept = _read(labels, RUN, Kept) or Kept()
    memory.waiting = _read(labels, WAITING, list[Waiting]) or []
    memory.tables = _read(labels, TABLES, list[Waiting]) or []
    memory.objects = _read(labels, SUMMARY, dict[str, Any]) or {}
    return memory


def lines_of(recording: Recording, memory: Memory, writer: str) -> Lines:
    """The lines of one of the processes that share a run; "" is the only one of other runs.

    Raises:
        InvalidInput: there are too many of them.
    """
    if not writer:
        return memory.lines
    known = memory.writers.get(writer)
    if known is None:
        if len(memory.writers) >= MAX_WRITERS:
            raise InvalidInput(f"more than {MAX_WRITERS:,} processes share the run")
        label = lines_label(writer)
        known = memory.writers[writer] = _read(recording.labels, label, Lines) or Lines()
    return known


def lines_label(writer: str) -> str:
    """The label that holds the lines of a writer."""
    return f"{LINES}.{writer}" if writer else LINES


def _read(labels: Mapping[str, str], label: str, type: type[T]) -> T | None:
    text = labels.get(label)
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=type)
    except msgspec.MsgspecError:
        return None  # cut by a limit of the store: as good as forgotten


def save(recorder: Recorder, recording: Recording, label: str, value: object) -> None:
    """Write a part of the memory to its label."""
    recorder.label(recording, {label: msgspec.json.encode(value).decode()})


def new_parts(spans: list[tuple[int, int]], first: int, count: int) -> list[tuple[int, int]]:
    """Which of ``count`` lines from ``first`` on were not taken before, as spans.

    Raises:
        InvalidInput: the numbers cannot be those of lines.
    """
    if not 0 <= first <= MAX_LINE_NUMBER or count < 0:
        raise InvalidInput(f"offset must be the number of a line, got {first}")
    end, start = first + count, first
    found: list[tuple[int, int]] = []
    index = max(0, bisect.bisect_left(spans, (first, first)) - 1)
    for low, high in spans[index:]:
        if low >= end:
            break
        if low > start:
            found.append((start, low))
        start = max(start, high)
    if start < end:
        found.append((start, end))
    return found


def added(spans: list[tuple[int, int]], first: int, end: int) -> list[tuple[int, int]]:
    """The spans with one more.

    Raises:
        InvalidInput: there are too many gaps.
    """
    if first >= end:
        return spans
    joined: list[tuple[int, int]] = []
    for low, high in sorted([*spans, (first, end)]):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    if len(joined) > MAX_SPANS:
        raise InvalidInput(
            f"the offsets leave more than {MAX_SPANS} gaps; send the lines in between first"
        )
    return joined


def removed(spans: list[tuple[int, int]], first: int, end: int) -> list[tuple[int, int]]:
    """The spans without one."""
    parts = [((low, min(high, first)), (max(low, end), high)) for low, high in spans]
    return [part for pair in parts for part in pair if part[0] < part[1]]


def holds(spans: list[tuple[int, int]], number: int) -> bool:
    """Whether a number lies in one of the spans."""
    return any(low <= number < high for low, high in spans)


def count_of(spans: list[tuple[int, int]]) -> int:
    """The number that the next line would have."""
    return spans[-1][1] if spans else 0
