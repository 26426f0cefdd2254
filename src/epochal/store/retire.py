"""Giving up journals whose content is safe elsewhere."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import sqlalchemy as sa

from epochal.journal.spool import finish_spool, spool_directory
from epochal.store.archive import read_contacts, write_archive
from epochal.store.compact import merge_segments, scattered
from epochal.store.durable import durable_files
from epochal.store.resume import write_resumes
from epochal.store.schema import journal
from epochal.store.store import Store
from epochal.store.tail import JournalRow, Tail

GRACE_SECONDS = 3600.0
"""How long the journal of a lost writer stays."""


_UNREAD = sa.select(journal.c.id).where(
    journal.c.id.in_(sa.bindparam("journals", expanding=True)),
    journal.c.damaged + journal.c.unknown == 0,
)
_REMOVE = (
    sa.update(journal)
    .where(journal.c.id.in_(sa.bindparam("journals", expanding=True)))
    .values(removed=True)
)


def retire(store: Store, tail: Tail) -> bool:
    """Remove a journal's file when every record of it is in segments and the archive of facts.

    See `retire_all`.

    Returns:
        Whether the file is gone.
    """
    return bool(retire_all(store, [tail]))


def retire_all(store: Store, tails: Sequence[Tail]) -> list[Tail]:
    """Remove the files of journals of which every record is in segments and archives of facts.

    A file stays as long as its writer may come back, for an hour after the writer was lost, and
    for ever when a part of it could not be read, or when a mark says that it still has to be sent
    elsewhere.

    Args:
        store: the home; the caller holds ``store.moving``.
        tails: of different journals, applied and compacted.

    Returns:
        Those whose file is gone.

    Raises:
        StorageFull: no room for the archives; the journals stay.
        CorruptFile: a segment is damaged; the journals stay.
        OSError: the file system failed; the journals stay.
    """
    going = _ready(store, tails)
    if not going:
        return []
    many = scattered(store, [row.id for _, row in going])
    for tail, row in [(tail, row) for tail, row in going if row.id in many]:
        merge_segments(store, tail.key, row.id, row.run_id)
    with store.database.read() as connection, durable_files(store.disk) as files:
        contacts = read_contacts(connection, [row.id for _, row in going])
        for tail, row in going:
            write_archive(store, files, tail, row, contacts[row.id])
        write_resumes(store, connection, files, {row.run_id: tail.key.run for tail, row in going})
    with store.database.write() as connection:
        connection.execute(_REMOVE, {"journals": [row.id for _, row in going]})
    for tail, _ in going:
        store.tails.drop(tail.key)
        for path in (tail.path, tail.key.remote_mark(store.home)):
            with contextlib.suppress(OSError):
                os.unlink(path)
    return [tail for tail, _ in going]


def _ready(store: Store, tails: Sequence[Tail]) -> list[tuple[Tail, JournalRow]]:
    """The tails whose files may go, with their rows."""
    over = [
        (tail, tail.row)
        for tail in tails
        if tail.row is not None
        and (tail.row.closed or tail.row.lost)
        and not tail.pending_bytes
        and not _has_spool(tail)
        and _is_at_rest(store, tail, tail.row)
        and tail.rest_is_blank()
    ]
    if not over:
        return []
    with store.database.read() as connection:
        given = {"journals": [row.id for _, row in over]}
        whole = set(connection.execute(_UNREAD, given).scalars())
    return [(tail, row) for tail, row in over if row.id in whole]


def _has_spool(tail: Tail) -> bool:
    """Whether bytes of the writer still wait to become blobs.

    Those of a dead writer do so now; what that adds to the journal is read like anything else.
    """
    if not os.path.isdir(spool_directory(tail.path)):
        return False
    if finish_spool(Path(tail.path)) and tail.row is not None:
        tail.row = msgspec.structs.replace(tail.row, closed=False, lost=False)
        return True
    return os.path.isdir(spool_directory(tail.path))


def _is_at_rest(store: Store, tail: Tail, row: JournalRow) -> bool:
    if os.path.exists(tail.key.unsent_mark(store.home)):
        return False
    return not row.lost or time.time() - os.stat(tail.path).st_mtime >= GRACE_SECONDS
