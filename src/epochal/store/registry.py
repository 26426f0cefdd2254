"""The registry's changes: models, their versions, aliases, stages and history.

Promises: versions count from 1 and no number is given twice; an alias points at one version, which
is ready; every change of a stage, an alias, a name or a description leaves an event that says who
made it. Everything runs in the caller's write transaction.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec
import sqlalchemy as sa

from epochal.domain.artifact import (
    LATEST,
    check_alias,
    check_artifact_name,
    check_digest,
    split_path,
)
from epochal.domain.names import MAX_NAME, MAX_TAG, MAX_TEXT, check_name
from epochal.domain.objects import RunRef
from epochal.domain.record import ModelLink
from epochal.errors import InvalidInput
from epochal.store.dialect import inserted_id, replace, upsert
from epochal.store.former import successor
from epochal.store.scalars import clamp, storable
from epochal.store.schema_objects import (
    artifact,
    artifact_version,
    model,
    model_alias,
    model_event,
    model_tag,
    model_version,
)

PENDING, READY = "pending", "ready"
NO_STAGE = "none"
MAX_ALIASES = 100
MAX_MODEL_TAGS = 1000
MAX_NUMBER = 2**53

Path: TypeAlias = tuple[str, str, str]
"""Entity, project and name of an artifact."""

_encode = msgspec.msgpack.encode
_decode_words = msgspec.msgpack.Decoder(list[str]).decode


class Change(msgspec.Struct, frozen=True):
    """Who changes the registry, and when in microseconds since 1970 UTC."""

    who: str
    t_us: int


def now_us() -> int:
    """The time of day in microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def link(connection: sa.Connection, maker: RunRef, fact: ModelLink) -> list[str]:
    """Apply the record that makes a model version out of an artifact version.

    Returns:
        Problems with single aliases, a sentence each.

    Raises:
        InvalidInput: a name, the digest or the number cannot be used; nothing was changed.
    """
    name = check_artifact_name(fact.model)
    entity = check_name(fact.entity, "entity name") if fact.entity else maker.entity
    check_digest(fact.digest)
    if not 0 <= fact.number <= MAX_NUMBER:
        raise InvalidInput(f"a model version has a number up to {MAX_NUMBER}, got {fact.number}")
    parts = split_path(fact.artifact)
    path = (storable(parts[0]), storable(parts[1]), storable(parts[2]))
    path = (*path[:2], successor(connection, path))
    change = Change(f"run {maker.id}", clamp(fact.wall_us))
    model_id = ensure_model(connection, entity, name, change)
    aliases, problems = [], []
    for alias in fact.aliases[:MAX_ALIASES]:
        try:
            aliases.append(check_alias(alias))
        except InvalidInput as error:
            problems.append(error.message)
    add_version(
        connection, model_id, path, fact.digest, change,
        aliases=aliases, tags=fact.tags, description=fact.description, maker=maker,
        fresh=fact.number > 0, number=fact.number,
    )  # fmt: skip
    return problems


def ensure_model(connection: sa.Connection, entity: str, name: str, change: Change) -> int:
    """The row of a model, made when it is new."""
    found = find_model_id(connection, entity, name)
    return insert_model(connection, entity, name, "", change) if found is None else found


def find_model_id(connection: sa.Connection, entity: str, name: str) -> int | None:
    """The row of a model, None when there is none."""
    found: int | None = connection.execute(
        sa.select(model.c.id).where(model.c.entity == entity, model.c.name == name)
    ).scalar()
    return found


def insert_model(
    connection: sa.Connection, entity: str, name: str, description: str, change: Change
) -> int:
    """A new model. The caller has looked that the name is free."""
    inserted = connection.execute(
        sa.insert(model).values(
            entity=entity, name=name, description=description, created_us=change.t_us,
            updated_us=change.t_us, next_number=1,
        )
    )  # fmt: skip
    id = inserted_id(inserted)
    note(connection, id, None, change, "created", after=name)
    return id


def add_version(
    connection: sa.Connection,
    model_id: int,
    path: Path,
    digest: str,
    change: Change,
    *,
    aliases: Iterable[str] = (),
    tags: Mapping[str, str] = {},
    description: str = "",
    maker: RunRef | None = None,
    fresh: bool = False,
    number: int = 0,
) -> int:
    """A version of a model; the newest one is given again when it stands on the same content.

    Args:
        connection: a write transaction.
        model_id: of the model.
        path: the artifact that it stands on.
        digest: and its version.
        change: who makes it.
        aliases: to give it as soon as its content is complete.
        tags: to set.
        description: of a new version.
        maker: the run that made the artifact version.
        fresh: make a new version even of the same content.
        number: to give it when it is new; the next one by default, and when that number was given.

    Returns:
        Its number.
    """
    newest = connection.execute(
        sa.select(model_version)
        .where(model_version.c.model_id == model_id)
        .order_by(model_version.c.number.desc())
        .limit(1)
    ).first()
    wanted = [alias for alias in dict.fromkeys(aliases) if alias != LATEST]
    if (
        not fresh
        and newest is not None
        and (newest.entity, newest.project, newest.name) == path
        and (newest.digest == digest)
    ):
        id, number = int(newest.id), int(newest.number)
        wanted = list(dict.fromkeys([*_decode_words(newest.wanted), *wanted]))
        connection.execute(
            sa.update(model_version)
            .where(model_version.c.id == id)
            .values(wanted=_encode(wanted), updated_us=change.t_us)
        )
    else:
        id, number = _insert_version(
            connection, model_id, path, digest, change, wanted, description, maker, number
        )
    set_tags(connection, model_id, number, dict(tags), change)
    touch(connection, model_id, change)
    if is_committed(connection, path, digest):
        _become_ready(connection, id, change)
    return number


def _insert_version(
    connection: sa.Connection,
    model_id: int,
    path: Path,
    digest: str,
    change: Change,
    wanted: list[str],
    description: str,
    maker: RunRef | None,
    number: int,
) -> tuple[int, int]:
    here = model.c.id == model_id
    least = int(connection.execute(sa.select(model.c.next_number).where(here)).scalar_one())
    number = max(least, number)
    connection.execute(sa.update(model).where(here).values(next_number=number + 1))
    entity, project, name = path
    inserted = connection.execute(
        sa.insert(model_version).values(
            model_id=model_id, number=number, state=PENDING, stage=NO_STAGE,
            wanted=_encode(wanted), description=storable(description)[:MAX_TEXT],
            entity=entity, project=project, name=name, digest=digest,
            created_us=change.t_us, updated_us=change.t_us,
            maker=b"" if maker is None else _encode(maker),
        )
    )  # fmt: skip
    note(connection, model_id, number, change, "created", after="/".join(path))
    return inserted_id(inserted), number


def is_committed(connection: sa.Connection, path: Path, digest: str) -> bool:
    """Whether an artifact has a committed version with this content."""
    query = (
        sa.select(artifact_version.c.id)
        .join(artifact, artifact.c.id == artifact_version.c.artifact_id)
        .where(
            artifact_version.c.digest == digest, artifact_version.c.state == "committed",
            artifact.c.entity == path[0], artifact.c.project == path[1],
            artifact.c.name == path[2],
        )
        .limit(1)
    )  # fmt: skip
    return connection.execute(query).first() is not None


def make_ready(connection: sa.Connection, path: Path, digest: str) -> None:
    """An artifact version was committed: the model versions that stand on it are ready."""
    query = sa.select(model_version.c.id, model_version.c.created_us).where(
        model_version.c.digest == digest, model_version.c.entity == path[0],
        model_version.c.project == path[1], model_version.c.name == path[2],
        model_version.c.state == PENDING,
    )  # fmt: skip
    for id, created in connection.execute(query.order_by(model_version.c.number)).all():
        _become_ready(connection, id, Change("", created))


def look_ready(connection: sa.Connection, path: Path) -> None:
    """Let those model versions be ready that stand on committed versions of an artifact."""
    waiting = sa.select(model_version.c.digest).where(
        model_version.c.entity == path[0], model_version.c.project == path[1],
        model_version.c.name == path[2], model_version.c.state == PENDING,
    )  # fmt: skip
    for digest in connection.execute(waiting.distinct()).scalars().all():
        if is_committed(connection, path, digest):
            make_ready(connection, path, digest)


def _become_ready(connection: sa.Connection, id: int, change: Change) -> None:
    """Give a version the aliases that waited, unless a newer one has them."""
    version = connection.execute(sa.select(model_version).where(model_version.c.id == id)).one()
    who = change.who or _maker_name(version.maker)
    for alias in _decode_words(version.wanted):
        holder = alias_holder(connection, version.model_id, alias)
        if holder is None or holder <= version.number:
            set_alias(connection, version, alias, Change(who, change.t_us))
    connection.execute(
        sa.update(model_version)
        .where(model_version.c.id == id)
        .values(state=READY, wanted=_encode([]))
    )


def _maker_name(maker: bytes) -> str:
    if not maker:
        return ""
    return f"run {msgspec.msgpack.decode(maker, type=RunRef).id}"


def alias_holder(connection: sa.Connection, model_id: int, alias: str) -> int | None:
    """The number of the version that an alias points at."""
    query = (
        sa.select(model_version.c.number)
        .join(model_alias, model_alias.c.version_id == model_version.c.id)
        .where(model_alias.c.model_id == model_id, model_alias.c.alias == alias)
    )
    found: int | None = connection.execute(query).scalar()
    return found


def set_alias(connection: sa.Connection, version: sa.Row[Any], alias: str, change: Change) -> None:
    """Let an alias point at a version; it leaves the one that had it."""
    before = alias_holder(connection, version.model_id, alias)
    if before == version.number:
        return
    connection.execute(
        upsert(connection.dialect.name, model_alias, ("model_id", "alias"), replace("version_id")),
        {"model_id": version.model_id, "alias": alias, "version_id": version.id},
    )
    note(
        connection, version.model_id, version.number, change, "alias", name=alias,
        before="" if before is None else str(before), after=str(version.number),
    )  # fmt: skip


def remove_alias(
    connection: sa.Connection, version: sa.Row[Any], alias: str, change: Change
) -> None:
    """Take an alias from a version; one that points elsewhere stays."""
    gone = connection.execute(
        sa.delete(model_alias).where(
            model_alias.c.model_id == version.model_id, model_alias.c.alias == alias,
            model_alias.c.version_id == version.id,
        )
    )  # fmt: skip
    if gone.rowcount:
        note(
            connection, version.model_id, version.number, change, "alias", name=alias,
            before=str(version.number),
        )  # fmt: skip


def set_tags(
    connection: sa.Connection,
    model_id: int,
    number: int,
    tags: Mapping[str, str | None],
    change: Change,
) -> None:
    """Set tags of a version, or of the model with number 0; None removes one."""
    for name, value in list(tags.items())[:MAX_MODEL_TAGS]:
        key = storable(str(name))[:MAX_TAG]
        here = sa.and_(
            model_tag.c.model_id == model_id, model_tag.c.number == number,
            model_tag.c.name == key,
        )  # fmt: skip
        before: str | None = connection.execute(sa.select(model_tag.c.value).where(here)).scalar()
        after = None if value is None else storable(str(value))[:MAX_TEXT]
        if before == after:
            continue
        connection.execute(sa.delete(model_tag).where(here))
        if after is not None:
            connection.execute(
                sa.insert(model_tag).values(
                    model_id=model_id, number=number, name=key, value=after
                )
            )
        note(
            connection, model_id, number or None, change, "tag", name=key,
            before=before or "", after=after or "",
        )  # fmt: skip


def touch(connection: sa.Connection, model_id: int, change: Change) -> None:
    """Note that something of a model changed."""
    connection.execute(
        sa.update(model).where(model.c.id == model_id).values(updated_us=change.t_us)
    )


def note(
    connection: sa.Connection,
    model_id: int,
    number: int | None,
    change: Change,
    what: str,
    *,
    name: str = "",
    before: str = "",
    after: str = "",
) -> None:
    """Write an event into the model's history; texts are cut to what fits one line."""
    connection.execute(
        sa.insert(model_event).values(
            model_id=model_id, number=number, t_us=change.t_us, what=what, name=name,
            before=before[:MAX_NAME], after=after[:MAX_NAME], who=storable(change.who)[:MAX_NAME],
        )
    )  # fmt: skip
