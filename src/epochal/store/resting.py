"""Journals that stay where they are: those of foreign runs that ended with few records.

Such a journal is as small as the files that would take its place (a segment, an archive and
``resume.json``), so moving it would cost several syncs and save nothing. It is closed and applied
to its end, nobody writes, sends or spools for it any more, and it is never looked at again but by
who reads the run: its rows are read from it. Decided when its end is applied, in the same
transaction, and remembered in the table ``resting``; a database that is made anew decides again.
One that has become shorter is found when the home is opened, and is looked at again.

A journal that made artifact or model versions does not rest: a rebuild applies such records of
archives in the order of their times, before it takes in journals.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa

from epochal.domain.record import ArtifactCommit, ModelLink, Told
from epochal.journal.frame import FILE_HEADER_SIZE
from epochal.store.dialect import batches
from epochal.store.schema import journal, resting, run
from epochal.store.store import Store
from epochal.store.stretch import Stretch
from epochal.store.tail import JournalKey, Tail

MOST_BYTES: Final = 16 * 1024
"""Size of a journal that may rest: three small files on a disk with blocks of 4 KiB, and some."""

ADD: Final = sa.insert(resting)
"""Takes ``journal_id``."""
_FIND = (
    sa.select(run.c.uid, journal.c.writer)
    .join(journal, journal.c.run_id == run.c.id)
    .join(resting, resting.c.journal_id == journal.c.id)
    .where(run.c.uid.in_(sa.bindparam("uids", expanding=True)))
)
_ALL = (
    sa.select(resting.c.journal_id, run.c.uid, journal.c.writer, journal.c.facts_pos)
    .join(journal, journal.c.id == resting.c.journal_id)
    .join(run, run.c.id == journal.c.run_id)
)
_WAKE = sa.delete(resting).where(
    resting.c.journal_id.in_(sa.bindparam("journals", expanding=True))
)


def may_rest(tail: Tail, stretch: Stretch) -> bool:
    """Whether a journal of this machine rests once its last stretch is applied.

    Args:
        tail: the journal, read to the end of the stretch.
        stretch: it ends with the journal's `Finish`.
    """
    entry, known = stretch.entry, tail.facts
    return (
        entry.end <= MOST_BYTES
        and tail.content.position.offset == FILE_HEADER_SIZE  # no segment has any of its rows
        and known is not None
        and any(isinstance(fact, Told) for fact in known.facts)
        and not any(isinstance(fact, (ArtifactCommit, ModelLink)) for fact in known.facts)
        and not entry.damaged + entry.unknown + stretch.skipped
    )


def awake(store: Store, keys: Iterable[JournalKey]) -> list[JournalKey]:
    """The journals that do not rest, in their order."""
    found = [key for key in keys if not store.tails.lately_rests(key)]
    at_rest: set[tuple[str, str]] = set()
    if found:
        with store.database.read() as connection:
            for uids in batches(sorted({key.run for key in found})):
                rows = connection.execute(_FIND, {"uids": uids})
                at_rest.update((row.uid, row.writer) for row in rows)
    return [key for key in found if (key.run, key.writer) not in at_rest]


def wake_shortened(store: Store) -> int:
    """Let journals that lost their end, as power loss makes them, be looked at again.

    The follower goes on from what is left then, counts the damage and keeps the file.

    Args:
        store: a home that nobody uses yet; one look at each file that rests.

    Returns:
        How many they were.
    """
    with store.database.read() as connection:
        rows = connection.execute(_ALL).all()
    short = [
        row.journal_id
        for row in rows
        if _is_short(JournalKey(row.uid, row.writer).path(store.home), row.facts_pos)
    ]
    if short:
        with store.database.write() as connection:
            for part in batches(short):
                connection.execute(_WAKE, {"journals": part})
    return len(short)


def _is_short(path: str, size: int) -> bool:
    with contextlib.suppress(OSError):
        return os.stat(path).st_size < size
    return False
