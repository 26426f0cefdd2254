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
    connection.execute(
        upsert(
            connection.dialect.name, artifact_former, ("entity", "project", "name"),
            replace("artifact_id"),
        ),
        dict(zip(("entity", "project", "name"), before, strict=True)) | {"artifact_id": owner.id},
    )  # fmt: skip
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


def _is(table: sa.Table, place: Place) -> tuple[sa.ColumnElement[bool], ...]:
    entity, project, name = place
    return (table.c.entity == entity, table.c.project == project, table.c.name == name)
