"""Saved views: readers list and open them, writers save, change and delete them."""

from __future__ import annotations

from msgspec.structs import replace

from epochal.domain.access import Permission, Principal
from epochal.domain.saved import (
    MAX_QUERY,
    MAX_VIEW_NAME,
    NewView,
    ViewChanges,
    ViewList,
    ViewRow,
    check_view_name,
)
from epochal.errors import InvalidInput
from epochal.service import bounds
from epochal.service.permission import require
from epochal.store import saved
from epochal.store.owner import Store


def list_views(
    store: Store, principal: Principal | None, entity: str | None, project: str
) -> ViewList:
    """The named views of a project."""
    require(principal, Permission.READ)
    place = bounds.entity_name(entity), bounds.project_name(project)
    return ViewList(saved.list_views(store, *place))


def find_view(
    store: Store, principal: Principal | None, entity: str | None, project: str, name: str
) -> ViewRow:
    """A view by its name.

    Raises:
        NotFound: there is none of that name.
    """
    require(principal, Permission.READ)
    return saved.find_view(store, *_place(entity, project, name))


def create_view(store: Store, principal: Principal | None, new: NewView) -> ViewRow:
    """Keep what the page shows.

    Raises:
        Conflict: the name is in use.
        InvalidInput: a name or the query cannot be used.
    """
    author = require(principal, Permission.WRITE).name
    if new.preferred and not new.name:
        raise InvalidInput("a view without a name cannot be preferred; give it a name")
    checked = replace(
        new,
        entity=bounds.entity_name(new.entity),
        project=bounds.project_name(new.project),
        name=check_view_name(new.name) if new.name else "",
        query=_query(new.query),
    )
    return saved.create_view(store, checked, author)


def change_view(
    store: Store,
    principal: Principal | None,
    entity: str | None,
    project: str,
    name: str,
    changes: ViewChanges,
) -> ViewRow:
    """Rename a view, keep another state under its name, or open the project with it.

    Raises:
        NotFound: there is none of that name.
        Conflict: the new name is in use, or somebody saved the view meanwhile.
        InvalidInput: a name or the query cannot be used.
    """
    author = require(principal, Permission.WRITE).name
    check_view_name(name)
    checked = replace(
        changes,
        name=None if changes.name is None else check_view_name(changes.name),
        query=None if changes.query is None else _query(changes.query),
    )
    return saved.change_view(store, *_place(entity, project, name), checked, author)


def delete_view(
    store: Store,
    principal: Principal | None,
    entity: str | None,
    project: str,
    name: str,
    updated_us: int | None = None,
) -> None:
    """Forget a view.

    Raises:
        NotFound: there is none of that name.
        Conflict: somebody saved it at another time than ``updated_us``.
    """
    require(principal, Permission.WRITE)
    saved.delete_view(store, *_place(entity, project, name), updated_us)


def _place(entity: str | None, project: str, name: str) -> tuple[str, str, str]:
    plain = bounds.plain_text(name, "view name", MAX_VIEW_NAME)
    return bounds.entity_name(entity), bounds.project_name(project), plain


def _query(text: str) -> str:
    return bounds.plain_text(text.removeprefix("?"), "the query of a view", MAX_QUERY)
