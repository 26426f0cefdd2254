"""MLflow's REST protocol, so that its unmodified client works: a thin translation onto service.

`ENDPOINTS` is the whole offer: method, path, permission and handler in one row each. Every row is
served under the prefixes of the client and of MLflow's own page. What MLflow has and this table
has not is answered as `absent` says. The routes of artifacts carry bytes and stand in `artifacts`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from litestar import Response, Router, route
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from epochal.domain.access import Permission
from epochal.protocols import PUBLIC, Call, needs
from epochal.protocols.mlflow import (
    artifacts,
    experiments,
    logged,
    metrics,
    models,
    multipart,
    runs,
    server,
    versions,
)
from epochal.protocols.mlflow.arguments import Arguments, read_arguments
from epochal.protocols.mlflow.errors import HANDLERS
from epochal.protocols.mlflow.shapes import encode

__all__ = ["DIRECT", "ENDPOINTS", "PREFIXES", "ROUTES", "Endpoint", "respond"]

READ, WRITE = Permission.READ, Permission.WRITE
Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
PREFIXES: Final = ("/api", "/ajax-api")

ANSWER: Final = ("cache-control", "no-store, no-transform")
"""Not packed: MLflow's own server does not do it, and it costs as much as a large search does."""

Handler: TypeAlias = Callable[[Call, Arguments], Awaitable[dict[str, Any]]]


class Endpoint(NamedTuple):
    """One thing that a client may ask for; ``path`` follows the prefix."""

    method: Method
    path: str
    permission: Permission
    handler: Handler


ENDPOINTS: Final = (
    Endpoint("POST", "/2.0/mlflow/experiments/create", WRITE, experiments.create),
    Endpoint("GET", "/2.0/mlflow/experiments/get", READ, experiments.get),
    Endpoint("GET", "/2.0/mlflow/experiments/get-by-name", READ, experiments.get_by_name),
    Endpoint("GET", "/2.0/mlflow/experiments/search", READ, experiments.search),
    Endpoint("POST", "/2.0/mlflow/experiments/search", READ, experiments.search),
    Endpoint("POST", "/2.0/mlflow/experiments/update", WRITE, experiments.update),
    Endpoint("POST", "/2.0/mlflow/experiments/delete", WRITE, experiments.delete),
    Endpoint("POST", "/2.0/mlflow/experiments/restore", WRITE, experiments.restore),
    Endpoint("POST", "/2.0/mlflow/experiments/set-experiment-tag", WRITE, experiments.set_tag),
    Endpoint(
        "POST", "/2.0/mlflow/experiments/delete-experiment-tag", WRITE, experiments.delete_tag
    ),
    Endpoint("POST", "/2.0/mlflow/runs/create", WRITE, runs.create),
    Endpoint("GET", "/2.0/mlflow/runs/get", READ, runs.get),
    Endpoint("POST", "/2.0/mlflow/runs/update", WRITE, runs.update),
    Endpoint("POST", "/2.0/mlflow/runs/delete", WRITE, runs.delete),
    Endpoint("POST", "/2.0/mlflow/runs/restore", WRITE, runs.restore),
    Endpoint("POST", "/2.0/mlflow/runs/search", READ, runs.search),
    Endpoint("POST", "/2.0/mlflow/runs/log-metric", WRITE, runs.log_metric),
    Endpoint("POST", "/2.0/mlflow/runs/log-batch", WRITE, runs.log_batch),
    Endpoint("POST", "/2.0/mlflow/runs/log-parameter", WRITE, runs.log_parameter),
    Endpoint("POST", "/2.0/mlflow/runs/set-tag", WRITE, runs.set_tag),
    Endpoint("POST", "/2.0/mlflow/runs/delete-tag", WRITE, runs.delete_tag),
    Endpoint("POST", "/2.0/mlflow/runs/log-inputs", WRITE, runs.log_inputs),
    Endpoint("POST", "/2.0/mlflow/runs/outputs", WRITE, runs.outputs),
    Endpoint("POST", "/2.0/mlflow/runs/log-model", WRITE, runs.log_model),
    Endpoint("GET", "/2.0/mlflow/metrics/get-history", READ, metrics.get_history),
    Endpoint(
        "GET", "/2.0/mlflow/metrics/get-history-bulk-interval", READ, metrics.get_history_bulk
    ),
    Endpoint("POST", "/2.0/mlflow/registered-models/create", WRITE, models.create),
    Endpoint("GET", "/2.0/mlflow/registered-models/get", READ, models.get),
    Endpoint("PATCH", "/2.0/mlflow/registered-models/update", WRITE, models.update),
    Endpoint("POST", "/2.0/mlflow/registered-models/rename", WRITE, models.rename),
    Endpoint("DELETE", "/2.0/mlflow/registered-models/delete", WRITE, models.delete),
    Endpoint("GET", "/2.0/mlflow/registered-models/search", READ, models.search),
    Endpoint(
        "POST", "/2.0/mlflow/registered-models/get-latest-versions", READ, models.latest_versions
    ),
    Endpoint(
        "GET", "/2.0/mlflow/registered-models/get-latest-versions", READ, models.latest_versions
    ),
    Endpoint("POST", "/2.0/mlflow/registered-models/set-tag", WRITE, models.set_tag),
    Endpoint("DELETE", "/2.0/mlflow/registered-models/delete-tag", WRITE, models.delete_tag),
    Endpoint("POST", "/2.0/mlflow/registered-models/alias", WRITE, models.set_alias),
    Endpoint("GET", "/2.0/mlflow/registered-models/alias", READ, models.get_by_alias),
    Endpoint("DELETE", "/2.0/mlflow/registered-models/alias", WRITE, models.delete_alias),
    Endpoint("POST", "/2.0/mlflow/model-versions/create", WRITE, versions.create),
    Endpoint("GET", "/2.0/mlflow/model-versions/get", READ, versions.get),
    Endpoint("PATCH", "/2.0/mlflow/model-versions/update", WRITE, versions.update),
    Endpoint("DELETE", "/2.0/mlflow/model-versions/delete", WRITE, versions.delete),
    Endpoint("GET", "/2.0/mlflow/model-versions/search", READ, versions.search),
    Endpoint("GET", "/2.0/mlflow/model-versions/get-download-uri", READ, versions.download_uri),
    Endpoint("POST", "/2.0/mlflow/model-versions/transition-stage", WRITE, versions.transition),
    Endpoint("POST", "/2.0/mlflow/model-versions/set-tag", WRITE, versions.set_tag),
    Endpoint("DELETE", "/2.0/mlflow/model-versions/delete-tag", WRITE, versions.delete_tag),
    Endpoint("POST", "/2.0/mlflow/logged-models", WRITE, logged.create),
    Endpoint("POST", "/2.0/mlflow/logged-models/search", READ, logged.search),
    Endpoint("GET", "/2.0/mlflow/logged-models/{model_id:str}", READ, logged.get),
    Endpoint("PATCH", "/2.0/mlflow/logged-models/{model_id:str}", WRITE, logged.finalize),
    Endpoint("DELETE", "/2.0/mlflow/logged-models/{model_id:str}", WRITE, logged.delete),
    Endpoint("POST", "/2.0/mlflow/logged-models/{model_id:str}/params", WRITE, logged.log_params),
    Endpoint("PATCH", "/2.0/mlflow/logged-models/{model_id:str}/tags", WRITE, logged.set_tags),
    Endpoint(
        "DELETE",
        "/2.0/mlflow/logged-models/{model_id:str}/tags/{tag_key:path}",
        WRITE,
        logged.delete_tag,
    ),
    Endpoint(
        "GET",
        "/2.0/mlflow/logged-models/{model_id:str}/artifacts/directories",
        READ,
        artifacts.list_of_model,
    ),
    Endpoint("GET", "/2.0/mlflow/artifacts/list", READ, artifacts.list_of_run),
    Endpoint("GET", "/3.0/mlflow/server-info", READ, server.info),
)


DIRECT: Final = {
    (endpoint.method, prefix + endpoint.path): endpoint
    for prefix in PREFIXES
    for endpoint in ENDPOINTS
    if "{" not in endpoint.path
}
"""Endpoints by method and whole address, for who finds them without the web library."""


class Ready(Response[bytes]):
    """A JSON answer that is ready to be sent; the web library's way costs as much as a use case.

    Args:
        body: the JSON.
    """

    def __init__(self, body: bytes) -> None:
        self.content = body
        self.headers = dict([ANSWER])

    def to_asgi_response(self, *_args: object, **_settings: object) -> ASGIApp:  # type: ignore[override]
        """What sends it."""
        return self._send

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        name, value = ANSWER
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self.content)).encode()),
            (name.encode(), value.encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.content, "more_body": False})


async def respond(endpoint: Endpoint, request: Call) -> Ready:
    """Answer a request whose sender may make it."""
    given = await read_arguments(request)
    given.fields.update(
        (name, str(value).removeprefix("/")) for name, value in request.path_params.items()
    )
    return Ready(encode(await endpoint.handler(request, given)))


def _serve(endpoint: Endpoint) -> HTTPRouteHandler:
    async def answer(request: Call) -> Ready:
        return await respond(endpoint, request)

    return route(
        [prefix + endpoint.path for prefix in PREFIXES],
        http_method=endpoint.method,
        opt=needs(endpoint.permission),
        status_code=200,
        include_in_schema=False,
    )(answer)


@route("/version", http_method="GET", opt=PUBLIC, media_type="text/plain", include_in_schema=False)
async def version(request: Call) -> Response[bytes]:  # noqa: ARG001 - the form of all routes
    """The version of MLflow whose protocol is spoken here."""
    return Response(server.LEVEL.encode(), media_type="text/plain")


@route("/health", http_method="GET", opt=PUBLIC, media_type="text/plain", include_in_schema=False)
async def health(request: Call) -> Response[bytes]:  # noqa: ARG001 - the form of all routes
    """Whether the server answers."""
    return Response(b"OK", media_type="text/plain")


ROUTES: Final[list[Any]] = [
    *(
        Router(
            prefix,
            route_handlers=[*artifacts.ROUTES, *multipart.ROUTES],
            exception_handlers=HANDLERS,
            include_in_schema=False,
        )
        for prefix in PREFIXES
    ),
    Router(
        "",
        route_handlers=[*map(_serve, ENDPOINTS), *artifacts.DOWNLOADS],
        exception_handlers=HANDLERS,
        include_in_schema=False,
    ),
    version,
    health,
]
