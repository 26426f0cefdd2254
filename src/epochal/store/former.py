"""Names that artifacts had.

A renamed artifact is found under its former names until another artifact takes one of them, and
records that name it as it was called, which may be applied later, mean the renamed one.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from epochal.errors import Conflict
from epochal.store.dialect import replace, upsert
from epochal.store.schema_objects import (
    artifact,
    artifact_former,
    artifact_use,
    artifact_version,
    model_version,
)

Place = tuple[str, str, str]
"""Entity, project and name of an artifact."""


def successor(connection: sa.Connection, place: Place) -> str:
    """What the artifact is called now that had this name; the name itself when none had it."""
    held = sa.select(artifact.c.id).where(*_is(artifact, place))
    had = (
        sa.select(artifact.c.name)
        .join(artifact_former, artifact_former.c.artifact_id == artifact.c.id)
        .where(*_is(artifact_former, place), ~held.exists())
    )
    return str(connection.execute(had).scalar() or place[2])


def rename(connection: sa.Connection, owner: Any, name: str) -> list[int]:
    """Call an artifact otherwise; uses of it and models on it follow.

    Args:
        connection: a write transaction.
        owner: the row of the artifact.
        name: the new one, of the same project.

    Returns:
        Row ids of the models that stand on it.

    Raises:
        Conflict: another artifact has the name.
    """
    before = (owner.entity, owner.project, owner.name)
    after = (owner.entity, owner.project, name)
    taken = sa.select(artifact.c.id).where(*_is(artifact, after))
    if connection.execute(taken).first() is not None:
        raise Conflict(f"project {owner.project!r} has an artifact {name!r} already")
    connection.execute(sa.delete(artifact_former).where(*_is(artifact_former, after)))
    _remember(connection, before, owner.id)
    mine = sa.select(artifact_version.c.digest).where(artifact_version.c.artifact_id == owner.id)
    models = list(
        connection.execute(
            sa.select(model_version.c.model_id)
            .where(*_is(model_version, before), model_version.c.digest.in_(mine))
            .distinct()
        ).scalars()
    )
    for table in (artifact_use, model_version):
        connection.execute(
            sa.update(table).where(*_is(table, before), table.c.digest.in_(mine)).values(name=name)
        )
    connection.execute(sa.update(artifact).where(artifact.c.id == owner.id).values(name=name))
    return models


def bring_along(connection: sa.Connection, owner: Any, name: str, until_us: int) -> None:
    """Let uses of an artifact and models on it, which records brought back, follow it.

    Args:
        connection: a write transaction.
        owner: the row of the artifact.
        name: a former one of it, under which they stand.
        until_us: the time of the last record of the artifact that says this name.
    """
    before = (owner.entity, owner.project, name)
    mine = sa.select(artifact_version.c.digest).where(artifact_version.c.artifact_id == owner.id)
    held = sa.select(artifact.c.created_us).where(*_is(artifact, before))
    since = connection.execute(held).scalar()  # another artifact that took the name
    moments = {artifact_use: artifact_use.c.wall_us, model_version: model_version.c.created_us}
    for table, moment in moments.items():
        here = [*_is(table, before), table.c.digest.in_(mine)]
        if since is not None:
            here.append(moment <= max(until_us, since - 1))
        connection.execute(sa.update(table).where(*here).values(name=owner.name))


def lead_on(connection: sa.Connection, owner: Any, name: str) -> None:
    """Let a former name lead to an artifact, unless an artifact has it."""
    place = (owner.entity, owner.project, name)
    held = sa.select(artifact.c.id).where(*_is(artifact, place))
    if connection.execute(held).first() is None:
        _remember(connection, place, owner.id)


def _remember(connection: sa.Connection, place: Place, artifact_id: int) -> None:
    connection.execute(
        upsert(
            connection.dialect.name, artifact_former, ("entity", "project", "name"),
            replace("artifact_id"),
        ),
        dict(zip(("entity", "project", "name"), place, strict=True))
        | {"artifact_id": artifact_id},
    )  # fmt: skip


def _is(table: sa.Table, place: Place) -> tuple[sa.ColumnElement[bool], ...]:
    entity, project, name = place
    return (table.c.entity == entity, table.c.project == project, table.c.name == name)
