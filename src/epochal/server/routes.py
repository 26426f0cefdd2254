"""The REST API of internals/wire.md: each route names its permission and calls one use case."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, cast

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from epochal._version import __version__
from epochal.domain.access import Permission, Principal
from epochal.domain.bulk import ChangeRuns, DeleteRuns, MoveRuns, RunsOutcome
from epochal.domain.group import GroupPage, GroupQuery
from epochal.domain.importance import ImportanceQuery, ImportanceReport
from epochal.domain.key_metric import KeyMetricQuery, KeyMetrics
from epochal.domain.moving import MoveTo
from epochal.domain.names import check_uid
from epochal.domain.view import (
    BucketQuery,
    LogFind,
    LogPage,
    LogPlace,
    LogStream,
    PointQuery,
    ProjectKeys,
    ProjectList,
    RunChanges,
    RunDetail,
    RunPage,
    RunQuery,
    RunRow,
)
from epochal.protocols import PUBLIC, needs
from epochal.protocols.call import Call
from epochal.server import asgi
from epochal.server.auth import Gatekeeper
from epochal.server.live import Feed, Wanted
from epochal.service import importance, logs, projects, runs, series
from epochal.service.bounds import entity_name, project_name

COLUMNS: Final = "application/vnd.epochal.columns"
READ: Final = needs(Permission.READ)
WRITE: Final = needs(Permission.WRITE)


class User(msgspec.Struct, frozen=True):
    """Who the server takes the caller for."""

    name: str
    role: str


class Info(msgspec.Struct, frozen=True):
    """What the page and the clients want to know first; ``build`` names the page's bundle."""

    version: str
    build: str
    mode: str
    user: User | None
    home: str
    server_time_us: int


def user_of(principal: Principal | None) -> User | None:
    """The principal as the page shows it."""
    return None if principal is None else User(principal.name, principal.role.name.lower())


def info_of(call: Call) -> Info:
    """What a caller may know of the server. Strangers do not learn where the home lies."""
    settings = call.app.state.settings
    principal = call.principal
    return Info(
        version=__version__,
        build=call.app.state.page.build,
        mode="team" if settings.auth else "local",
        user=user_of(principal),
        home=str(settings.home) if principal else "",
        server_time_us=time.time_ns() // 1000,
    )


@get("/api/v1/info", opt=PUBLIC)
async def info(request: Call) -> Info:
    """Version, mode, caller and clock."""
    return info_of(request)


@get("/api/v1/projects", opt=READ)
async def list_projects(request: Call) -> ProjectList:
    """All projects, newest activity first."""
    return await request.read(projects.list_projects)


@get("/api/v1/projects/keys", opt=READ)
async def project_keys(
    request: Call, project: FromQuery[str], entity: FromQuery[str | None] = None
) -> ProjectKeys:
    """Every key that the runs of a project use."""
    return await request.read(projects.project_keys, entity, project)


@post("/api/v1/projects/key-metrics", opt=READ, status_code=200)
async def key_metrics(request: Call, data: JSONBody[KeyMetricQuery]) -> KeyMetrics:
    """What each of some projects is told by in a list."""
    return await request.read(projects.key_metrics, data)


@post("/api/v1/runs/query", opt=READ, status_code=200)
async def query_runs(request: Call, data: JSONBody[RunQuery]) -> RunPage:
    """One page of a project's runs."""
    return await request.read(runs.query_runs, data)


@post("/api/v1/runs/importance", opt=READ, status_code=200)
async def judge_parameters(request: Call, data: JSONBody[ImportanceQuery]) -> ImportanceReport:
    """Which parameters of a project's runs matter for a result."""
    return await request.read(importance.judge_parameters, data)


@post("/api/v1/runs/groups", opt=READ, status_code=200)
async def query_groups(request: Call, data: JSONBody[GroupQuery]) -> GroupPage:
    """A project's runs in groups that share values."""
    return await request.read(runs.query_groups, data)


@get("/api/v1/runs/resolve", opt=READ)
async def resolve_run(
    request: Call,
    project: FromQuery[str],
    run_id: Annotated[str, QueryParameter(name="id")],
    entity: FromQuery[str | None] = None,
) -> RunDetail:
    """A run by entity, project and id."""
    return await request.read(runs.resolve_run, entity, project, run_id)


@get("/api/v1/runs/{uid:str}", opt=READ)
async def get_run(request: Call, uid: FromPath[str]) -> RunDetail:
    """Everything about a run but its points and console."""
    return await request.read(runs.get_run, uid)


@patch("/api/v1/runs/{uid:str}", opt=WRITE)
async def update_run(request: Call, uid: FromPath[str], data: JSONBody[RunChanges]) -> RunRow:
    """Change name, notes, tags, group, job type, archived or color."""
    return await request.change(runs.update_run, uid, data)


@delete("/api/v1/runs/{uid:str}", opt=WRITE)
async def delete_run(request: Call, uid: FromPath[str]) -> None:
    """Delete a run for good."""
    await request.change(runs.delete_run, uid)


@post("/api/v1/runs/{uid:str}/move", opt=WRITE, status_code=200)
async def move_run(request: Call, uid: FromPath[str], data: JSONBody[MoveTo]) -> RunRow:
    """Move a run that has ended to another project."""
    return await request.change(runs.move_run, uid, data)


@patch("/api/v1/runs", opt=WRITE)
async def change_runs(request: Call, data: JSONBody[ChangeRuns]) -> RunsOutcome:
    """The same changes for many runs."""
    return await request.change(runs.change_runs, data)


@post("/api/v1/runs/delete", opt=WRITE, status_code=200)
async def delete_runs(request: Call, data: JSONBody[DeleteRuns]) -> RunsOutcome:
    """Delete many runs for good."""
    return await request.change(runs.delete_runs, data)


@post("/api/v1/runs/move", opt=WRITE, status_code=200)
async def move_runs(request: Call, data: JSONBody[MoveRuns]) -> RunsOutcome:
    """Move many runs that have ended to another project."""
    return await request.change(runs.move_runs, data)


@post("/api/v1/runs/{uid:str}/stop", opt=WRITE, status_code=202)
async def stop_run(request: Call, uid: FromPath[str]) -> None:
    """Ask the process of a run to end it."""
    await request.change(runs.stop_run, uid)


@post("/api/v1/series/buckets", opt=READ, status_code=200, media_type=COLUMNS)
async def query_buckets(request: Call, data: JSONBody[BucketQuery]) -> Response[bytes]:
    """Series as buckets on one shared grid, in binary columns."""
    return Response(await request.read(series.query_buckets, data), media_type=COLUMNS)


@post("/api/v1/series/points", opt=READ, status_code=200, media_type=COLUMNS)
async def query_points(request: Call, data: JSONBody[PointQuery]) -> Response[bytes]:
    """Exact points of some series of one run, in binary columns."""
    return Response(await request.read(series.query_points, data), media_type=COLUMNS)


@get("/api/v1/runs/{uid:str}/logs", opt=READ)
async def read_logs(
    request: Call,
    uid: FromPath[str],
    *,
    start: FromQuery[int | None] = None,
    limit: FromQuery[int] = 1_000,
    tail: FromQuery[int | None] = None,
    search: FromQuery[str | None] = None,
    stream: FromQuery[LogStream | None] = None,
) -> LogPage:
    """A window of a run's console lines."""
    return await request.read(
        logs.read_logs, uid, start=start, limit=limit, tail=tail, search=search, stream=stream
    )


@get("/api/v1/runs/{uid:str}/logs/find", opt=READ)
async def find_lines(
    request: Call,
    uid: FromPath[str],
    *,
    search: FromQuery[str] = "",
    stream: FromQuery[LogStream | None] = None,
    errors: FromQuery[bool] = False,
) -> LogFind:
    """Which lines of a run's console contain a text, and how errors spread over it."""
    return await request.read(logs.find_lines, uid, search=search, stream=stream, errors=errors)


@get("/api/v1/runs/{uid:str}/logs/at", opt=READ)
async def line_at(request: Call, uid: FromPath[str], t_us: FromQuery[int]) -> LogPlace:
    """The line of a run's console that was last printed at a time."""
    return await request.read(logs.line_at, uid, t_us)


@get("/api/v1/events", opt=READ, media_type="text/event-stream")
async def events(
    request: Call,
    project: FromQuery[str | None] = None,
    entity: FromQuery[str | None] = None,
    run: FromQuery[str | None] = None,
) -> Stream:
    """What changes, as server-sent events; of one project or run, or of all."""
    feed: Feed = request.app.state.feed
    wanted = Wanted(
        entity=entity_name(entity) if project else "",
        project=project_name(project) if project else "",
        run=check_uid(run) if run else "",
    )
    gatekeeper: Gatekeeper = request.app.state.gatekeeper
    scope = cast("asgi.Scope", request.scope)
    request.app.state.tailer.nudge()  # it may be taking its time, as nobody listened
    stream: AsyncIterator[bytes] = feed.listen(
        wanted, lambda: gatekeeper.still_may(scope, Permission.READ)
    )
    return Stream(
        stream,
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


@get("/api/v1/openapi.json", opt=READ, include_in_schema=False)
async def openapi(request: Call) -> dict[str, Any]:
    """This API as an OpenAPI document, made from the types."""
    return request.app.openapi_schema.to_schema()


ROUTES: Final[list[Any]] = [
    info,
    list_projects,
    project_keys,
    key_metrics,
    query_runs,
    judge_parameters,
    query_groups,
    resolve_run,
    get_run,
    update_run,
    delete_run,
    move_run,
    change_runs,
    delete_runs,
    move_runs,
    stop_run,
    query_buckets,
    query_points,
    read_logs,
    find_lines,
    line_at,
    events,
    openapi,
]
