"""Addresses of pages that wandb's client prints, led to ours."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from litestar import Response, get
from litestar.params import FromPath

from epochal.domain.names import DEFAULT_ENTITY
from epochal.errors import NotFound
from epochal.protocols import PUBLIC
from epochal.protocols.call import Call


@get("/{entity:str}/{project:str}", opt=PUBLIC)
async def project_page(
    request: Call, entity: FromPath[str], project: FromPath[str]
) -> Response[bytes]:
    """A project's page."""
    return _led(entity, project, [])


@get("/{entity:str}/{project:str}/{rest:path}", opt=PUBLIC)
async def page(
    request: Call, entity: FromPath[str], project: FromPath[str], rest: FromPath[str]
) -> Response[bytes]:
    """The page of a run, a sweep or an artifact."""
    return _led(entity, project, rest.strip("/").split("/"))


@get("/local/{path:path}", opt=PUBLIC)
async def local_page(request: Call, path: FromPath[str]) -> Response[bytes]:
    """A page of the entity of everyone."""
    project, *rest = path.strip("/").split("/")
    return _led(DEFAULT_ENTITY, project, rest)


def _led(entity: str, project: str, rest: list[str]) -> Response[bytes]:
    owner = "" if entity == DEFAULT_ENTITY else f"@{quote(entity, safe='')}/"
    address = f"/p/{owner}{quote(project, safe='')}{_part(rest)}"
    return Response(b"", status_code=302, headers={"location": address}, media_type="text/plain")


def _part(rest: list[str]) -> str:
    """Where in a project the rest of an address leads.

    Raises:
        NotFound: nowhere.
    """
    match rest:
        case [] | [""] | ["workspace", *_] | ["table", *_]:
            return ""
        case ["runs", run, *_]:
            return f"/r/{quote(run, safe='')}"
        case ["sweeps", *sweep]:
            return "/".join(["/sweeps", *(quote(word, safe="") for word in sweep[:1])])
        case ["artifacts", _, name]:
            return f"/artifacts/{quote(name, safe='')}"
        case ["artifacts", _, name, version, *_]:
            return f"/artifacts/{quote(name, safe='')}@{quote(version, safe='')}"
        case ["artifacts", *_]:
            return "/artifacts"
    raise NotFound(f"there is no page at {'/'.join(rest)!r:.200}")


ROUTES: Final[list[Any]] = [project_page, page, local_page]
