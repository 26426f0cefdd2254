"""MLflow's REST protocol, so that its unmodified client works: a thin translation onto service.

`ENDPOINTS` is the whole offer: method, path, permission and handler in one row each. Every row is
served under the prefixes of the client and of MLflow's own page. What MLflow has and this table
has not is answered as `absent` says. Nothing here needs the web library: these requests are
answered without it. The routes that carry bytes do, and stand in `routes`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from epochal.domain.access import Permission
from epochal.protocols import Caller
from epochal.protocols.mlflow import (
    experiments,
    folders,
    logged,
    metrics,
    models,
    runs,
    server,
    versions,
)
from epochal.protocols.mlflow.arguments import Arguments, read_arguments
from epochal.protocols.mlflow.shapes import encode

__all__ = ["ANSWER", "ENDPOINTS", "PREFIXES", "Endpoint", "find", "respond"]

READ, WRITE = Permission.READ, Permission.WRITE
Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
PREFIXES: Final = ("/api", "/ajax-api")

ANSWER: Final = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store, no-transform"),
)
"""Headers of each answer. It is not packed: MLflow's own server does not do it, and it costs as
much as a large search does."""

Handler: TypeAlias = Callable[[Caller, Arguments], Awaitable[dict[str, Any]]]


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
        folders.list_of_model,
    ),
    Endpoint("GET", "/2.0/mlflow/artifacts/list", READ, folders.list_of_run),
    Endpoint("GET", "/3.0/mlflow/server-info", READ, server.info),
)


_PLAIN: Final[dict[tuple[str, str], Endpoint]] = {
    (endpoint.method, prefix + endpoint.path): endpoint
    for prefix in PREFIXES
    for endpoint in ENDPOINTS
    if "{" not in endpoint.path
}
_PLACES: Final = tuple(f"{prefix}/{level}.0/mlflow/" for prefix in PREFIXES for level in (2, 3))
_PARAMETER: Final = re.compile(r"\{(\w+):(str|path)\}")
_KINDS: Final = {"str": r"(?P<{}>[^/]+)", "path": r"(?P<{}>.+)"}


def _pattern(path: str) -> re.Pattern[str]:
    inner = _PARAMETER.sub(lambda found: _KINDS[found[2]].format(found[1]), path)
    return re.compile(f"(?:{'|'.join(PREFIXES)}){inner}")


_PATTERNS: Final = [
    (endpoint, _pattern(endpoint.path)) for endpoint in ENDPOINTS if "{" in endpoint.path
]


def find(method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
    """The endpoint that a request asks for, and what its address holds by name.

    Args:
        method: of HTTP.
        path: decoded; slashes at its end do not count.
    """
    endpoint = _PLAIN.get((method, path))
    if endpoint is None and path.startswith(_PLACES):
        path = path.rstrip("/")
        endpoint = _PLAIN.get((method, path))
        if endpoint is None:
            for one, pattern in _PATTERNS:
                found = pattern.fullmatch(path) if one.method == method else None
                if found is not None:
                    return one, found.groupdict()
    return None if endpoint is None else (endpoint, {})


async def respond(endpoint: Endpoint, call: Caller, held: Mapping[str, str]) -> bytes:
    """The JSON that answers a request whose sender may make it.

    Args:
        endpoint: its row.
        call: the request.
        held: what its address holds, by name.

    Raises:
        EpochalError: it cannot be done.
    """
    given = await read_arguments(call)
    given.fields.update(held)
    return encode(await endpoint.handler(call, given))
