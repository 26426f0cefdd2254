"""Writers that are gone without a word."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from epochal.domain.view import RunChange
from epochal.store.apply import RunNews, publish
from epochal.store.owner import Store
from epochal.store.schema import journal
from epochal.store.tail import Tail


def mark_lost(store: Store, tails: list[Tail]) -> list[RunChange]:
    """Note that the writers of these journals are gone; a run whose primary writer is, has crashed.

    It is taken back as soon as a writer is heard of again.

    Args:
        store: the home; the caller holds ``store.moving``.
        tails: applied up to their ends.
    """
    rows = [(tail, tail.row) for tail in tails if tail.row is not None]
    gone = [(tail, row) for tail, row in rows if not row.closed and not row.lost]
    if not gone:
        return []
    news: dict[int, RunNews] = {}
    with store.database.write() as connection:
        connection.execute(
            sa.update(journal).where(journal.c.id.in_([row.id for _, row in gone])).values(lost=True)
        )
        for tail, row in gone:
            note = news.setdefault(row.run_id, RunNews(uid=tail.key.run, what={"facts"}))
            note.state_matters = True
        changes = publish(connection, news)
    for tail, row in gone:
        tail.row = msgspec.structs.replace(row, lost=True)
    return changes
