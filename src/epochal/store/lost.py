"""Writers that are gone without a word."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from epochal.domain.run import RunState
from epochal.domain.view import RunChange
from epochal.store.apply import RunNews, publish
from epochal.store.schema import journal, run
from epochal.store.state import ABANDONED_US
from epochal.store.store import Store
from epochal.store.tail import Tail


def mark_lost(store: Store, tails: list[Tail]) -> list[RunChange]:
    """Note that the writers of these journals are gone.

    A run whose primary writer is, has crashed.

    It is taken back as soon as a writer is heard of again.

    Args:
        store: the home; the caller holds ``store.moving``.
        tails: applied up to their ends.
    """
    return _mark(store, tails, lost=True)


def mark_found(store: Store, tails: list[Tail]) -> list[RunChange]:
    """Take `mark_lost` back: the writers of these journals were heard of again."""
    return _mark(store, tails, lost=False)


def _mark(store: Store, tails: list[Tail], *, lost: bool) -> list[RunChange]:
    rows = [(tail, tail.row) for tail in tails if tail.row is not None]
    changed = [(tail, row) for tail, row in rows if not row.closed and row.lost != lost]
    if not changed:
        return []
    news: dict[int, RunNews] = {}
    with store.database.write() as connection:
        ids = [row.id for _, row in changed]
        connection.execute(sa.update(journal).where(journal.c.id.in_(ids)).values(lost=lost))
        for tail, row in changed:
            note = news.setdefault(row.run_id, RunNews(uid=tail.key.run, what={"facts"}))
            note.state_matters = True
        changes = publish(connection, news)
    for tail, row in changed:
        tail.row = msgspec.structs.replace(row, lost=lost)
    return changes


def settle_runs(store: Store, now_us: int) -> list[RunChange]:
    """Decide anew about running runs that no writer is left of.

    That happens when a process dies between closing one journal and opening the next.

    Args:
        store: the home; the caller holds ``store.moving``.
        now_us: the time of day, microseconds since 1970 UTC.
    """
    living = sa.and_(journal.c.closed == sa.false(), journal.c.lost == sa.false())
    told = journal.c.finish_state == RunState.RUNNING.value  # by a client that may be silent
    writing = sa.select(journal.c.run_id).where(sa.or_(living, told))
    silent = sa.select(run.c.id, run.c.uid).where(
        run.c.state == RunState.RUNNING.value,
        run.c.updated_us < now_us - ABANDONED_US,
        run.c.id.not_in(writing),
    )
    with store.database.read() as connection:
        found = connection.execute(silent).all()
    if not found:
        return []
    with store.database.write() as connection:
        news = {id: RunNews(uid=uid, what={"facts"}, state_matters=True) for id, uid in found}
        return publish(connection, news, now_us)
