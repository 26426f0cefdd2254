"""Saved views in the database.

They are in no journal, so a database that is lost takes them along. A project has at most one
preferred view.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from epochal.domain.saved import MARK, NewView, ViewChanges, ViewRow, content_name
from epochal.errors import Conflict, NotFound
from epochal.store.dialect import replace, upsert
from epochal.store.rows import suggest
from epochal.store.schema_views import saved_view as view
from epochal.store.schema_views import view_saver as saver
from epochal.store.store import Store

_ROWS = sa.select(
    view.c.entity, view.c.project, view.c.name, view.c.query, view.c.preferred, view.c.created_us,
    view.c.updated_us, view.c.created_by, sa.func.coalesce(saver.c.name, view.c.created_by),
).select_from(view.outerjoin(saver, saver.c.view_id == view.c.id))  # fmt: skip


def list_views(store: Store, entity: str, project: str) -> list[ViewRow]:
    """The named views of a project, by name."""
    named = sa.not_(view.c.name.startswith(MARK, autoescape=True))
    query = _ROWS.where(*_of(entity, project), named).order_by(view.c.name)
    with store.database.read() as connection:
        return [ViewRow(*row) for row in connection.execute(query)]


def find_view(store: Store, entity: str, project: str, name: str) -> ViewRow:
    """One view.

    Raises:
        NotFound: there is none of that name; the message names a similar one.
    """
    with store.database.read() as connection:
        return _find(connection, entity, project, name)


def preferred_view(connection: sa.Connection, entity: str, project: str) -> ViewRow | None:
    """The view that a bare address of the project opens with."""
    query = _ROWS.where(*_of(entity, project), view.c.preferred == sa.true())
    row = connection.execute(query).first()
    return None if row is None else ViewRow(*row)


def create_view(store: Store, new: NewView, author: str) -> ViewRow:
    """Keep a view; one that its content names is kept once.

    Raises:
        Conflict: the project has a view of that name.
    """
    now = time.time_ns() // 1000
    name = new.name or content_name(new.query)
    own = view.c.name == name
    with store.database.write() as connection:
        there = connection.execute(_ROWS.where(*_of(new.entity, new.project), own)).first()
        if there is not None and not new.name:
            return ViewRow(*there)
        if there is not None:
            raise Conflict(
                f"project {new.project!r} has a view {name!r} already; "
                "save under another name, or change that view"
            )
        if new.preferred:
            _prefer_none(connection, new.entity, new.project)
        row = ViewRow(
            new.entity, new.project, name, new.query, new.preferred, now, now, author, author
        )
        connection.execute(sa.insert(view).values(_values(row)))
    return row


def change_view(
    store: Store, entity: str, project: str, name: str, changes: ViewChanges, author: str
) -> ViewRow:
    """Rename a view, keep another state under its name, or prefer it.

    Raises:
        NotFound: there is none of that name.
        Conflict: the new name is in use, or somebody saved the view meanwhile.
    """
    values: dict[str, Any] = {}
    if changes.query is not None:
        values["query"] = changes.query
    if changes.preferred is not None:
        values["preferred"] = changes.preferred
    with store.database.write() as connection:
        before = _find(connection, entity, project, name)
        _check_seen(before, changes.updated_us, "look at that, or save under another name")
        if changes.name is not None and changes.name != name:
            values["name"] = changes.name
            taken = _ROWS.where(*_of(entity, project), view.c.name == changes.name)
            if connection.execute(taken).first() is not None:
                raise Conflict(
                    f"project {project!r} has a view {changes.name!r} already; choose another name"
                )
        if changes.preferred:
            _prefer_none(connection, entity, project)
        if changes.query is not None or "name" in values:
            values["updated_us"] = max(time.time_ns() // 1000, before.updated_us + 1)
            _note_saver(connection, before, author)
        mine = (*_of(entity, project), view.c.name == name)
        if values:
            connection.execute(sa.update(view).where(*mine).values(values))
        return _find(connection, entity, project, values.get("name", name))


def delete_view(
    store: Store, entity: str, project: str, name: str, updated_us: int | None = None
) -> None:
    """Forget a view.

    Raises:
        NotFound: there is none of that name.
        Conflict: somebody saved it at another time than ``updated_us``.
    """
    with store.database.write() as connection:
        before = _find(connection, entity, project, name)
        _check_seen(before, updated_us, "look at that before you delete it")
        connection.execute(sa.delete(view).where(*_of(entity, project), view.c.name == name))


def _check_seen(row: ViewRow, updated_us: int | None, what_to_do: str) -> None:
    """Refuse whoever saw another state of the view; None has seen every state."""
    if updated_us not in (None, row.updated_us):
        raise Conflict(
            f"{row.updated_by} saved the view {row.name!r} at "
            f"{datetime.fromtimestamp(row.updated_us / 1e6, UTC):%Y-%m-%d %H:%M:%S} UTC, "
            f"after you opened it; {what_to_do}"
        )


def _of(entity: str, project: str) -> tuple[sa.ColumnElement[bool], ...]:
    return view.c.entity == entity, view.c.project == project


def _find(connection: sa.Connection, entity: str, project: str, name: str) -> ViewRow:
    row = connection.execute(_ROWS.where(*_of(entity, project), view.c.name == name)).first()
    if row is not None:
        return ViewRow(*row)
    known = connection.execute(sa.select(view.c.name).where(*_of(entity, project))).scalars()
    named = [other for other in known if not other.startswith(MARK)]
    raise NotFound(
        f"project {project!r} has no view {name[:80]!r}: it was renamed or deleted, "
        f"or the link was cut short{suggest(name, named)}"
    )


def _prefer_none(connection: sa.Connection, entity: str, project: str) -> None:
    connection.execute(sa.update(view).where(*_of(entity, project)).values(preferred=False))


def _note_saver(connection: sa.Connection, row: ViewRow, author: str) -> None:
    which = sa.select(view.c.id).where(*_of(row.entity, row.project), view.c.name == row.name)
    connection.execute(
        upsert(connection.dialect.name, saver, ("view_id",), replace("name")),
        {"view_id": connection.execute(which).scalar_one(), "name": author},
    )


def _values(row: ViewRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ViewRow.__struct_fields__ if name in view.c}
