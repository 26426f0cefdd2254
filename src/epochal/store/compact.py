"""Rows moved from tails into segments, and small segments joined to larger ones.

The file comes first, whole, synced and under a fresh name; then one transaction adds its row and
moves ``rows_pos`` from where the rows began. If that cannot be done the file is removed again. A
crash in between leaves a file that nothing names; `store.sweep` removes it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

import sqlalchemy as sa

from epochal.errors import Conflict
from epochal.store.columns import ColumnGroup, merge_groups
from epochal.store.schema import journal, segment
from epochal.store.segment import Segment, SegmentInfo, write_segment
from epochal.store.store import Store
from epochal.store.tail import JournalKey, JournalRow, Position, Tail

SEGMENT_SUFFIX = ".eps"
LONG_TAIL = 4 * 1024 * 1024
"""A tail of so many journal bytes is compacted."""
MERGE_COUNT = 8
MERGE_ROWS = 1 << 20


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
    row = tail.row
    if row is None or row.facts_pos != tail.offset or tail.pending_bytes == 0:
        return True
    start, end = tail.content.position, tail.here()
    groups = merge_groups(tail.content.groups)
    file = info = None
    if groups:
        file = _new_name(tail.key, start.ordinal, end.ordinal)
        info = write_segment(store.segments.path(tail.key.run, file), groups, disk=store.disk)
    try:
        moved = _register(store, row, (start, end), file, info)
    except BaseException:
        _discard(store, tail.key.run, file)
        raise
    if moved:
        tail.advance(end)
        return True
    _discard(store, tail.key.run, file)
    store.tails.drop(tail.key)
    return False


def _register(
    store: Store,
    row: JournalRow,
    stretch: tuple[Position, Position],
    file: str | None,
    info: SegmentInfo | None,
) -> bool:
    start, end = stretch
    columns = journal.c
    with store.database.write() as connection:
        moved = connection.execute(
            sa.update(journal)
            .where(
                columns.id == row.id,
                columns.rows_pos == start.offset,
                columns.facts_pos >= end.offset,
            )
            .values(rows_pos=end.offset, rows_ordinal=end.ordinal, schemas=end.schemas)
        )
        if moved.rowcount != 1:
            return False
        if file is not None and info is not None:
            _insert(connection, row.run_id, row.id, file, info)
    return True


def _insert(
    connection: sa.Connection, run_id: int, journal_id: int, file: str, info: SegmentInfo
) -> None:
    connection.execute(
        sa.insert(segment).values(
            run_id=run_id, journal_id=journal_id, file=file, rows=info.rows, points=info.points,
            keys=info.keys, order_first=info.order_first, order_last=info.order_last,
            size=info.size,
        )
    )  # fmt: skip


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
    file = _new_name(key, first, last + 1)
    info = write_segment(store.segments.path(key.run, file), merged, disk=store.disk)
    try:
        with store.database.write() as connection:
            ids = [id for id, _ in batch]
            removed = connection.execute(sa.delete(segment).where(segment.c.id.in_(ids)))
            if removed.rowcount != len(batch):
                raise Conflict(
                    f"segments of {key.run} were merged by someone else; nothing was changed"
                )
            _insert(connection, run_id, journal_id, file, info)
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


def _new_name(key: JournalKey, first: int, end: int) -> str:
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
