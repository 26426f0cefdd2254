"""Where the rows of a run are at one moment: segments, tails, and the cuts over them.

Rows move from tails to segments while readers look. A reader takes the tails first and the
database second, and drops from the tails what segments hold by then: nothing is missed and
nothing counted twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import sqlalchemy as sa

from epochal.errors import CorruptFile, Unavailable
from epochal.store.columns import ColumnGroup
from epochal.store.enroll import journal_row
from epochal.store.parts import Stretch
from epochal.store.points import CutAt, WriterPoints
from epochal.store.rows import no_run
from epochal.store.schema import cut, journal, resting, run, segment
from epochal.store.store import Store
from epochal.store.tail import Content, JournalKey, Position, Tail, rows_from

ATTEMPTS = 5
AT_ONCE = 500

_RUNS: sa.BindParameter[int] = sa.bindparam("runs", expanding=True)
_HEADS = sa.select(run.c.id, run.c.uid, run.c.created_us)
_HEADS_OF = _HEADS.where(run.c.uid.in_(sa.bindparam("uids", expanding=True)))
_HEAD_OF = _HEADS.where(run.c.id == sa.bindparam("run"))
_JOURNALS = (
    sa.select(journal, resting.c.journal_id.label("rests"))
    .outerjoin(resting, resting.c.journal_id == journal.c.id)
    .where(journal.c.run_id.in_(_RUNS))
    .order_by(journal.c.started_us, journal.c.writer)
)
_FILES = (
    sa.select(segment.c.journal_id, segment.c.file)
    .where(segment.c.run_id.in_(_RUNS))
    .order_by(segment.c.order_first)
)
_CUTS = (
    sa.select(cut.c.journal_id, cut.c.ordinal, cut.c.step)
    .where(cut.c.run_id.in_(_RUNS))
    .order_by(cut.c.id)
)


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
    found = gather_all(store, [uid])
    if uid not in found:
        raise no_run(uid)
    return found[uid]


def gather_all(store: Store, uids: Sequence[str]) -> dict[str, RunSeries]:
    """`gather` for several runs with as few questions as for one; unknown ones are left out.

    Raises:
        Unavailable: a run changed again and again while it was looked at.
    """
    found: dict[str, RunSeries] = {}
    left = list(uids)
    for _ in range(ATTEMPTS):
        wanted = set(left)
        contents = {tail.key: tail.content for tail in store.tails if tail.key.run in wanted}
        moved: list[str] = []
        with store.database.read() as connection:
            for at in range(0, len(left), AT_ONCE):
                heads = _read_heads(connection, _HEADS_OF, uids=left[at : at + AT_ONCE])
                for uid, series in _gather(store, connection, heads, contents):
                    if isinstance(series, RunSeries):
                        found[uid] = series
                    else:
                        moved.append(uid)
        if not moved:
            return found
        left = moved
    raise Unavailable(f"the rows of run {left[0]} kept moving while they were read; try again")


def gather_in(
    store: Store, connection: sa.Connection, run_id: int, contents: dict[JournalKey, Content]
) -> RunSeries:
    """`gather` within a transaction; ``contents`` were taken before it."""
    heads = _read_heads(connection, _HEAD_OF, run=run_id)
    [(_, series)] = _gather(store, connection, heads, contents)
    if isinstance(series, RunSeries):
        return series
    raise series


def _gather(
    store: Store,
    connection: sa.Connection,
    heads: dict[int, tuple[str, int]],
    contents: dict[JournalKey, Content],
) -> Iterator[tuple[str, RunSeries | _Moved]]:
    """Each run by its uid, or that its rows have moved since ``contents`` were taken."""
    run_ids = list(heads)
    files, cuts = _read_files(connection, run_ids), _read_cuts(connection, run_ids)
    journals = _read_journals(connection, run_ids)
    for run_id, (uid, created_us) in heads.items():
        try:
            writers = tuple(
                WriterRows(
                    writer=row["writer"],
                    started_us=row["started_us"],
                    files=tuple(files.get(row["id"], ())),
                    groups=_groups(store, row, key, contents.get(key)),
                    cuts=tuple(cuts.get(row["id"], ())),
                )
                for row in journals.get(run_id, ())
                for key in [JournalKey(uid, row["writer"])]
            )
        except _Moved as moved:
            yield uid, moved
        else:
            yield uid, RunSeries(uid=uid, created_us=created_us, writers=writers)


def _read_heads(
    connection: sa.Connection, query: sa.Select[int, str, int], **which: object
) -> dict[int, tuple[str, int]]:
    return {id: (uid, created_us) for id, uid, created_us in connection.execute(query, which)}


def _read_journals(
    connection: sa.Connection, run_ids: list[int]
) -> dict[int, list[sa.RowMapping]]:
    journals: dict[int, list[sa.RowMapping]] = {}
    for row in connection.execute(_JOURNALS, {"runs": run_ids}).mappings():
        journals.setdefault(row["run_id"], []).append(row)
    return journals


def _read_files(connection: sa.Connection, run_ids: list[int]) -> dict[int, list[str]]:
    files: dict[int, list[str]] = {}
    for journal_id, file in connection.execute(_FILES, {"runs": run_ids}):
        files.setdefault(journal_id, []).append(file)
    return files


def _read_cuts(connection: sa.Connection, run_ids: list[int]) -> dict[int, list[CutAt]]:
    cuts: dict[int, list[CutAt]] = {}
    for journal_id, ordinal, step in connection.execute(_CUTS, {"runs": run_ids}):
        cuts.setdefault(journal_id, []).append(CutAt(ordinal, step))
    return cuts


def _groups(
    store: Store, row: sa.RowMapping, key: JournalKey, content: Content | None
) -> tuple[ColumnGroup, ...]:
    # A tail that somebody loaded by an older look at the database does not reach so far.
    is_there = content is not None and content.end >= row["facts_pos"]
    if content is None or not is_there or content.position.ordinal > row["rows_ordinal"]:
        if row["removed"] or row["rows_pos"] >= row["facts_pos"]:
            return ()
        content = None if is_there else load_tail(store, key, row).content
        if content is None or content.position.ordinal > row["rows_ordinal"]:
            raise _Moved
    trimmed = (rows_from(group, row["rows_ordinal"]) for group in content.groups)
    return tuple(group for group in trimmed if group is not None)


def load_tail(store: Store, key: JournalKey, row: sa.RowMapping) -> Tail:
    """Bring a tail into memory up to the facts that are applied.

    Of a journal that lost its end it has what is left. It stays in memory only when it is whole
    and there is none, and not when the journal came to rest after ``row`` was read: nobody would
    bring it up to date.

    Raises:
        CorruptFile: the journal is no journal any more, or gone.
    """
    with store.moving:
        known = store.tails.get(key)
        if known is not None and known.content.end >= row["facts_pos"]:
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
        if known is None and is_whole and (tail.row.rests or not store.tails.lately_rests(key)):
            store.tails.put(tail)
        return tail
