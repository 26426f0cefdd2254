"""Rows moved from tails into segments, and small segments joined to larger ones.

The file comes first, whole, synced and under a fresh name; then one transaction adds its row and
moves ``rows_pos`` from where the rows began. If that cannot be done the file is removed again. A
crash in between leaves a file that nothing names; `store.sweep` removes it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.errors import Conflict
from epochal.store.apply import Raced
from epochal.store.columns import ColumnGroup, merge_groups
from epochal.store.dialect import update_each
from epochal.store.durable import DurableFiles, durable_files
from epochal.store.schema import journal, segment
from epochal.store.segment import Segment, SegmentInfo, write_segment, write_segment_to
from epochal.store.store import Store
from epochal.store.tail import JournalKey, JournalRow, Position, Tail

SEGMENT_SUFFIX = ".eps"
LONG_TAIL = 4 * 1024 * 1024
"""A tail of so many journal bytes is compacted."""
MERGE_COUNT = 8
MERGE_ROWS = 1 << 20


_MOVE = (
    sa.update(journal)
    .where(
        journal.c.id == sa.bindparam("journal"),
        journal.c.rows_pos == sa.bindparam("start"),
        journal.c.facts_pos >= sa.bindparam("end"),
    )
    .values(
        rows_pos=sa.bindparam("end"),
        rows_ordinal=sa.bindparam("ordinal"),
        schemas=sa.bindparam("declared"),
    )
)


class Move(msgspec.Struct, frozen=True):
    """The rows of one tail, and the segment that they are in now; none when there are no rows."""

    tail: Tail
    row: JournalRow
    start: Position
    end: Position
    file: str | None
    info: SegmentInfo | None


def compact(store: Store, tail: Tail) -> bool:
    """Move all rows of a tail into a segment.

    Args:
        store: the home; the caller holds ``store.moving``.
        tail: read and applied up to its offset.

    Returns:
        False when another ingester moved the rows first; the tail is forgotten then.

    Raises:
        StorageFull: no room; nothing was changed.
        OSError: the file system failed; nothing was changed.
    """
    return compact_all(store, [tail])


def compact_all(store: Store, tails: Sequence[Tail]) -> bool:
    """Move all rows of some tails into segments, one each, in one transaction.

    Args:
        store: the home; the caller holds ``store.moving``.
        tails: of different journals, read and applied up to their offsets.

    Returns:
        False when another ingester moved some of the rows first. Nothing was changed then, and
        the tails are forgotten.

    Raises:
        StorageFull: no room; nothing was changed.
        OSError: the file system failed; nothing was changed.
    """
    moves: list[Move] = []
    try:
        with durable_files(store.disk) as files:
            for tail in tails:
                row = tail.row
                if row is not None and row.facts_pos == tail.offset and tail.pending_bytes:
                    moves.append(_write(store, files, tail, row))
        moved = not moves or _register(store, moves)
    except BaseException:
        _discard_all(store, moves)
        raise
    for move in moves:
        if moved:
            move.tail.advance(move.end)
        else:
            store.tails.drop(move.tail.key)
    if not moved:
        _discard_all(store, moves)
    return moved


def _write(store: Store, files: DurableFiles, tail: Tail, row: JournalRow) -> Move:
    start, end = tail.content.position, tail.here()
    groups = merge_groups(tail.content.groups)
    if not groups:
        return Move(tail, row, start, end, None, None)
    file = new_name(tail.key, start.ordinal, end.ordinal)
    info = write_segment_to(files, store.segments.path(tail.key.run, file), groups)
    return Move(tail, row, start, end, file, info)


def _register(store: Store, moves: list[Move]) -> bool:
    try:
        with store.database.write() as connection:
            given = [
                {
                    "journal": move.row.id, "start": move.start.offset, "end": move.end.offset,
                    "ordinal": move.end.ordinal, "declared": move.end.schemas,
                }
                for move in moves
            ]  # fmt: skip
            if update_each(connection, _MOVE, given) != len(moves):
                raise Raced("rows were moved by someone else")
            rows = [
                segment_row(move.row.run_id, move.row.id, move.file, move.info)
                for move in moves
                if move.file is not None and move.info is not None
            ]
            if rows:
                connection.execute(sa.insert(segment), rows)
    except Raced:
        return False
    return True


def segment_row(run_id: int, journal_id: int, file: str, info: SegmentInfo) -> dict[str, Any]:
    """A row of the table ``segment``."""
    return {
        "run_id": run_id, "journal_id": journal_id, "file": file, "rows": info.rows,
        "points": info.points, "keys": info.keys, "order_first": info.order_first,
        "order_last": info.order_last, "size": info.size,
    }  # fmt: skip


def _discard_all(store: Store, moves: list[Move]) -> None:
    for move in moves:
        _discard(store, move.tail.key.run, move.file)


_SCATTERED = (
    sa.select(segment.c.journal_id)
    .where(segment.c.journal_id.in_(sa.bindparam("journals", expanding=True)))
    .group_by(segment.c.journal_id)
    .having(sa.func.count() >= MERGE_COUNT)
)


def scattered(store: Store, journals: Sequence[int]) -> set[int]:
    """Which of these journals have enough segments for `merge_segments` to look at."""
    with store.database.read() as connection:
        return set(connection.execute(_SCATTERED, {"journals": list(journals)}).scalars())


def merge_segments(store: Store, key: JournalKey, journal_id: int, run_id: int) -> int:
    """Join neighboring small segments of one journal, eight or more to one.

    Args:
        store: the home; the caller holds ``store.moving``.
        key: the journal.
        journal_id: its row.
        run_id: the run's row.

    Returns:
        How many segments went away.

    Raises:
        StorageFull: no room; nothing was changed.
        CorruptFile: a segment is damaged; nothing was changed.
        Conflict: someone else merged them first; nothing was changed.
        OSError: the file system failed; nothing was changed.
    """
    with store.database.read() as connection:
        query = sa.select(segment.c.id, segment.c.file, segment.c.rows)
        rows = connection.execute(
            query.where(segment.c.journal_id == journal_id).order_by(segment.c.order_first)
        ).all()
    gone = 0
    for batch in _batches([(row.id, row.file, row.rows) for row in rows]):
        gone += _merge(store, key, journal_id, run_id, batch)
    return gone


def _batches(rows: list[tuple[int, str, int]]) -> list[list[tuple[int, str]]]:
    """Neighbors that together stay under `MERGE_ROWS`.

    Batches of fewer than `MERGE_COUNT` are left alone.
    """
    batches: list[list[tuple[int, str]]] = [[]]
    total = 0
    for id, file, count in rows:
        if total + count > MERGE_ROWS and batches[-1]:
            batches.append([])
            total = 0
        batches[-1].append((id, file))
        total += count
    return [batch for batch in batches if len(batch) >= MERGE_COUNT]


def _merge(
    store: Store, key: JournalKey, journal_id: int, run_id: int, batch: list[tuple[int, str]]
) -> int:
    groups: list[ColumnGroup] = []
    for _, file in batch:
        groups += _groups_of(store.segments.get(key.run, file))
    merged = merge_groups(groups)
    first = min(int(group.order[0]) for group in merged)
    last = max(int(group.order[-1]) for group in merged)
    file = new_name(key, first, last + 1)
    info = write_segment(store.segments.path(key.run, file), merged, disk=store.disk)
    try:
        with store.database.write() as connection:
            ids = [id for id, _ in batch]
            removed = connection.execute(sa.delete(segment).where(segment.c.id.in_(ids)))
            if removed.rowcount != len(batch):
                raise Conflict(
                    f"segments of {key.run} were merged by someone else; nothing was changed"
                )
            connection.execute(
                sa.insert(segment).values(segment_row(run_id, journal_id, file, info))
            )
    except BaseException:
        _discard(store, key.run, file)
        raise
    for _, old in batch:
        _discard(store, key.run, old)
    return len(batch) - 1


def _groups_of(found: Segment) -> list[ColumnGroup]:
    return [
        ColumnGroup(
            list(group.columns.keys),
            found.order(number),
            found.step(number),
            found.wall_us(number),
            [found.value(number, column) for column in range(len(group.columns.keys))],
        )
        for number, group in enumerate(found.directory.groups)
    ]


def new_name(key: JournalKey, first: int, end: int) -> str:
    """``<writer>.<first row>-<row after the last>.<random>.eps``.

    Never reused, and it tells what it holds.
    """
    return f"{key.writer}.{first}-{end}.{secrets.token_hex(4)}{SEGMENT_SUFFIX}"


def segment_range(file: str) -> tuple[str, int, int] | None:
    """Writer, first row and row after the last, as a segment's name tells them.

    None when it tells nothing.
    """
    parts = file.removesuffix(SEGMENT_SUFFIX).split(".")
    if not file.endswith(SEGMENT_SUFFIX) or len(parts) != 3:
        return None
    first, dash, end = parts[1].partition("-")
    if not dash or not first.isdigit() or not end.isdigit():
        return None
    return parts[0], int(first), int(end)


def _discard(store: Store, run: str, file: str | None) -> None:
    if file is not None:
        with contextlib.suppress(OSError):
            os.unlink(Path(store.segments.path(run, file)))
