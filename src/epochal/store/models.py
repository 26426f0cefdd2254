"""Registered models as people see and change them; `store.registry` makes the changes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from epochal.domain.models import (
    ModelChanges,
    ModelDetail,
    ModelEvent,
    ModelList,
    ModelRow,
    NewModel,
)
from epochal.errors import Conflict
from epochal.store import registry
from epochal.store.keep import Creation, forget_versions, rename_versions
from epochal.store.model_rows import find_model, model_row, version_rows
from epochal.store.registry import Change
from epochal.store.scalars import storable
from epochal.store.schema_objects import (
    model,
    model_event,
    model_version,
)
from epochal.store.standing import Known, close_book, known_of, write_book
from epochal.store.store import Store

MAX_EVENTS = 1000


def list_models(store: Store, entity: str, search: str | None) -> ModelList:
    """Models of an entity, newest activity first."""
    query = sa.select(model).where(model.c.entity == entity)
    if search:
        query = query.where(sa.func.lower(model.c.name).contains(search.lower(), autoescape=True))
    with store.database.read() as connection:
        rows = connection.execute(query.order_by(model.c.updated_us.desc())).all()
        return ModelList([model_row(connection, row) for row in rows])


def get_model(store: Store, entity: str, name: str) -> ModelDetail:
    """A model with its versions and history.

    Raises:
        NotFound: there is none.
    """
    with store.database.read() as connection:
        row = find_model(connection, entity, name)
        view = model_row(connection, row)
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
            all_versions=version_rows(connection, row, versions),
            events=[
                ModelEvent(e.t_us, e.number, e.what, e.name, e.before, e.after, e.who)
                for e in events
            ],
        )


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
        return model_row(connection, find_model(connection, given.entity, given.name))


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
        row = find_model(connection, entity, name)
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
        return model_row(connection, find_model(connection, entity, values.get("name", name)))


def delete_model(store: Store, entity: str, name: str) -> None:
    """Forget a model with its versions and history; the artifacts stay.

    Raises:
        NotFound: there is none.
    """
    with store.database.write() as connection:
        row = find_model(connection, entity, name)
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
