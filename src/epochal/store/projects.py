"""Projects and the keys that their runs use."""

from __future__ import annotations

import time
from typing import Final

import sqlalchemy as sa

from epochal.domain.first_columns import first_columns
from epochal.domain.run import RunState
from epochal.domain.view import KeyUse, ProjectKeys, ProjectRow
from epochal.store.definitions import axes_of
from epochal.store.enroll import last_revision
from epochal.store.keyuse import key_uses
from epochal.store.rows import find_project_id
from epochal.store.saved import preferred_view
from epochal.store.schema import project, run
from epochal.store.store import Store

DAYS: Final = 30
_DAY_US: Final = 86_400_000_000


def list_projects(store: Store, now_us: int | None = None) -> list[ProjectRow]:
    """All projects, newest activity first. Archived runs are not counted.

    Args:
        store: the home.
        now_us: the time that the last days are counted from, the present one by default.
    """
    now = time.time_ns() // 1000 if now_us is None else now_us
    running = sa.func.count(sa.case((run.c.state == RunState.RUNNING.value, 1)))
    updated = sa.func.coalesce(sa.func.max(run.c.updated_us), project.c.updated_us)
    query = (
        sa.select(
            project.c.entity,
            project.c.name,
            sa.func.count(run.c.id),
            running,
            project.c.created_us,
            updated.label("updated"),
            project.c.id,
        )
        .outerjoin(run, sa.and_(run.c.project_id == project.c.id, run.c.archived == sa.false()))
        .group_by(project.c.id)
        .order_by(sa.desc("updated"), project.c.id.desc())
    )
    with store.database.read() as connection:
        days = _begun(connection, now)
        return [
            ProjectRow(
                entity=entity, name=name, runs=runs, running=alive, created_us=created,
                updated_us=seen, days=days.get(id, []),
            )
            for entity, name, runs, alive, created, seen, id in connection.execute(query)
        ]  # fmt: skip


def _begun(connection: sa.Connection, now_us: int) -> dict[int, list[int]]:
    """How many runs of each project began on each of the last days, the newest day last."""
    day = ((sa.literal(now_us, sa.BigInteger) - run.c.created_us) // _DAY_US).label("day")
    query = (
        sa.select(run.c.project_id, day, sa.func.count())
        .where(
            run.c.archived == sa.false(), run.c.created_us <= now_us,
            run.c.created_us > now_us - DAYS * _DAY_US,
        )
        .group_by(run.c.project_id, day)
    )  # fmt: skip
    found: dict[int, list[int]] = {}
    for project_id, at, count in connection.execute(query):
        found.setdefault(project_id, [0] * DAYS)[DAYS - 1 - at] = count
    return found


def project_keys(store: Store, entity: str, name: str) -> ProjectKeys:
    """Every key that the project's runs use, each list in alphabetical order.

    Raises:
        NotFound: no such project.
    """
    with store.database.read() as connection:
        project_id = find_project_id(connection, entity, name)
        uses = key_uses(store, connection, project_id)
        preferred = preferred_view(connection, entity, name)
        axes = axes_of(connection, project_id)
    series = {use.key for use in uses.metrics}
    return ProjectKeys(
        metrics=uses.metrics,
        config=uses.config,
        summary=[use for use in uses.summary if use.key not in series],
        tags=uses.labels,
        view=preferred,
        columns=first_columns(_counts(uses.metrics), _counts(uses.config)),
        axes=axes,
    )


def newest_revision(store: Store) -> int:
    """The newest revision of the store."""
    with store.database.read() as connection:
        return last_revision(connection)


def _counts(keys: list[KeyUse]) -> list[tuple[str, int]]:
    return [(use.key, use.runs) for use in keys]
