"""The facts of journals that were given up, in the index again."""

from __future__ import annotations

import os
from collections.abc import Sequence

import sqlalchemy as sa

from epochal.domain.record import ArtifactCommit, Header, ModelLink
from epochal.errors import NewerFormat
from epochal.store.archive import Archive
from epochal.store.enroll import New, enroll_all
from epochal.store.facts import FactWriter
from epochal.store.schema import journal
from epochal.store.store import Store
from epochal.store.tail import JournalKey
from epochal.store.together import Together

LATE = (ArtifactCommit, ModelLink)
"""Records whose effect depends on records of other runs: nothing here applies them."""

_SETTLE = (
    sa.update(journal)
    .where(journal.c.id == sa.bindparam("which"))
    .values(
        facts_pos=sa.bindparam("size"), rows_pos=sa.bindparam("size"),
        rows_ordinal=sa.bindparam("count"), removed=True, lost=sa.bindparam("left"),
        lines=sa.bindparam("printed"), contact_us=sa.bindparam("contact"),
    )
)  # fmt: skip


def restore_journals(
    store: Store, connection: sa.Connection, archives: Sequence[Archive]
) -> list[tuple[int, int]]:
    """Apply the facts of archives, at most one of each run.

    Args:
        store: the home.
        connection: a write transaction.
        archives: each begins with the header of its run.

    Returns:
        For each the rows of its run and of its journal.
    """
    made = enroll_all(connection, [_new(store, archive) for archive in archives])
    together = Together()
    keys: dict[str, int] = {}
    rows: list[tuple[int, int]] = []
    for archive in archives:
        row, is_fresh = made[JournalKey(archive.run, archive.writer)]
        writer = FactWriter(
            connection, row.run_id, row.id, 0, store.blobs, keys, together, is_fresh=is_fresh
        )
        facts = zip(archive.facts, archive.ordinals, strict=True)
        now = [(fact, ordinal) for fact, ordinal in facts if not isinstance(fact, LATE)]
        effects = writer.apply([fact for fact, _ in now], [ordinal for _, ordinal in now])
        settled = {
            "which": row.id, "size": archive.size, "count": archive.rows, "left": archive.lost,
            "printed": effects.lines, "contact": archive.contact_us,
        }  # fmt: skip
        together.add(_SETTLE, settled)
        rows.append((row.run_id, row.id))
    together.run(connection)
    return rows


def _new(store: Store, archive: Archive) -> New:
    header = archive.facts[0]
    if not isinstance(header, Header):
        raise NewerFormat(f"the archive of {archive.writer} begins with an unknown record")
    key = JournalKey(archive.run, archive.writer)
    return New(key, header, archive.remote, os.path.dirname(key.path(store.home)))
