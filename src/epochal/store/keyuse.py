"""Which keys the runs of a project use, counted once for each revision of the store."""

from __future__ import annotations

import sqlalchemy as sa

from epochal.domain.view import KeyUse
from epochal.store.enroll import last_revision
from epochal.store.filters import CONFIG, SUMMARY, TEXT
from epochal.store.labels import LABEL
from epochal.store.remembered import KeyUses
from epochal.store.scalars import NUMBER_KINDS, Kind
from epochal.store.schema import key, latest, param, run
from epochal.store.store import Store


def key_uses(store: Store, connection: sa.Connection, project_id: int) -> KeyUses:
    """The keys of a project, from memory as long as nothing changed in the store."""
    # Read first: what is counted after it can be newer than it says, and never older.
    revision = last_revision(connection)
    uses = store.key_uses.get(project_id, revision)
    if uses is None:
        facts = _facts(connection, project_id)
        metrics = _metrics(connection, project_id)
        uses = KeyUses(metrics, facts[CONFIG], facts[SUMMARY], facts[LABEL])
        store.key_uses.put(project_id, revision, uses)
    return uses


def _metrics(connection: sa.Connection, project_id: int) -> list[KeyUse]:
    # Names come in after counting: a project of 1,000 runs has 50,000 series of 50 names.
    counted = (
        sa.select(latest.c.key_id, sa.func.count().label("runs"))
        .join(run, run.c.id == latest.c.run_id)
        .where(run.c.project_id == project_id)
        .group_by(latest.c.key_id)
        .subquery()
    )
    query = (
        sa.select(key.c.name, counted.c.runs)
        .join(counted, counted.c.key_id == key.c.id)
        .order_by(key.c.name)
    )
    return [KeyUse(key=name, runs=runs) for name, runs in connection.execute(query)]


def _facts(connection: sa.Connection, project_id: int) -> dict[int, list[KeyUse]]:
    """The keys of config, summary and labels, each by its scope; texts are of the summary."""
    area = sa.case((param.c.scope == TEXT, SUMMARY), else_=param.c.scope)
    numbers = sa.func.count(sa.case((param.c.kind.in_(sorted(NUMBER_KINDS)), 1)))
    known = sa.func.count(sa.case((param.c.kind != Kind.NULL, 1)))
    query = (
        sa.select(area, key.c.name, sa.func.count(param.c.run_id.distinct()), numbers, known)
        .select_from(param)
        .join(run, run.c.id == param.c.run_id)
        .join(key, key.c.id == param.c.key_id)
        .where(
            run.c.project_id == project_id,
            sa.or_(param.c.scope != LABEL, key.c.name.not_like("$%")),
        )
        .group_by(area, param.c.key_id, key.c.name)
        .order_by(key.c.name)
    )
    found: dict[int, list[KeyUse]] = {CONFIG: [], SUMMARY: [], LABEL: []}
    for scope, name, runs, numeric, total in connection.execute(query):
        found[scope].append(KeyUse(key=name, runs=runs, kind=_kind(numeric, total)))
    return found


def _kind(numeric: int, total: int) -> str:
    if numeric == 0:
        return "text"
    return "number" if numeric == total else "mixed"
