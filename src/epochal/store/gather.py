"""Where the rows of a run are at one moment: segments, tails, and the cuts over them.

Rows move from tails to segments while readers look. A reader takes the tails first and the
database second, and drops from the tails what segments hold by then: nothing is missed and
nothing counted twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec
import sqlalchemy as sa

from epochal.errors import CorruptFile, Unavailable
from epochal.store.columns import ColumnGroup, Stretch
from epochal.store.enroll import journal_row
from epochal.store.points import CutAt, WriterPoints
from epochal.store.rows import find_run_id
from epochal.store.schema import cut, journal, resting, run, segment
from epochal.store.store import Store
from epochal.store.tail import Content, JournalKey, Position, Tail, rows_from

ATTEMPTS = 5


class WriterRows(msgspec.Struct, frozen=True):
    """Rows of one writer: segment files in arrival order, then columns in memory."""

    writer: str
    started_us: int
    files: tuple[str, ...]
    groups: tuple[ColumnGroup, ...]
    cuts: tuple[CutAt, ...]


class RunSeries(msgspec.Struct, frozen=True):
    """All rows of a run, writers in the order of their start."""

    uid: str
    created_us: int
    writers: tuple[WriterRows, ...]

    def points_of(self, store: Store, key: str) -> list[WriterPoints]:
        """One series, as its writers wrote it.

        Raises:
            CorruptFile: a segment is damaged.
            OSError: a segment cannot be read.
        """
        return [
            WriterPoints(list(self._stretches(store, writer, key)), writer.cuts)
            for writer in self.writers
        ]

    def _stretches(self, store: Store, writer: WriterRows, key: str) -> Iterator[Stretch]:
        for file in writer.files:
            yield from store.segments.get(self.uid, file).parts(key)
        for group in writer.groups:
            part = group.part(key)
            if part is not None:
                yield part


class _Moved(Exception):  # never leaves this module
    """Rows went into a segment between two looks."""


def gather(store: Store, uid: str) -> RunSeries:
    """Where the rows of a run are.

    Raises:
        NotFound: no such run.
        Unavailable: the run changed again and again while it was looked at.
    """
    for _ in range(ATTEMPTS):
        contents = {tail.key: tail.content for tail in store.tails if tail.key.run == uid}
        with store.database.read() as connection, contextlib.suppress(_Moved):
            run_id = find_run_id(connection, uid)
            return gather_in(store, connection, run_id, contents)
    raise Unavailable(f"the rows of run {uid} kept moving while they were read; try again")


def gather_in(
    store: Store, connection: sa.Connection, run_id: int, contents: dict[JournalKey, Content]
) -> RunSeries:
    """`gather` within a transaction; ``contents`` were taken before it."""
    query = sa.select(run.c.uid, run.c.created_us).where(run.c.id == run_id)
    uid, created_us = connection.execute(query).one()
    files = _read_files(connection, run_id)
    cuts = _read_cuts(connection, run_id)
    query = (
        sa.select(journal, resting.c.journal_id.label("rests"))
        .outerjoin(resting, resting.c.journal_id == journal.c.id)
        .where(journal.c.run_id == run_id)
    )
    writers = []
    for row in connection.execute(
        query.order_by(journal.c.started_us, journal.c.writer)
    ).mappings():
        key = JournalKey(uid, row["writer"])
        writers.append(
            WriterRows(
                writer=row["writer"],
                started_us=row["started_us"],
                files=tuple(files.get(row["id"], ())),
                groups=_groups(store, row, key, contents.get(key)),
                cuts=tuple(cuts.get(row["id"], ())),
            )
        )
    return RunSeries(uid=uid, created_us=created_us, writers=tuple(writers))


def _read_files(connection: sa.Connection, run_id: int) -> dict[int, list[str]]:
    query = sa.select(segment.c.journal_id, segment.c.file).where(segment.c.run_id == run_id)
    files: dict[int, list[str]] = {}
    for journal_id, file in connection.execute(query.order_by(segment.c.order_first)):
        files.setdefault(journal_id, []).append(file)
    return files


def _read_cuts(connection: sa.Connection, run_id: int) -> dict[int, list[CutAt]]:
    query = sa.select(cut.c.journal_id, cut.c.ordinal, cut.c.step).where(cut.c.run_id == run_id)
    cuts: dict[int, list[CutAt]] = {}
    for journal_id, ordinal, step in connection.execute(query.order_by(cut.c.id)):
        cuts.setdefault(journal_id, []).append(CutAt(ordinal, step))
    return cuts


def _groups(
    store: Store, row: sa.RowMapping, key: JournalKey, content: Content | None
) -> tuple[ColumnGroup, ...]:
    if content is None or content.position.ordinal > row["rows_ordinal"]:
        if row["removed"] or row["rows_pos"] >= row["facts_pos"]:
            return ()
        content = load_tail(store, key, row).content if content is None else None
        if content is None or content.position.ordinal > row["rows_ordinal"]:
            raise _Moved
    trimmed = (rows_from(group, row["rows_ordinal"]) for group in content.groups)
    return tuple(group for group in trimmed if group is not None)


def load_tail(store: Store, key: JournalKey, row: sa.RowMapping) -> Tail:
    """Bring a tail into memory up to the facts that are applied.

    Of a journal that lost its end it has what is left. It stays in memory only when it is whole,
    and not when the journal came to rest after ``row`` was read: nobody would bring it up to date.

    Raises:
        CorruptFile: the journal is no journal any more, or gone.
    """
    with store.moving:
        known = store.tails.get(key)
        if known is not None:
            return known
        position = Position(row["rows_pos"], row["rows_ordinal"], row["schemas"])
        path = key.path(store.home)
        try:
            tail = Tail(key, path, position)
            is_whole = tail.read_until(row["facts_pos"])
        except FileNotFoundError:
            raise CorruptFile(
                path, "it is gone, though not all of its rows are in segments"
            ) from None
        tail.row = journal_row(row)
        if is_whole and (tail.row.rests or not store.tails.lately_rests(key)):
            store.tails.put(tail)
        return tail
