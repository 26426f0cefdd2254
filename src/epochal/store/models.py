"""Registered models as people see and change them; `store.registry` makes the changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.artifact import LATEST, ArtifactRef
from epochal.domain.objects import (
    ModelChanges,
    ModelDetail,
    ModelEvent,
    ModelList,
    ModelRow,
    ModelVersionChanges,
    ModelVersionRow,
    NewModel,
    NewModelVersion,
    RunRef,
)
from epochal.domain.record import ModelLink
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.store import registry
from epochal.store.artifacts import find_version
from epochal.store.keep import Creation, forget_versions, keep_version, rename_versions
from epochal.store.registry import READY, Change
from epochal.store.rows import suggest
from epochal.store.scalars import storable
from epochal.store.schema import run
from epochal.store.schema_objects import (
    artifact,
    artifact_version,
    model,
    model_alias,
    model_event,
    model_tag,
    model_version,
)
from epochal.store.standing import Known, close_book, known_of, write_book
from epochal.store.store import Store
from epochal.store.telling import announce, note_makers, versions_with

MAX_EVENTS = 1000

_decode_ref = msgspec.msgpack.Decoder(RunRef).decode


def list_models(store: Store, entity: str, search: str | None) -> ModelList:
    """Models of an entity, newest activity first."""
    query = sa.select(model).where(model.c.entity == entity)
    if search:
        query = query.where(sa.func.lower(model.c.name).contains(search.lower(), autoescape=True))
    with store.database.read() as connection:
        rows = connection.execute(query.order_by(model.c.updated_us.desc())).all()
        return ModelList([_model_row(connection, row) for row in rows])


def get_model(store: Store, entity: str, name: str) -> ModelDetail:
    """A model with its versions and history.

    Raises:
        NotFound: there is none.
    """
    with store.database.read() as connection:
        row = _find(connection, entity, name)
        view = _model_row(connection, row)
        versions = connection.execute(
            sa.select(model_version)
            .where(model_version.c.model_id == row.id)
            .order_by(model_version.c.number.desc())
        ).all()
        events = connection.execute(
            sa.select(model_event)
            .where(model_event.c.model_id == row.id)
            .order_by(model_event.c.id.desc())
            .limit(MAX_EVENTS)
        ).all()
        return ModelDetail(
            **{field: getattr(view, field) for field in ModelRow.__struct_fields__},
            all_versions=_version_rows(connection, row, versions),
            events=[
                ModelEvent(e.t_us, e.number, e.what, e.name, e.before, e.after, e.who)
                for e in events
            ],
        )


def list_versions(store: Store, entity: str, name: str | None = None) -> list[ModelVersionRow]:
    """Versions of one model, or of all models of an entity, by model and number."""
    named = sa.true() if name is None else model.c.name == name
    query = sa.select(model).where(model.c.entity == entity, named).order_by(model.c.name)
    every = sa.select(model_version).order_by(model_version.c.number)
    found: list[ModelVersionRow] = []
    with store.database.read() as connection:
        for row in connection.execute(query).all():
            mine = connection.execute(every.where(model_version.c.model_id == row.id)).all()
            found += _version_rows(connection, row, mine)
    return found


def create_model(store: Store, given: NewModel, who: str) -> ModelRow:
    """Register a name.

    Raises:
        Conflict: it is in use.
    """
    change = Change(who, registry.now_us())
    with store.database.write() as connection:
        if registry.find_model_id(connection, given.entity, given.name) is not None:
            raise Conflict(f"there is a model {given.name!r} already; choose another name")
        id = registry.insert_model(
            connection, given.entity, given.name, storable(given.description), change
        )
        registry.set_tags(connection, id, 0, given.tags, change)
        write_book(store, connection, id)
        return _model_row(connection, _find(connection, given.entity, given.name))


def update_model(
    store: Store, entity: str, name: str, changes: ModelChanges, who: str
) -> ModelRow:
    """Change a model.

    Raises:
        NotFound: there is none.
        Conflict: the new name is in use.
    """
    change = Change(who, registry.now_us())
    with store.database.write() as connection:
        row = _find(connection, entity, name)
        values: dict[str, Any] = {}
        if changes.name is not None and changes.name != name:
            if registry.find_model_id(connection, entity, changes.name) is not None:
                raise Conflict(f"there is a model {changes.name!r} already; choose another name")
            values["name"] = changes.name
            registry.note(
                connection, row.id, None, change, "name", before=name, after=changes.name
            )
        if changes.description is not None and changes.description != row.description:
            values["description"] = storable(changes.description)
            registry.note(
                connection, row.id, None, change, "description",
                before=row.description, after=changes.description,
            )  # fmt: skip
        if values:
            connection.execute(sa.update(model).where(model.c.id == row.id).values(values))
        if "name" in values:
            rename_versions(store, _creations(connection, row.id), values["name"])
        registry.set_tags(connection, row.id, 0, changes.tags, change)
        registry.touch(connection, row.id, change)
        write_book(store, connection, row.id)
        if "name" in values:
            close_book(store, entity, name, _known(connection, row.id))
        return _model_row(connection, _find(connection, entity, values.get("name", name)))


def delete_model(store: Store, entity: str, name: str) -> None:
    """Forget a model with its versions and history; the artifacts stay.

    Raises:
        NotFound: there is none.
    """
    with store.database.write() as connection:
        row = _find(connection, entity, name)
        made = _creations(connection, row.id)
        close_book(store, entity, name, _known(connection, row.id))
        connection.execute(sa.delete(model).where(model.c.id == row.id))
    forget_versions(store, made)


def _known(connection: sa.Connection, model_id: int) -> list[Known]:
    """Whose records made the versions of a model."""
    rows = connection.execute(sa.select(model_version).where(model_version.c.model_id == model_id))
    return [known_of(row) for row in rows]


def _creations(connection: sa.Connection, model_id: int) -> list[Creation]:
    made = sa.select(model_version.c.maker, model_version.c.created_us)
    rows = connection.execute(made.where(model_version.c.model_id == model_id))
    return [Creation(row.maker, row.created_us) for row in rows]


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
        row = _find(connection, entity, name)
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
        made = _one_version(connection, row, number)
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
        return _one_version(connection, _find(connection, entity, name), number)


def resolve(store: Store, entity: str, name: str, which: int | str) -> ModelVersionRow:
    """The version that a number, an alias or ``latest`` means.

    Raises:
        NotFound: there is none.
    """
    with store.database.read() as connection:
        row = _find(connection, entity, name)
        if isinstance(which, int):
            return _one_version(connection, row, which)
        if which == LATEST:
            number = _model_row(connection, row).latest
            if number is None:
                raise NotFound(f"model {name!r} has no version that is complete")
            return _one_version(connection, row, number)
        number = registry.alias_holder(connection, row.id, which)
        if number is None:
            aliases = sa.select(model_alias.c.alias).where(model_alias.c.model_id == row.id)
            known = connection.execute(aliases).scalars()
            raise NotFound(
                f"no version of model {name!r} has the alias {which!r}{suggest(which, known)}"
            )
        return _one_version(connection, row, number)


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
        row = _find(connection, entity, name)
        version = _find_version(connection, row, number)
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
        made = _one_version(connection, row, number)
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
        row = _find(connection, entity, name)
        version = _find_version(connection, row, number)
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


def _find(connection: sa.Connection, entity: str, name: str) -> Any:
    found = connection.execute(
        sa.select(model).where(model.c.entity == entity, model.c.name == name)
    ).first()
    if found is None:
        known = sa.select(model.c.name).where(model.c.entity == entity)
        names = connection.execute(known).scalars()
        raise NotFound(f"there is no registered model {name!r}{suggest(name, names)}")
    return found


def _find_version(connection: sa.Connection, row: Any, number: int) -> Any:
    found = connection.execute(
        sa.select(model_version).where(
            model_version.c.model_id == row.id, model_version.c.number == number
        )
    ).first()
    if found is None:
        raise NotFound(f"model {row.name!r} has no version {number}")
    return found


def _one_version(connection: sa.Connection, row: Any, number: int) -> ModelVersionRow:
    return _version_rows(connection, row, [_find_version(connection, row, number)])[0]


def _model_row(connection: sa.Connection, row: Any) -> ModelRow:
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


def _tags(connection: sa.Connection, model_id: int) -> dict[int, dict[str, str]]:
    """Tags by number of the version; 0 is the model itself."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    query = sa.select(model_tag).where(model_tag.c.model_id == model_id)
    for tag in connection.execute(query.order_by(model_tag.c.name)):
        found[tag.number][tag.name] = tag.value
    return found


def _version_rows(
    connection: sa.Connection, row: Any, versions: Sequence[Any]
) -> list[ModelVersionRow]:
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
