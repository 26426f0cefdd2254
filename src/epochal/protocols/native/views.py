"""The routes of saved views."""

from __future__ import annotations

from typing import Any, Final

from litestar import delete, get, patch, post
from litestar.params import FromQuery, JSONBody

from epochal.domain.access import Permission
from epochal.domain.saved import NewView, ViewChanges, ViewList, ViewRow
from epochal.protocols import needs
from epochal.protocols.call import Call
from epochal.service import views

READ: Final = needs(Permission.READ)
WRITE: Final = needs(Permission.WRITE)


@get("/api/v1/views", opt=READ)
async def list_views(
    request: Call, project: FromQuery[str], entity: FromQuery[str | None] = None
) -> ViewList:
    """The named views of a project."""
    return await request.read(views.list_views, entity, project)


@get("/api/v1/views/resolve", opt=READ)
async def find_view(
    request: Call,
    project: FromQuery[str],
    name: FromQuery[str],
    entity: FromQuery[str | None] = None,
) -> ViewRow:
    """A view by its name."""
    return await request.read(views.find_view, entity, project, name)


@post("/api/v1/views", opt=WRITE)
async def create_view(request: Call, data: JSONBody[NewView]) -> ViewRow:
    """Keep what the page shows."""
    return await request.write(views.create_view, data)


@patch("/api/v1/views", opt=WRITE)
async def change_view(
    request: Call,
    project: FromQuery[str],
    name: FromQuery[str],
    data: JSONBody[ViewChanges],
    entity: FromQuery[str | None] = None,
) -> ViewRow:
    """Rename a view, keep another state under its name, or open the project with it."""
    return await request.write(views.change_view, entity, project, name, data)


@delete("/api/v1/views", opt=WRITE)
async def delete_view(
    request: Call,
    project: FromQuery[str],
    name: FromQuery[str],
    entity: FromQuery[str | None] = None,
    updated_us: FromQuery[int | None] = None,
) -> None:
    """Forget a view, if it is still as it was at a time."""
    await request.write(views.delete_view, entity, project, name, updated_us)


ROUTES: Final[list[Any]] = [list_views, find_view, create_view, change_view, delete_view]
