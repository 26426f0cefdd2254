"""Rows of registered models and their versions, read as people see them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.models import (
    ModelRow,
    ModelVersionRow,
)
from epochal.domain.objects import RunRef
from epochal.errors import NotFound
from epochal.store import registry
from epochal.store.registry import READY
from epochal.store.rows import suggest
from epochal.store.schema import run
from epochal.store.schema_objects import (
    artifact,
    artifact_version,
    model,
    model_alias,
    model_tag,
    model_version,
)

_decode_ref = msgspec.msgpack.Decoder(RunRef).decode


def find_model(connection: sa.Connection, entity: str, name: str) -> Any:
    """The row of a model.

    Raises:
        NotFound: there is none.
    """
    found = connection.execute(
        sa.select(model).where(model.c.entity == entity, model.c.name == name)
    ).first()
    if found is None:
        known = sa.select(model.c.name).where(model.c.entity == entity)
        names = connection.execute(known).scalars()
        raise NotFound(f"there is no registered model {name!r}{suggest(name, names)}")
    return found


def find_version_row(connection: sa.Connection, row: Any, number: int) -> Any:
    """The row of a version of a model, given by its row.

    Raises:
        NotFound: there is none.
    """
    found = connection.execute(
        sa.select(model_version).where(
            model_version.c.model_id == row.id, model_version.c.number == number
        )
    ).first()
    if found is None:
        raise NotFound(f"model {row.name!r} has no version {number}")
    return found


def one_version(connection: sa.Connection, row: Any, number: int) -> ModelVersionRow:
    """A version of a model, given by its row.

    Raises:
        NotFound: there is none.
    """
    return version_rows(connection, row, [find_version_row(connection, row, number)])[0]


def model_row(connection: sa.Connection, row: Any) -> ModelRow:
    """A model, given by its row."""
    count, latest = connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.max(sa.case((model_version.c.state == READY, model_version.c.number))),
        ).where(model_version.c.model_id == row.id)
    ).one()
    aliases = connection.execute(
        sa.select(model_alias.c.alias, model_version.c.number)
        .join(model_version, model_version.c.id == model_alias.c.version_id)
        .where(model_alias.c.model_id == row.id)
        .order_by(model_alias.c.alias)
    )
    named = {row.alias: row.number for row in aliases}
    staged = connection.execute(
        sa.select(model_version.c.stage, sa.func.max(model_version.c.number).label("number"))
        .where(model_version.c.model_id == row.id, model_version.c.stage != registry.NO_STAGE)
        .group_by(model_version.c.stage)
        .order_by(model_version.c.stage)
    )
    stages = {row.stage: row.number for row in staged}
    return ModelRow(
        row.entity, row.name, row.description, _tags(connection, row.id)[0], named, count, latest,
        row.created_us, row.updated_us, stages,
    )  # fmt: skip


def version_rows(
    connection: sa.Connection, row: Any, versions: Sequence[Any]
) -> list[ModelVersionRow]:
    """Versions of a model, given by their rows."""
    tags = _tags(connection, row.id)
    aliases: dict[int, list[str]] = defaultdict(list)
    named = sa.select(model_alias).where(model_alias.c.model_id == row.id)
    for alias in connection.execute(named.order_by(model_alias.c.alias)):
        aliases[alias.version_id].append(alias.alias)
    found = []
    for version in versions:
        number, size = _artifact_version(connection, version)
        found.append(
            ModelVersionRow(
                entity=row.entity, model=row.name, version=version.number, state=version.state,
                stage=version.stage, aliases=aliases[version.id], tags=tags[version.number],
                description=version.description,
                artifact=f"{version.entity}/{version.project}/{version.name}",
                artifact_version=number, digest=version.digest, size=size,
                created_us=version.created_us, updated_us=version.updated_us,
                run=_maker(connection, version.maker),
            )
        )  # fmt: skip
    return found


def _tags(connection: sa.Connection, model_id: int) -> dict[int, dict[str, str]]:
    """Tags by number of the version; 0 is the model itself."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    query = sa.select(model_tag).where(model_tag.c.model_id == model_id)
    for tag in connection.execute(query.order_by(model_tag.c.name)):
        found[tag.number][tag.name] = tag.value
    return found


def _artifact_version(connection: sa.Connection, version: Any) -> tuple[int | None, int]:
    """Number and bytes of the artifact version that a model version stands on."""
    query = (
        sa.select(artifact_version.c.number, artifact_version.c.size)
        .join(artifact, artifact.c.id == artifact_version.c.artifact_id)
        .where(
            artifact.c.entity == version.entity, artifact.c.project == version.project,
            artifact.c.name == version.name, artifact_version.c.digest == version.digest,
            artifact_version.c.state != "deleted",
        )
        .order_by(artifact_version.c.number.desc())
        .limit(1)
    )  # fmt: skip
    found = connection.execute(query).first()
    return (None, 0) if found is None else (found.number, found.size)


def _maker(connection: sa.Connection, packed: bytes) -> RunRef | None:
    if not packed:
        return None
    ref = _decode_ref(packed)
    alive = connection.execute(sa.select(run.c.id).where(run.c.uid == ref.uid)).first()
    return msgspec.structs.replace(ref, exists=alive is not None)
