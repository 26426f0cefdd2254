"""Giving up journals whose content is safe elsewhere."""

from __future__ import annotations

import contextlib
import os
import time

import sqlalchemy as sa

from epochal.store.archive import write_archive
from epochal.store.compact import merge_segments
from epochal.store.resume import write_resume
from epochal.store.schema import journal
from epochal.store.store import Store
from epochal.store.tail import JournalRow, Tail

GRACE_SECONDS = 3600.0
"""How long the journal of a lost writer stays."""


def retire(store: Store, tail: Tail) -> bool:
    """Remove a journal's file when every record of it is in segments and the archive of facts.

    A file stays as long as its writer may come back, for an hour after the writer was lost, and
    for ever when a part of it could not be read, or when a mark says that it still has to be sent
    elsewhere.

    Args:
        store: the home; the caller holds ``store.moving``.
        tail: applied and compacted.

    Returns:
        Whether the file is gone.

    Raises:
        StorageFull: no room for the archive; the journal stays.
        OSError: the file system failed; the journal stays.
    """
    row = tail.row
    if row is None or not (row.closed or row.lost) or tail.pending_bytes or tail.has_more():
        return False
    if not _may_go(store, tail, row):
        return False
    merge_segments(store, tail.key, row.id, row.run_id)
    write_archive(store, tail)
    write_resume(store, tail.key.run)
    with store.database.write() as connection:
        connection.execute(sa.update(journal).where(journal.c.id == row.id).values(removed=True))
    store.tails.drop(tail.key)
    for path in (tail.path, tail.key.remote_mark(store.home)):
        with contextlib.suppress(OSError):
            os.unlink(path)
    return True


def _may_go(store: Store, tail: Tail, row: JournalRow) -> bool:
    if os.path.exists(tail.key.unsent_mark(store.home)):
        return False
    if row.lost and time.time() - os.stat(tail.path).st_mtime < GRACE_SECONDS:
        return False
    with store.database.read() as connection:
        query = sa.select(journal.c.damaged + journal.c.unknown).where(journal.c.id == row.id)
        unread = int(connection.execute(query).scalar_one())
    return unread == 0 and tail.rest_is_blank()
