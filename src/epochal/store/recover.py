"""Making the database anew from what lies in the run directories.

Journals and archives of facts together hold every record, segments every row; so runs come back
whole, each writer after those that started before it. So do artifacts and models: their records
are applied over all runs in the order of their times, so that versions get their numbers again;
then what people said of models and experiments is laid over them. Reports have files of their
own, and a run that was archived has a mark of it. What only the database knew is lost: edits made
by hand (names, notes, tags, colors), saved views and API keys.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

import msgspec
import sqlalchemy as sa

from epochal.domain.objects import RunRef
from epochal.domain.record import ArtifactCommit, Header, ModelLink
from epochal.errors import CorruptFile, EpochalError, StorageError
from epochal.journal.frame import SUFFIX
from epochal.journal.home import DATABASE, RUNS
from epochal.journal.reader import JournalReader
from epochal.store import registry, versions
from epochal.store.apply import RunNews, publish
from epochal.store.archive import ARCHIVE_SUFFIX, Archive, read_archive
from epochal.store.arrivals import drop_arrivals
from epochal.store.called import call, eras_of, read_called
from epochal.store.compact import SEGMENT_SUFFIX, segment_range
from epochal.store.database import Database
from epochal.store.definitions import restate_rules
from epochal.store.enroll import check_header
from epochal.store.experiments import restore_experiments
from epochal.store.ingest import (
    QUARANTINED,
    IngestReport,
    Problem,
    apply_journal,
    by_start,
    explain,
    ingest_home,
)
from epochal.store.keep import DIRECTORY as KEPT
from epochal.store.keep import Kept, read_kept
from epochal.store.lock import take_lock
from epochal.store.moved import restore_makers
from epochal.store.params import intern_keys
from epochal.store.recount import recount_keys
from epochal.store.reports import restore_reports
from epochal.store.restored import LATE, restore_journals
from epochal.store.schema import key, latest, segment
from epochal.store.segment import Segment
from epochal.store.standing import lay_over, read_books
from epochal.store.store import Store
from epochal.store.tail import JournalKey, find_journals

_UID = re.compile(r"[0-9a-f]{32}")
_BAD_FILE = (StorageError, OSError, ValueError)


class Late(msgspec.Struct, frozen=True):
    """A record whose effect depends on records of other runs; without a row of a deleted run."""

    maker: RunRef
    run_id: int | None
    fact: ArtifactCommit | ModelLink


class RebuildReport(msgspec.Struct):
    """What `rebuild` found. ``set_aside`` is where the old database went."""

    runs: int
    problems: list[Problem]
    ingest: IngestReport
    set_aside: Path | None


def rebuild(home: Path, *, wait: float = 10.0) -> RebuildReport:
    """Set a damaged database aside and make a new one.

    Args:
        home: the home; nobody may have it open.
        wait: seconds to wait for another owner to let go.

    Raises:
        StoreLocked: another process owns the home.
        StorageFull: the disk has no room.
    """
    lock = take_lock(home, wait)
    set_aside = _set_aside(home)
    database = Database(home / DATABASE)
    with contextlib.ExitStack() as stack:
        stack.callback(database.close)
        database.create()
        store = Store(home, database, lock)
        stack.enter_context(store)
        runs, problems, report = restore(store)
        problems += [Problem(str(lost.path), explain(lost)) for lost in restore_reports(store)]
        return RebuildReport(len(runs | report.runs), problems, report, set_aside)


def restore(store: Store) -> tuple[set[str], list[Problem], IngestReport]:
    """Bring back everything that lies in the home.

    Args:
        store: a home with an empty database.

    Returns:
        The uids that came back without a journal, what could not be read, and what was ingested.
    """
    drop_arrivals(store)
    names, unread = read_called(store.home)
    store.eras = eras_of(names)
    try:
        runs, problems = restore_runs(store)
        report = ingest_home(store)
    finally:
        store.eras = None
    problems += [Problem(str(lost.path), explain(lost)) for lost in unread]
    try:
        books = read_books(store.home)
    except _BAD_FILE as error:
        problems.append(Problem(str(store.home), explain(error)))
        books = []
    with store.moving, store.database.write() as connection:
        call(connection, names)
        for book in books:
            lay_over(connection, book)
        restore_makers(connection)
    problems += [Problem(str(lost.path), explain(lost)) for lost in restore_experiments(store)]
    return runs, problems, report


def has_kept(home: Path) -> bool:
    """Whether a home has records that are in no journal."""
    return any((home / KEPT).glob("*")) or has_archives(home)


def has_archives(home: Path) -> bool:
    """Whether any run keeps records that are in no journal any more."""
    for directory in os.scandir(home / RUNS):
        if _UID.fullmatch(directory.name):
            for name in os.listdir(directory.path):
                if name.endswith(ARCHIVE_SUFFIX):
                    return True
    return False


def restore_runs(store: Store) -> tuple[set[str], list[Problem]]:
    """Bring back what journals no longer hold. A damaged file is reported; other runs come back.

    Args:
        store: a home with an empty database.

    Returns:
        The uids that came back, and the files that could not be read.
    """
    restored: set[str] = set()
    problems: list[Problem] = []
    late: list[Late] = []
    for directory in sorted(os.listdir(store.home / RUNS)):
        if _UID.fullmatch(directory) and restore_run(store, directory, problems, late):
            restored.add(directory)
    with store.moving, store.database.write() as connection:
        for kept in _kept(store, problems):
            late += [Late(kept.run, None, fact) for fact in kept.records]
        for item in sorted(late, key=lambda item: item.fact.wall_us):
            _apply_late(store, connection, item, problems)
    return restored, problems


def _kept(store: Store, problems: list[Problem]) -> list[Kept]:
    try:
        return read_kept(store.home)
    except _BAD_FILE as error:
        problems.append(Problem(str(store.home), explain(error)))
        return []


def _apply_late(
    store: Store, connection: sa.Connection, item: Late, problems: list[Problem]
) -> None:
    try:
        if isinstance(item.fact, ModelLink):
            registry.link(connection, item.maker, item.fact)
        else:
            versions.commit(
                connection, store.blobs, item.maker, item.run_id, item.fact, store.eras
            )
    except EpochalError as error:
        problems.append(Problem(item.maker.uid, explain(error)))


def _set_aside(home: Path) -> Path | None:
    path = home / DATABASE
    if not path.exists():
        return None
    target = path.with_name(f"{DATABASE}.damaged-{time.time_ns() // 1_000_000_000}")
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{target}{suffix}")
    return target


def restore_run(store: Store, uid: str, problems: list[Problem], late: list[Late]) -> bool:
    """Bring back one run, from its archives and segments, and journals of before those.

    Args:
        store: a home without the run.
        uid: the run.
        problems: takes what could not be read.
        late: takes the records whose effect depends on other runs.

    Returns:
        Whether it has archives; without, nothing was done.
    """
    directory = store.home / RUNS / uid
    archives: list[Archive] = []
    for path in directory.glob(f"*{ARCHIVE_SUFFIX}"):
        if path.with_suffix(SUFFIX).exists():
            continue  # the journal still tells it all
        try:
            archives.append(_checked(read_archive(path), path, uid))
        except _BAD_FILE as error:
            problems.append(Problem(str(path), explain(error)))
    if not archives:
        return False
    archives.sort(key=_order)
    names: set[str] = set()
    run_id = 0
    waiting = by_start(store, find_journals(store.home, uid))
    for archive in archives:
        waiting = _apply_earlier(store, waiting, archive)
        with store.database.write() as connection:
            [(run_id, journal_id)] = restore_journals(store, connection, [archive])
            maker = versions.run_ref(connection, run_id)
            late += [Late(maker, run_id, fact) for fact in archive.facts if isinstance(fact, LATE)]
            names |= _restore_segments(
                connection, directory, run_id, journal_id, archive, problems
            )
    with store.database.write() as connection:
        restate_rules(connection, run_id)
        _recount(store, connection, run_id, names, problems)
        contact = max(archive.contact_us for archive in archives)
        publish(
            connection, {run_id: RunNews(uid, {"facts"}, contact_us=contact, state_matters=True)}
        )
    return True


def _order(archive: Archive) -> tuple[int, str]:
    return archive.created_us, archive.writer


def _apply_earlier(store: Store, waiting: list[JournalKey], archive: Archive) -> list[JournalKey]:
    """Take in the journals of a run that began before an archived one; facts have an order.

    Not those with a record that gets its effect over all runs: they come after all archives. One
    that cannot be read is told of later, too, when the home's journals are taken in.

    Returns:
        The journals that began after it.
    """
    later: list[JournalKey] = []
    for mine in waiting:
        path = mine.path(store.home)
        try:
            reader = JournalReader(path)
            if (reader.header.created_us, mine.writer) > _order(archive):
                later.append(mine)
            elif not _is_late(reader):
                apply_journal(store, path)
        except QUARANTINED as error:
            if isinstance(error, CorruptFile) and error.path == store.database.path:
                raise
            store.tails.drop(mine)
    return later


def _is_late(reader: JournalReader) -> bool:
    """Whether any record of a journal gets its effect over all runs; reads the whole file."""
    while True:
        entry = reader.read()
        if any(isinstance(fact, LATE) for fact in entry.facts):
            return True
        if entry.end == entry.start:
            return False


def _checked(archive: Archive, path: Path, uid: str) -> Archive:
    header = archive.facts[0] if archive.facts else None
    if not isinstance(header, Header) or archive.run != uid:
        raise CorruptFile(path, "it does not begin with the header of this run")
    check_header(JournalKey(uid, archive.writer), header, str(path))
    return archive


def _restore_segments(
    connection: sa.Connection,
    directory: Path,
    run_id: int,
    journal_id: int,
    archive: Archive,
    problems: list[Problem],
) -> set[str]:
    """Name the segments of one writer again; returns their keys."""
    names: set[str] = set()
    reached = 0
    found = [(segment_range(path.name), path) for path in directory.glob(f"*{SEGMENT_SUFFIX}")]
    mine = [(p[1], -p[2], path) for p, path in found if p is not None and p[0] == archive.writer]
    for first, negative_end, path in sorted(mine):
        if -negative_end <= reached:
            continue  # a copy of rows that a merged segment holds
        if first < reached:
            problems.append(Problem(str(path), "it overlaps another segment; it is left out"))
            continue
        try:
            opened = Segment(path)
        except _BAD_FILE as error:
            problems.append(Problem(str(path), explain(error)))
            continue
        reached = -negative_end
        names |= set(opened.keys())
        axes = [group.axis for group in opened.directory.groups]
        widths = [len(group.columns.keys) for group in opened.directory.groups]
        connection.execute(
            sa.insert(segment).values(
                run_id=run_id, journal_id=journal_id, file=path.name,
                rows=sum(axis.rows for axis in axes), keys=len(opened.keys()),
                points=sum(a.rows * w for a, w in zip(axes, widths, strict=True)),
                order_first=min(axis.order_first for axis in axes),
                order_last=max(axis.order_last for axis in axes), size=os.stat(path).st_size,
            )
        )  # fmt: skip
    return names


def _recount(
    store: Store,
    connection: sa.Connection,
    run_id: int,
    names: set[str],
    problems: list[Problem],
) -> None:
    """Latest values from the points: of the keys of segments, and of journals taken in by now.

    A damaged block costs the run its latest values, not its being.
    """
    query = (
        sa.select(key.c.name, latest.c.key_id)
        .join(key, key.c.id == latest.c.key_id)
        .where(latest.c.run_id == run_id)
    )
    known = {row.name: row.key_id for row in connection.execute(query)}
    try:
        recount_keys(store, connection, run_id, known | intern_keys(connection, names))
    except _BAD_FILE as error:
        problems.append(Problem(str(run_id), explain(error)))
