"""Versions of registered models as people see them; `store.registry` makes the changes."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.artifact import LATEST, ArtifactRef
from epochal.domain.models import (
    ModelVersionChanges,
    ModelVersionRow,
    NewModelVersion,
)
from epochal.domain.objects import RunRef
from epochal.domain.record import ModelLink
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.store import registry
from epochal.store.artifacts import find_version
from epochal.store.keep import Creation, forget_versions, keep_version
from epochal.store.model_rows import (
    find_model,
    find_version_row,
    model_row,
    one_version,
    version_rows,
)
from epochal.store.registry import READY, Change
from epochal.store.rows import suggest
from epochal.store.scalars import storable
from epochal.store.schema_objects import (
    model,
    model_alias,
    model_tag,
    model_version,
)
from epochal.store.standing import known_of, write_book
from epochal.store.store import Store
from epochal.store.telling import announce, note_makers, versions_with

_decode_ref = msgspec.msgpack.Decoder(RunRef).decode


def list_versions(store: Store, entity: str, name: str | None = None) -> list[ModelVersionRow]:
    """Versions of one model, or of all models of an entity, by model and number."""
    named = sa.true() if name is None else model.c.name == name
    query = sa.select(model).where(model.c.entity == entity, named).order_by(model.c.name)
    every = sa.select(model_version).order_by(model_version.c.number)
    found: list[ModelVersionRow] = []
    with store.database.read() as connection:
        for row in connection.execute(query).all():
            mine = connection.execute(every.where(model_version.c.model_id == row.id)).all()
            found += version_rows(connection, row, mine)
    return found


def create_version(
    store: Store,
    entity: str,
    name: str,
    given: NewModelVersion,
    ref: ArtifactRef,
    who: str,
    *,
    fresh: bool = False,
) -> ModelVersionRow:
    """Make a version out of an artifact version; the newest one is given when it is the same.

    Args:
        store: the home.
        entity: owner of the model.
        name: of the model.
        given: what to say of the version.
        ref: the artifact version, as `given.artifact` says.
        who: makes it.
        fresh: make a new version even of the same content.

    Raises:
        NotFound: no such model or artifact version.
        Conflict: bytes of the artifact version are on their way.
    """
    change = Change(who, registry.now_us())
    with store.moving, store.database.write() as connection:
        row = find_model(connection, entity, name)
        version = find_version(connection, ref)
        if version.state != "committed":
            raise Conflict(
                f"{version.missing} blobs of {given.artifact!r} are on their way; "
                f"register it when it is complete"
            )
        path = (version.entity, version.project, version.name)
        maker = _decode_ref(version.maker)
        number = registry.add_version(
            connection, row.id, path, version.digest, change, aliases=given.aliases,
            tags=given.tags, description=given.description, maker=maker, fresh=fresh,
        )  # fmt: skip
        changed = note_makers(connection, [version.id])
        made = one_version(connection, row, number)
        if made.created_us == change.t_us:  # not the newest one, given again
            link = ModelLink(
                change.t_us, name, made.artifact, made.digest, given.aliases, given.tags,
                given.description, entity, number,
            )  # fmt: skip
            keep_version(store, maker, link)
        write_book(store, connection, row.id)
    announce(store, changed)
    return made


def get_version(store: Store, entity: str, name: str, number: int) -> ModelVersionRow:
    """One version of a model.

    Raises:
        NotFound: there is none.
    """
    with store.database.read() as connection:
        return one_version(connection, find_model(connection, entity, name), number)


def resolve(store: Store, entity: str, name: str, which: int | str) -> ModelVersionRow:
    """The version that a number, an alias or ``latest`` means.

    Raises:
        NotFound: there is none.
    """
    with store.database.read() as connection:
        row = find_model(connection, entity, name)
        if isinstance(which, int):
            return one_version(connection, row, which)
        if which == LATEST:
            number = model_row(connection, row).latest
            if number is None:
                raise NotFound(f"model {name!r} has no version that is complete")
            return one_version(connection, row, number)
        number = registry.alias_holder(connection, row.id, which)
        if number is None:
            aliases = sa.select(model_alias.c.alias).where(model_alias.c.model_id == row.id)
            known = connection.execute(aliases).scalars()
            raise NotFound(
                f"no version of model {name!r} has the alias {which!r}{suggest(which, known)}"
            )
        return one_version(connection, row, number)


def update_version(
    store: Store, entity: str, name: str, number: int, changes: ModelVersionChanges, who: str
) -> ModelVersionRow:
    """Change a version: promote it, name it, describe it.

    Raises:
        NotFound: there is none.
        Conflict: an alias was asked for a version that is not complete.
        InvalidInput: ``latest`` cannot be set.
    """
    change = Change(who, registry.now_us())
    with store.database.write() as connection:
        row = find_model(connection, entity, name)
        version = find_version_row(connection, row, number)
        if LATEST in {*changes.add_aliases, *changes.remove_aliases}:
            raise InvalidInput(f"{LATEST!r} follows the newest version by itself; choose a word")
        if changes.add_aliases and version.state != READY:
            raise Conflict(f"version {number} of {name!r} is not complete; name it when it is")
        for alias in changes.remove_aliases:
            registry.remove_alias(connection, version, alias, change)
        for alias in changes.add_aliases:
            registry.set_alias(connection, version, alias, change)
        values: dict[str, Any] = {"updated_us": change.t_us}
        for what, value in (("stage", changes.stage), ("description", changes.description)):
            before = getattr(version, what)
            if value is not None and value != before:
                values[what] = storable(value)
                registry.note(connection, row.id, number, change, what, before=before, after=value)
        connection.execute(
            sa.update(model_version).where(model_version.c.id == version.id).values(values)
        )
        registry.set_tags(connection, row.id, number, changes.tags, change)
        registry.touch(connection, row.id, change)
        changed = note_makers(connection, _behind(connection, version))
        made = one_version(connection, row, number)
        write_book(store, connection, row.id)
    announce(store, changed)
    return made


def _behind(connection: sa.Connection, version: Any) -> list[int]:
    """The artifact versions on which a model version stands."""
    path = (version.entity, version.project, version.name)
    return versions_with(connection, path, version.digest)


def delete_version(store: Store, entity: str, name: str, number: int, who: str) -> None:
    """Delete a version of a model; its number stays used and its artifact version stays.

    Raises:
        NotFound: there is none.
    """
    change = Change(who, registry.now_us())
    with store.database.write() as connection:
        row = find_model(connection, entity, name)
        version = find_version_row(connection, row, number)
        connection.execute(sa.delete(model_version).where(model_version.c.id == version.id))
        connection.execute(
            sa.delete(model_tag).where(
                model_tag.c.model_id == row.id, model_tag.c.number == number
            )
        )
        path = f"{version.entity}/{version.project}/{version.name}"
        registry.note(connection, row.id, number, change, "deleted", before=path)
        registry.touch(connection, row.id, change)
        changed = note_makers(connection, _behind(connection, version))
        write_book(store, connection, row.id, [known_of(version)])
    forget_versions(store, [Creation(version.maker, version.created_us)])
    announce(store, changed)
