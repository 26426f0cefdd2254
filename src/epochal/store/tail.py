"""Rows that are not in a segment yet, as columns in memory.

A `Tail` follows one journal from the offset up to which segments hold its rows. It only mirrors
the file: what it holds can be dropped at any moment and read again. The columns of a tail are
replaced, never changed, so a reader may keep what it got.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import msgspec

from epochal.domain.record import Fact
from epochal.errors import CorruptFile
from epochal.journal.frame import FILE_HEADER_SIZE, SUFFIX
from epochal.journal.home import RUNS
from epochal.journal.reader import READ_CHUNK, JournalReader
from epochal.store.columns import ColumnGroup, merge_groups
from epochal.store.stretch import Stretch, decode_stretch

MANY_GROUPS = 24
MOST_RESTING = 256
"""Tails of journals that rest in memory."""
MOST_REMEMBERED = 4096
"""Journals of which it is remembered that they rest."""
KEPT_BYTES = 256 * 1024
"""Facts up to this size are kept in memory until the archive is written."""
REMOTE_SUFFIX = ".remote"
UNSENT_SUFFIX = ".unsent"

_LENGTH = struct.Struct("<I")
_decode_schemas = msgspec.msgpack.Decoder(dict[int, list[str]]).decode


class JournalKey(msgspec.Struct, frozen=True):
    """Which journal: the uids of run and writer."""

    run: str
    writer: str

    def path(self, home: Path) -> str:
        """Where its file lies."""
        return os.path.join(home, RUNS, self.run, self.writer + SUFFIX)

    def remote_mark(self, home: Path) -> str:
        """The empty file beside a received journal; its time is that of the last contact."""
        return os.path.join(home, RUNS, self.run, self.writer + REMOTE_SUFFIX)

    def unsent_mark(self, home: Path) -> str:
        """A file that a sender keeps beside a journal that no server holds completely yet."""
        return os.path.join(home, RUNS, self.run, self.writer + UNSENT_SUFFIX)


class Position(msgspec.Struct, frozen=True):
    """Where segments end in a journal.

    File offset, number of rows before it, key sets declared before it.
    """

    offset: int = FILE_HEADER_SIZE
    ordinal: int = 0
    schemas: bytes = b"\x80"


class JournalRow(msgspec.Struct, frozen=True):
    """What the database knows of a journal."""

    id: int
    run_id: int
    started_us: int
    facts_pos: int
    lines: int
    closed: bool
    lost: bool
    rests: bool = False


class Content(msgspec.Struct, frozen=True):
    """Where segments end, the columns after it, and up to where in the file they reach.

    They are only ever replaced together.
    """

    position: Position
    groups: tuple[ColumnGroup, ...]
    end: int


class Facts(msgspec.Struct):
    """Every fact of a journal so far, and how many rows were written before each."""

    facts: list[Fact]
    ordinals: list[int]
    size: int = 0


class Tail:
    """The rows of one journal after a position.

    Args:
        key: which journal.
        path: its file.
        position: where segments end.
        ahead: see `JournalReader`.

    Attributes:
        row: the journal's row as of the last commit; None before the first one.
        content: what no segment holds yet.
        ordinal: arrival number of the next row.
        facts: all facts of a short journal that was read from its beginning, else None.

    Raises:
        OSError: the file cannot be read.
        CorruptFile: it is no journal, or that of another run or writer.
        NewerFormat: it needs a newer Epochal.
    """

    def __init__(self, key: JournalKey, path: str, position: Position, ahead: int = 0) -> None:
        self.key = key
        self.path = path
        self.row: JournalRow | None = None
        self.ordinal = position.ordinal
        self.content = Content(position, (), position.offset)
        self.facts = Facts([], []) if position.offset == FILE_HEADER_SIZE else None
        schemas = _decode_schemas(position.schemas)
        self._reader = JournalReader(path, position.offset, schemas, ahead)
        header = self._reader.header
        if (header.run, header.writer) != (key.run, key.writer):
            raise CorruptFile(
                path, f"it is the journal of run {header.run}, writer {header.writer}"
            )

    @property
    def offset(self) -> int:
        """Where the next read begins."""
        return self._reader.offset

    @property
    def created_us(self) -> int:
        """When the file was created, microseconds since 1970 UTC."""
        return self._reader.header.created_us

    @property
    def order(self) -> tuple[int, str, str]:
        """Sorts journals by start, then by run and writer."""
        return self.created_us, self.key.run, self.key.writer

    @property
    def pending_bytes(self) -> int:
        """Journal bytes that are in no segment yet."""
        return self.offset - self.content.position.offset

    def has_more(self) -> bool:
        """Whether a frame seems to stand at the offset; cheap, for polling."""
        with open(self.path, "rb", buffering=0) as file:
            file.seek(self.offset)
            head = file.read(_LENGTH.size)
        return len(head) == _LENGTH.size and _LENGTH.unpack(head)[0] != 0

    def rest_is_blank(self) -> bool:
        """Whether nothing but zeros follows the last good frame."""
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            while block := file.read(1 << 20):
                if block.strip(b"\0"):
                    return False
        return True

    def read(self, limit: int = READ_CHUNK) -> Stretch:
        """Read what was written since the last call, about ``limit`` bytes at most.

        Raises:
            OSError: the file cannot be read.
        """
        found = decode_stretch(self._reader, limit, self.ordinal)
        self.ordinal += found.rows
        self._keep_facts(found)
        groups = (*self.content.groups, *found.groups)
        if found.groups and len(groups) > MANY_GROUPS:
            groups = tuple(merge_groups(groups))
        self.content = Content(self.content.position, groups, self.offset)
        return found

    def _keep_facts(self, found: Stretch) -> None:
        kept, entry = self.facts, found.entry
        if kept is None or not entry.facts:
            return
        kept.size += found.fact_bytes
        kept.facts += entry.facts
        kept.ordinals += [found.ordinal + position for position in entry.fact_positions]
        if kept.size > KEPT_BYTES:
            self.facts = None

    def read_until(self, offset: int) -> bool:
        """Read up to an offset at which a frame ends, for rows whose facts are applied already.

        Returns:
            False when the file does not reach so far any more: power was lost before its last
            second was written, or it was damaged.

        Raises:
            OSError: it cannot be read.
        """
        while self.offset < offset:
            before = self.offset
            self.read(min(READ_CHUNK, offset - before))
            if self.offset == before:
                return False
        return True

    def here(self) -> Position:
        """The position after everything read so far."""
        return Position(self.offset, self.ordinal, msgspec.msgpack.encode(self._reader.schemas))

    def advance(self, position: Position) -> None:
        """Drop the columns that a segment holds now.

        Args:
            position: as given by `here` before anything else was read.
        """
        kept = (rows_from(group, position.ordinal) for group in self.content.groups)
        left = tuple(group for group in kept if group is not None)
        self.content = Content(position, left, self.content.end)


def rows_from(group: ColumnGroup, ordinal: int) -> ColumnGroup | None:
    """The rows with this arrival number or a later one, None when there is none."""
    if int(group.order[0]) >= ordinal:
        return group
    start = int(group.order.searchsorted(ordinal))
    return group.rows(start, len(group)) if start < len(group) else None


class Tails:
    """The tails of a home that are in memory.

    Of journals that rest there may be any number, so only the last few stay, and of some more it
    is remembered that they do.
    """

    def __init__(self) -> None:
        self._tails: dict[JournalKey, Tail] = {}
        self._resting: deque[JournalKey] = deque()
        self._known_to_rest: dict[JournalKey, None] = {}
        self._lock = threading.Lock()

    def get(self, key: JournalKey) -> Tail | None:
        """The tail of a journal, when it is in memory."""
        return self._tails.get(key)

    def put(self, tail: Tail) -> None:
        """Keep a tail; one of a journal that rests for a while only."""
        with self._lock:
            self._tails[tail.key] = tail
            if tail.row is not None and tail.row.rests:
                tail.facts = None
                self._known_to_rest[tail.key] = None
                if len(self._known_to_rest) > MOST_REMEMBERED:
                    del self._known_to_rest[next(iter(self._known_to_rest))]
                self._resting.append(tail.key)
                if len(self._resting) > MOST_RESTING:
                    self._tails.pop(self._resting.popleft(), None)

    def lately_rests(self, key: JournalKey) -> bool:
        """Whether a journal is known to rest without asking the database."""
        return key in self._known_to_rest

    def drop(self, key: JournalKey) -> None:
        """Forget a tail; it is read again when it is needed."""
        with self._lock:
            self._tails.pop(key, None)

    def drop_run(self, uid: str) -> None:
        """Forget all tails of a run."""
        with self._lock:
            for key in [key for key in self._tails if key.run == uid]:
                del self._tails[key]
            for key in [key for key in self._known_to_rest if key.run == uid]:
                del self._known_to_rest[key]

    def __iter__(self) -> Iterator[Tail]:
        with self._lock:
            return iter(list(self._tails.values()))


def find_journals(home: Path, run: str | None = None) -> Iterator[JournalKey]:
    """Every journal file of a home, or of one run. Files that are none are passed over."""
    root = os.path.join(home, RUNS)
    directories = [run] if run is not None else sorted(_names(root))
    for directory in directories:
        if len(directory) != 32:
            continue
        for name in sorted(_names(f"{root}/{directory}")):
            if len(name) == 32 + len(SUFFIX) and name.endswith(SUFFIX) and name[0] != ".":
                yield JournalKey(directory, name.removesuffix(SUFFIX))


def _names(directory: str) -> list[str]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return os.listdir(directory)
    return []
