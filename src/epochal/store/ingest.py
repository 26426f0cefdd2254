"""From journals to the index and segments: the operations on single journals, and on a whole home.

Everything here may be repeated, interrupted by SIGKILL, or done by two threads at once: offsets in
the database decide what is still to do.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from epochal.domain.view import RunChange
from epochal.errors import CorruptFile, EpochalError, NewerFormat, StorageFull, Unavailable
from epochal.journal.files import read_stretch
from epochal.journal.frame import FILE_HEADER_SIZE, unpack_file_header
from epochal.journal.liveness import is_held
from epochal.journal.reader import READ_CHUNK
from epochal.journal.spool import finish_spool
from epochal.store.apply import Raced, Work, apply
from epochal.store.compact import LONG_TAIL, compact, compact_all
from epochal.store.enroll import Stored, find_journals_of
from epochal.store.lost import mark_lost
from epochal.store.mend import mend
from epochal.store.resting import awake
from epochal.store.retire import retire_all
from epochal.store.schema import journal
from epochal.store.store import Store
from epochal.store.tail import JournalKey, JournalRow, Position, Tail, find_journals

ATTEMPTS = 5
GROUP = 256
"""Journals that share transactions."""
SHORT = 16 * 1024
"""A new journal of fewer bytes is read in one go."""
GROUP_BYTES = 16 * 1024 * 1024
"""Journal bytes of a group; longer journals follow one by one."""

Progress = Callable[[int, int], None]
"""Called with the number of journals done and of all."""


class Problem(msgspec.Struct, frozen=True):
    """A file that could not be read; it is left as it is."""

    path: str
    text: str


class IngestReport(msgspec.Struct):
    """What `ingest_home` did."""

    journals: int = 0
    records_damaged: int = 0
    bytes: int = 0
    runs: set[str] = set()
    problems: list[Problem] = []


def journal_key(path: str | os.PathLike[str]) -> JournalKey:
    """Run and writer, from the place of a journal."""
    directory, name = os.path.split(path)
    return JournalKey(os.path.basename(directory), os.path.splitext(name)[0])


def open_tail(
    store: Store, key: JournalKey, stored: Stored | None = None, *, remote: bool = True
) -> Tail | None:
    """The tail of a journal, read up to the facts that are applied.

    Args:
        store: the home.
        key: the journal.
        stored: what the database knows of journals, when it was asked for this one already.
        remote: whether it may have been received from another machine. Of one that was not, and
            that is new, the caller reads on at once.

    Returns:
        None when its file was given up for good.

    Raises:
        FileNotFoundError: there is no such journal.
        CorruptFile: it is damaged.
        NewerFormat: a newer Epochal wrote it.
        OSError: it cannot be read.
    """
    known = store.tails.get(key)
    if known is not None:
        return known
    path = key.path(store.home)
    if remote:
        with contextlib.suppress(CorruptFile):  # what stands before the damage is read
            mend(store, key)
    if stored is None:
        with store.database.read() as connection:
            stored = find_journals_of(connection, [key])
    found = stored.get(key)
    if found is not None and found[2]:
        with contextlib.suppress(OSError):
            os.unlink(path)
        return None
    row, position = (found[0], found[1]) if found is not None else (None, Position())
    tail = Tail(key, path, position, 0 if remote or row is not None else SHORT)
    if row is not None:
        tail.row = row
        if not tail.read_until(row.facts_pos):
            _accept_loss(store, tail, row)
    store.tails.put(tail)
    return tail


def _accept_loss(store: Store, tail: Tail, row: JournalRow) -> None:
    """Go on from the last frame that is left, when applied records have vanished from the file.

    A journal that was received is sent again from its end; one of this machine is not, so what
    follows the last good frame counts as damaged and the file is kept.

    Raises:
        CorruptFile: the journal was received; it is complete again once its sender has gone on.
    """
    if is_remote(store, tail.key):
        raise CorruptFile(
            tail.path, f"it ends at byte {tail.offset}, {row.facts_pos} bytes were applied"
        )
    with store.database.write() as connection:
        connection.execute(
            sa.update(journal)
            .where(journal.c.id == row.id, journal.c.facts_pos == row.facts_pos)
            .values(facts_pos=tail.offset, damaged=journal.c.damaged + 1)
        )
    tail.row = msgspec.structs.replace(row, facts_pos=tail.offset)


def apply_journal(store: Store, path: str | os.PathLike[str]) -> list[RunChange]:
    """Move the facts and latest values of one journal into the database.

    All that was written before the call is taken in; of what a fast writer adds meanwhile, some
    may be left. Long tails are compacted on the way, so that memory stays bounded.

    Args:
        store: the home.
        path: the journal, in the home.

    Raises:
        FileNotFoundError: there is no such journal.
        CorruptFile: it is damaged.
        NewerFormat: a newer Epochal wrote it.
        StorageFull: the disk has no room.
    """
    key = journal_key(path)
    changes: list[RunChange] = []
    with store.moving:
        attempts = 0
        size = os.stat(path).st_size
        while True:
            tail = open_tail(store, key)
            if tail is None:
                return changes
            try:
                stretch = tail.read(READ_CHUNK)
                if stretch.entry.end == stretch.entry.start:
                    return changes
                changes += apply(store, [Work(tail, stretch, is_remote(store, key))])
                if tail.pending_bytes >= LONG_TAIL:
                    compact(store, tail)
                if tail.offset >= size:
                    return changes
            except Raced:
                attempts += 1
                if attempts > ATTEMPTS:
                    raise


def compact_journal(store: Store, path: str | os.PathLike[str]) -> bool:
    """Move all applied rows of one journal into a segment; False when another ingester was faster.

    Raises:
        FileNotFoundError: there is no such journal.
        CorruptFile: it is damaged.
        StorageFull: the disk has no room; nothing was changed.
    """
    with store.moving:
        tail = open_tail(store, journal_key(path))
        return tail is None or compact(store, tail)


def is_remote(store: Store, key: JournalKey) -> bool:
    """Whether the journal was received from another machine."""
    return os.path.exists(key.remote_mark(store.home))


def ingest_home(
    store: Store, *, compact: bool = True, progress: Progress | None = None
) -> IngestReport:
    """Take in everything that the journals of the home hold.

    Many journals share a transaction. One that cannot be read is reported and left alone; the
    others are not affected.

    Args:
        store: the home.
        compact: also move the rows of journals that are finished or long into segments, and give
            up the files of finished ones.
        progress: told after each group of journals.

    Raises:
        StorageFull: the disk has no room.
        CorruptFile: the database is damaged.
    """
    report = IngestReport()
    keys = by_start(store, awake(store, find_journals(store.home)))
    for start in range(0, len(keys), GROUP):
        group = keys[start : start + GROUP]
        _ingest_group(store, group, report, compact=compact)
        report.journals += len(group)
        if progress is not None:
            progress(report.journals, len(keys))
    return report


def by_start(store: Store, keys: Iterable[JournalKey]) -> list[JournalKey]:
    """Journals in the order in which their writers started, then by run and writer.

    Colors are given, and console lines and events numbered, in this order.
    """
    return sorted(keys, key=lambda key: (_started(store, key), key.run, key.writer))


def _started(store: Store, key: JournalKey) -> int:
    path = key.path(store.home)
    try:
        return unpack_file_header(read_stretch(path, 0, FILE_HEADER_SIZE), path).created_us
    except (OSError, CorruptFile, NewerFormat):
        return 0


def _ingest_group(
    store: Store, keys: list[JournalKey], report: IngestReport, *, compact: bool
) -> None:
    """Several journals at once or, when one of them is no good, one by one."""
    try:
        if len(keys) > 1:
            with store.moving:
                _ingest_together(store, keys, report, compact=compact)
                return
    except (StorageFull, Unavailable):
        raise
    except (Raced, *QUARANTINED) as error:
        _check_database(store, error)
    for key in keys:
        try:
            with store.moving:
                _ingest_together(store, [key], report, compact=compact)
        except FileNotFoundError:
            continue
        except (StorageFull, Unavailable):
            raise
        except QUARANTINED as error:
            _check_database(store, error)
            store.tails.drop(key)
            report.problems.append(Problem(key.path(store.home), explain(error)))


def _check_database(store: Store, error: Exception) -> None:
    """Raise what says that the database itself is damaged."""
    if isinstance(error, CorruptFile) and error.path == store.database.path:
        raise error


def _ingest_together(
    store: Store, keys: list[JournalKey], report: IngestReport, *, compact: bool
) -> None:
    held = {key for key in keys if _is_in_use(store, key)}
    for key in keys:
        if key not in held:
            finish_spool(Path(key.path(store.home)))
    work: list[Work] = []
    rest: list[JournalKey] = []
    size = 0
    with store.database.read() as connection:
        stored = find_journals_of(connection, keys)
    for key in keys:
        if size > GROUP_BYTES:
            rest.append(key)
            continue
        tail = open_tail(store, key, stored)
        if tail is None:
            continue
        stretch = tail.read(READ_CHUNK)
        taken = stretch.entry.end - stretch.entry.start
        size += taken
        if taken > READ_CHUNK // 2:
            rest.append(key)
        if taken:
            work.append(Work(tail, stretch, is_remote(store, key)))
    report.runs |= {change.uid for change in apply(store, work)}
    for key in rest:
        report.runs |= {change.uid for change in apply_journal(store, key.path(store.home))}
    tails = [tail for tail in map(store.tails.get, keys) if tail is not None]
    report.bytes += sum(tail.pending_bytes for tail in tails)
    mark_lost(store, [tail for tail in tails if tail.key not in held])
    if compact:
        rows = ((tail, tail.row) for tail in tails)
        over = [tail for tail, row in rows if row and (row.closed or row.lost) and not row.rests]
        if not compact_all(store, over):
            raise Raced("rows were moved by someone else")
        retire_all(store, over)


def _is_in_use(store: Store, key: JournalKey) -> bool:
    """Whether somebody may still write the journal."""
    return is_remote(store, key) or is_held(key.path(store.home)) is not False


def explain(error: Exception) -> str:
    """One sentence for a report."""
    return error.message if isinstance(error, EpochalError) else str(error)


QUARANTINED = (CorruptFile, NewerFormat, OSError, ValueError, TypeError, OverflowError, DBAPIError)
"""What a single bad journal may raise. It is set aside then; the rest of the home goes on."""
