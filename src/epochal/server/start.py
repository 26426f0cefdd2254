"""What the document of a page brings along: the answers to what the page would ask for first.

They stand in an element of JSON that no browser runs, and no text of a user can end it. Where the
store gives no answer nothing is brought: the page asks by itself, and tells what is wrong.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote

import msgspec

from epochal.domain.view import FirstCurves, LogPage, ProjectKeys, RunDetail, RunPage
from epochal.errors import EpochalError, NotFound
from epochal.protocols.call import Call
from epochal.server.json import encode
from epochal.server.routes import Info, info_of
from epochal.service.logs import read_logs
from epochal.service.projects import project_start
from epochal.service.runs import resolve_run

LOG_TAIL: Final = 500
_OTHER_ROWS: Final = frozenset({"q", "sort", "cols", "v"})
"""Parameters of the address that ask for other runs or columns than those of a new table."""


class Place(NamedTuple):
    """What a path shows: the workspace of a project, or with ``run`` one of its runs.

    Attributes:
        entity: None for the default one.
        project: its name.
        run: the id of the run, empty for a workspace.
        tab: of the run, or ``runs`` for a table that leaves no room for charts.
    """

    entity: str | None
    project: str
    run: str = ""
    tab: str = ""


class ProjectBlock(msgspec.Struct, frozen=True):
    """What the document of a workspace ends with; see `core/start.ts` of the page."""

    info: Info
    entity: str | None
    project: str
    keys: ProjectKeys
    runs: RunPage | None
    curves: FirstCurves | None


class RunBlock(msgspec.Struct, frozen=True):
    """What the document of a run ends with; ``logs`` on their tab only."""

    info: Info
    entity: str | None
    project: str
    id: str
    run: RunDetail
    logs: LogPage | None


def place_of(path: str) -> Place | None:
    """What a path shows, as it was sent; None where nothing is brought along."""
    parts = [part for part in path.split("/") if part]
    if len(parts) > 2 and parts[1].startswith("@"):
        entity, rest = unquote(parts[1][1:]), parts[2:]
    else:
        entity, rest = None, parts[1:]
    if parts[:1] != ["p"] or not rest:
        return None
    project, kind = unquote(rest[0]), rest[1:]
    if kind in ([], ["runs"]):
        return Place(entity, project, tab="".join(kind))
    if kind[0] == "r" and 2 <= len(kind) <= 3:
        return Place(entity, project, unquote(kind[1]), "".join(kind[2:]))
    return None


async def start_of(request: Call, place: Place) -> bytes:
    """The element, or nothing."""
    try:
        found = await (_run(request, place) if place.run else _project(request, place))
    except EpochalError:
        return b""
    text = encode(found).replace(b"<", b"\\u003c")
    return b'<script type="application/json" id="start">' + text + b"</script>"


async def _project(request: Call, place: Place) -> ProjectBlock:
    rows = _OTHER_ROWS.isdisjoint(request.query_params)
    # Most parameters choose other curves, or draw them otherwise.
    curves = not place.tab and not request.query_params
    entity, project = place.entity, place.project
    found = await request.read(project_start, entity, project, rows=rows, curves=curves)
    return ProjectBlock(info_of(request), entity, project, found.keys, found.runs, found.curves)


async def _run(request: Call, place: Place) -> RunBlock:
    run = await request.read(resolve_run, place.entity, place.project, place.run)
    if (run.project, run.id) != (place.project, place.run):
        raise NotFound("this run was moved to another place, to which the page leads on")
    logs = await request.read(read_logs, run.uid, tail=LOG_TAIL) if place.tab == "logs" else None
    return RunBlock(info_of(request), place.entity, place.project, place.run, run, logs)
