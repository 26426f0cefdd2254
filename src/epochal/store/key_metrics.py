"""The key metric of projects, read from the index alone: no points, no journals.

Two reads, however many projects: the newest run of each that has logged more than its machine's
load, and the keys of those runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from epochal.domain.first_chart import first_chart
from epochal.domain.key_metric import KeyMetric
from epochal.store.scalars import decode_value
from epochal.store.schema import key, latest, project, run
from epochal.store.store import Store

_CHARTED: Final = key.c.name.not_like("system/%")


def key_metrics(store: Store, projects: Sequence[tuple[str, str]]) -> list[KeyMetric | None]:
    """The key metric of each project, by entity and name; None where there is none."""
    if not projects:
        return []
    with store.database.read() as connection:
        newest = {(row.entity, row.project): row for row in connection.execute(_newest(projects))}
        values = _values(connection, [row.id for row in newest.values()])
    found: list[KeyMetric | None] = []
    for place in projects:
        row = newest.get(place)
        known = values.get(row.id, {}) if row else {}
        first = first_chart(known)
        metric = None if row is None or first is None else (row.uid, row.name, first, known[first])
        found.append(None if metric is None else KeyMetric(*metric))
    return found


def _newest(projects: Sequence[tuple[str, str]]) -> sa.Select[Any]:
    """Of each project the newest run with a chart; archived ones are not looked at."""
    charted = (
        sa.select(latest.c.run_id)
        .join(key, key.c.id == latest.c.key_id)
        .where(latest.c.run_id == run.c.id, _CHARTED)
        .correlate(run)
    )
    newest = (
        sa.select(run.c.id)
        .where(
            run.c.project_id == project.c.id, run.c.archived == sa.false(),
            run.c.last_step.is_not(None), charted.exists(),
        )
        .order_by(run.c.created_us.desc(), run.c.uid.desc())
        .limit(1)
        .correlate(project)
        .scalar_subquery()
    )  # fmt: skip
    there = [
        sa.and_(project.c.entity == entity, project.c.name == name) for entity, name in projects
    ]
    return (
        sa.select(
            project.c.entity, project.c.name.label("project"), run.c.id, run.c.uid, run.c.name
        )
        .select_from(project)
        .join(run, run.c.id == newest)
        .where(sa.or_(*there))
    )


def _values(connection: sa.Connection, runs: list[int]) -> dict[int, dict[str, Any]]:
    """The last value of each series of some runs."""
    query = (
        sa.select(
            latest.c.run_id, key.c.name, latest.c.last_kind, latest.c.last, latest.c.last_txt
        )
        .join(key, key.c.id == latest.c.key_id)
        .where(latest.c.run_id.in_(runs), _CHARTED)
    )
    found: dict[int, dict[str, Any]] = {}
    for run_id, name, kind, num, txt in connection.execute(query):
        found.setdefault(run_id, {})[name] = decode_value(kind, num, txt)
    return found
