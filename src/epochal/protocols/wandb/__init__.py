"""The protocol of wandb's client, so that it works unmodified: a thin translation onto service.

``POST /graphql`` answers operations with the resolvers of `TABLE`; file_stream takes what a run
logs. Errors have the shape and the status that make the client do the right thing.
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any, Final

import msgspec
from litestar import Response, Router, post
from litestar.params import FromPath

from epochal.domain.access import Permission
from epochal.errors import InvalidInput, NotFound
from epochal.protocols import PUBLIC, needs
from epochal.protocols.call import Call
from epochal.protocols.wandb import (
    api_artifacts,
    api_history,
    api_runs,
    artifacts,
    branching,
    curating,
    files,
    introspection,
    links,
    making,
    portfolios,
    projects,
    runs,
    stream,
    sweeps,
    uploads,
    viewer,
)
from epochal.protocols.wandb.arguments import read_json
from epochal.protocols.wandb.errors import HANDLERS
from epochal.protocols.wandb.execution import Fields, merged
from epochal.protocols.wandb.ids import Place
from epochal.service import agents, foreign
from epochal.service.foreign import Recorder, Recording

if TYPE_CHECKING:
    from epochal.protocols.wandb.executor import Executor

__all__ = ["ROUTES", "TABLE", "UNANSWERED_PATH"]

READ, WRITE = needs(Permission.READ), needs(Permission.WRITE)
UNANSWERED_PATH: Final = "/sdk/otel/v1/{path:path}"
WRITER: Final = "x-wandb-async-client-id"
"""The header by which a process that shares a run with others names itself."""
MAX_WRITER: Final = 64
NEAR: Final = frozenset({"127.0.0.1", "::1"})
MAX_STREAM: Final = 64 * 1024 * 1024
MAX_QUERY: Final = 32 * 1024 * 1024

AREAS: Final[tuple[Fields, ...]] = (
    viewer.FIELDS,
    projects.FIELDS,
    runs.FIELDS,
    branching.FIELDS,
    sweeps.FIELDS,
    files.FIELDS,
    artifacts.FIELDS,
    making.FIELDS,
    curating.FIELDS,
    api_runs.FIELDS,
    api_history.FIELDS,
    api_artifacts.FIELDS,
    portfolios.FIELDS,
)
INTERFACES: Final = {
    "ArtifactCollection": frozenset({"ArtifactSequence", "ArtifactPortfolio"}),
    "ArtifactCreator": frozenset({"Run", "User"}),
}
_TABLE: Final = merged(*AREAS)
TABLE: Final = merged(_TABLE, introspection.fields_for(_TABLE))
"""Every resolver by type and field."""
NAMES: Final = {"ArtifactFile": "File", "PendingArtifact": "Artifact"}


@functools.cache
def _executor() -> Executor:
    """Runs operations; its libraries are loaded when somebody sends one."""
    found: Executor = importlib.import_module("epochal.protocols.wandb.executor").Executor(
        TABLE, INTERFACES, NAMES
    )
    return found


@post("/graphql", opt=READ, status_code=200, request_max_body_size=MAX_QUERY)
async def graphql(request: Call) -> Response[bytes]:
    """Answer an operation. Those that change something ask for more than reading."""
    with request.app.state.upload_budget.hold(_size(request)):
        body = read_json((await request.body()).decode("utf-8", "replace"), "the body")
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        raise InvalidInput('send {"query": "...", "variables": {...}} as JSON')
    variables, name = body.get("variables") or {}, body.get("operationName")
    if not isinstance(variables, dict) or not (name is None or isinstance(name, str)):
        raise InvalidInput("variables must be an object and operationName a string")
    data = await _executor().run(request, body["query"], variables, name)
    headers = {"cache-control": "no-transform"} if is_near(request) else {}
    answer = msgspec.json.encode({"data": data})
    return Response(answer, headers=headers, media_type="application/json")


def is_near(request: Call) -> bool:
    """Whether the client is on this machine: packing an answer costs more than sending it."""
    peer = request.client
    return peer is not None and peer.host in NEAR and "x-forwarded-for" not in request.headers


@post(
    "/files/{entity:str}/{project:str}/{run_id:str}/file_stream",
    opt=WRITE,
    status_code=200,
    request_max_body_size=MAX_STREAM,
)
async def file_stream(
    request: Call, entity: FromPath[str], project: FromPath[str], run_id: FromPath[str]
) -> Response[bytes]:
    """Take what a run logged."""
    place = Place(entity, project, run_id)
    ended = False

    def take(recorder: Recorder, recording: Recording) -> bool:
        nonlocal ended
        message = stream.read_message(stream.unpacked(body, packed=packed))
        stopped = stream.take(recorder, recording, message, writer)
        ended = bool(message.complete)
        return stopped

    with request.app.state.upload_budget.hold(_size(request)):
        body = await request.body()
        packed = request.headers.get("content-encoding") == "gzip"
        writer = request.headers.get(WRITER, "")[:MAX_WRITER]
        try:
            stopped = await request.record(
                foreign.record, request.workers.recorder, place.uid, take
            )
        except NotFound:
            raise NotFound(
                f"there is no run {run_id!r:.140} in {entity}/{project}; was it deleted?"
            ) from None
    if ended:
        await request.write(agents.run_ended, (entity, project), run_id)
    answer: dict[str, Any] = {"exitcode": None, "limits": {}, "stopped": stopped}
    return Response(msgspec.json.encode(answer), media_type="application/json")


@post(UNANSWERED_PATH, opt=PUBLIC, status_code=404)
async def telemetry(request: Call, path: FromPath[str]) -> Response[bytes]:
    """The client asks whether it may send telemetry; it may not."""
    return Response(b"", status_code=404, media_type="text/plain")


def _size(request: Call) -> int:
    length = request.headers.get("content-length", "")
    return min(int(length), MAX_STREAM) if length.isascii() and length.isdigit() else 65_536


ROUTES: Final[list[Any]] = [
    Router(
        "/",
        route_handlers=[
            graphql,
            file_stream,
            *files.ROUTES,
            *uploads.ROUTES,
            telemetry,
            *links.ROUTES,
        ],
        exception_handlers=HANDLERS,
        include_in_schema=False,
    )
]
