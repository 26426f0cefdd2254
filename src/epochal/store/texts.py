"""Texts that a run logged step by step, read from where they are kept: its journals.

The index knows only the last text of each key.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from epochal.domain.record import Cut, Text
from epochal.store.filters import TEXT
from epochal.store.retold import facts_of
from epochal.store.rows import find_run_id
from epochal.store.schema import journal, param
from epochal.store.store import Store


class TextPoint(NamedTuple):
    """A value that is no number, logged at a step."""

    key: str
    step: int
    wall_us: int
    value: Any


def read_texts(store: Store, uid: str) -> list[TextPoint]:
    """The texts of a run in writing order, writers by their start; cuts hide what they hide.

    Raises:
        NotFound: no such run.
        CorruptFile: an archive is damaged.
    """
    writers = _writers(store, uid)
    points: list[TextPoint] = []
    for writer in writers:
        for fact in facts_of(store, uid, writer):
            if isinstance(fact, Cut):
                points = [point for point in points if point.step < fact.step]
            elif isinstance(fact, Text):
                points.append(TextPoint(fact.key, fact.step, fact.wall_us, fact.value))
    return points


def _writers(store: Store, uid: str) -> list[str]:
    """Who wrote the run, by start; nobody when it never logged a text."""
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        logged = sa.select(param.c.key_id).where(param.c.run_id == run_id, param.c.scope == TEXT)
        if connection.execute(logged.limit(1)).first() is None:
            return []
        query = sa.select(journal.c.writer).where(journal.c.run_id == run_id)
        return [
            *connection.execute(query.order_by(journal.c.started_us, journal.c.writer)).scalars()
        ]
