"""Taking copies of runs into the index, many in one transaction.

Facts of a copy are applied as those of any journal. What the index knows of its points is what it
knows of those of its source, whose segments it shares: no point is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

import sqlalchemy as sa

from epochal.domain.view import RunChange, RunRow
from epochal.store.apply import RunNews, publish
from epochal.store.archive import Archive
from epochal.store.copying import Copy
from epochal.store.dialect import run_each
from epochal.store.durable import durable_files
from epochal.store.moved import share_versions
from epochal.store.restored import restore_journals
from epochal.store.resume import write_resumes
from epochal.store.schema import journal, latest, segment
from epochal.store.segment import SegmentInfo
from epochal.store.store import Store

_OLD: sa.BindParameter[int] = sa.bindparam("old", type_=sa.BigInteger)
_NEW: sa.BindParameter[int] = sa.bindparam("new", type_=sa.BigInteger)


def _once_more(table: sa.Table, query: sa.Select[Any], **instead: Any) -> sa.Insert:
    """The rows of a table that a query finds, once more with other values in some columns."""
    columns = [column for column in table.c if column.name != "id"]
    values = [instead.get(column.name, column) for column in columns]
    return sa.insert(table).from_select(columns, query.with_only_columns(*values))


_theirs, _mine = journal.alias("theirs"), journal.alias("mine")
_LATEST = _once_more(latest, sa.select(latest).where(latest.c.run_id == _OLD), run_id=_NEW)
_SEGMENTS = _once_more(
    segment,
    sa.select(segment)
    .join(_theirs, _theirs.c.id == segment.c.journal_id)
    .join(_mine, sa.and_(_mine.c.run_id == _NEW, _mine.c.writer == _theirs.c.writer))
    .where(segment.c.run_id == _OLD),
    run_id=_NEW,
    journal_id=_mine.c.id,
)
_WRITTEN = sa.insert(segment)


def admit(
    store: Store, connection: sa.Connection, copies: Sequence[tuple[RunRow, Copy]]
) -> list[RunChange]:
    """Take copies into the index, and write their ``resume.json``.

    Args:
        store: the home; the files of the copies lie at their places.
        connection: a write transaction.
        copies: each with the run that it was made of.

    Returns:
        What is to be announced.

    Raises:
        StorageFull: no room.
        OSError: the file system failed.
    """
    ids: dict[str, int] = {}
    journals: dict[tuple[str, str], int] = {}
    for archives in _waves(copy.archives for _, copy in copies):
        rows = restore_journals(store, connection, archives)
        for archive, (run_id, journal_id) in zip(archives, rows, strict=True):
            ids[archive.run] = run_id
            journals[archive.run, archive.writer] = journal_id
    pairs = [{"old": copy.run_id, "new": ids[copy.target.uid]} for _, copy in copies]
    run_each(connection, _SEGMENTS, pairs)
    run_each(connection, _LATEST, pairs)
    written = [
        _segment_row(ids[copy.target.uid], journals[copy.target.uid, writer], file, info)
        for _, copy in copies
        for writer, (file, info) in copy.written.items()
    ]
    if written:
        run_each(connection, _WRITTEN, written)
    share_versions(connection, [(ids[copy.target.uid], row.uid) for row, copy in copies])
    told = publish(connection, {ids[copy.target.uid]: _news(row, copy) for row, copy in copies})
    with durable_files(store.disk) as files:
        write_resumes(store, connection, files, {id: uid for uid, id in ids.items()})
    return told


def _waves(several: Iterable[list[Archive]]) -> list[list[Archive]]:
    """The first archive of each run, then the second of each, and so on, as the writers began."""
    ordered = [sorted(one, key=_order) for one in several]
    return [[archive for archive in wave if archive] for wave in zip_longest(*ordered)]


def _order(archive: Archive) -> tuple[int, str]:
    return archive.created_us, archive.writer


def _segment_row(run_id: int, journal_id: int, file: str, info: SegmentInfo) -> dict[str, Any]:
    return {
        "run_id": run_id, "journal_id": journal_id, "file": file, "rows": info.rows,
        "points": info.points, "keys": info.keys, "order_first": info.order_first,
        "order_last": info.order_last, "size": info.size,
    }  # fmt: skip


def _news(row: RunRow, copy: Copy) -> RunNews:
    nan = None if row.nan_key is None or row.nan_step is None else (row.nan_key, row.nan_step)
    return RunNews(
        copy.target.uid, {"facts", "series", "logs", "media", "files", "artifacts"},
        last_step=row.last_step, nan=nan, state_matters=True,
        contact_us=max(archive.contact_us for archive in copy.archives),
    )  # fmt: skip
