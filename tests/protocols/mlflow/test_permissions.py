"""AU-01 and AU-02 for MLflow's routes: one matrix, both prefixes, everyone who may ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from epochal.domain.access import LOCAL_USER, Permission, Role
from epochal.protocols.mlflow import ENDPOINTS, PREFIXES
from epochal.server.site import declared_routes
from epochal.service import access
from tests.server.door import Door
from tests.server.foreign import is_mlflow

READERS = {
    "GET /2.0/mlflow/experiments/get",
    "GET /2.0/mlflow/experiments/get-by-name",
    "GET /2.0/mlflow/experiments/search",
    "POST /2.0/mlflow/experiments/search",
    "GET /2.0/mlflow/runs/get",
    "POST /2.0/mlflow/runs/search",
    "GET /2.0/mlflow/metrics/get-history",
    "GET /2.0/mlflow/metrics/get-history-bulk-interval",
    "GET /2.0/mlflow/registered-models/get",
    "GET /2.0/mlflow/registered-models/search",
    "POST /2.0/mlflow/registered-models/get-latest-versions",
    "GET /2.0/mlflow/registered-models/get-latest-versions",
    "GET /2.0/mlflow/registered-models/alias",
    "GET /2.0/mlflow/model-versions/get",
    "GET /2.0/mlflow/model-versions/search",
    "GET /2.0/mlflow/model-versions/get-download-uri",
    "POST /2.0/mlflow/logged-models/search",
    "GET /2.0/mlflow/logged-models/{model_id:str}",
    "GET /2.0/mlflow/logged-models/{model_id:str}/artifacts/directories",
    "GET /2.0/mlflow/logged-models/{model_id:str}/artifacts/files",
    "GET /2.0/mlflow/artifacts/list",
    "GET /2.0/mlflow-artifacts/artifacts",
    "GET /2.0/mlflow-artifacts/artifacts/{path:path}",
    "GET /3.0/mlflow/server-info",
}
WRITERS = {
    "POST /2.0/mlflow/experiments/create",
    "POST /2.0/mlflow/experiments/update",
    "POST /2.0/mlflow/experiments/delete",
    "POST /2.0/mlflow/experiments/restore",
    "POST /2.0/mlflow/experiments/set-experiment-tag",
    "POST /2.0/mlflow/experiments/delete-experiment-tag",
    "POST /2.0/mlflow/runs/create",
    "POST /2.0/mlflow/runs/update",
    "POST /2.0/mlflow/runs/delete",
    "POST /2.0/mlflow/runs/restore",
    "POST /2.0/mlflow/runs/log-metric",
    "POST /2.0/mlflow/runs/log-batch",
    "POST /2.0/mlflow/runs/log-parameter",
    "POST /2.0/mlflow/runs/set-tag",
    "POST /2.0/mlflow/runs/delete-tag",
    "POST /2.0/mlflow/runs/log-inputs",
    "POST /2.0/mlflow/runs/outputs",
    "POST /2.0/mlflow/runs/log-model",
    "POST /2.0/mlflow/registered-models/create",
    "PATCH /2.0/mlflow/registered-models/update",
    "POST /2.0/mlflow/registered-models/rename",
    "DELETE /2.0/mlflow/registered-models/delete",
    "POST /2.0/mlflow/registered-models/set-tag",
    "DELETE /2.0/mlflow/registered-models/delete-tag",
    "POST /2.0/mlflow/registered-models/alias",
    "DELETE /2.0/mlflow/registered-models/alias",
    "POST /2.0/mlflow/model-versions/create",
    "PATCH /2.0/mlflow/model-versions/update",
    "DELETE /2.0/mlflow/model-versions/delete",
    "POST /2.0/mlflow/model-versions/transition-stage",
    "POST /2.0/mlflow/model-versions/set-tag",
    "DELETE /2.0/mlflow/model-versions/delete-tag",
    "POST /2.0/mlflow/logged-models",
    "PATCH /2.0/mlflow/logged-models/{model_id:str}",
    "DELETE /2.0/mlflow/logged-models/{model_id:str}",
    "POST /2.0/mlflow/logged-models/{model_id:str}/params",
    "PATCH /2.0/mlflow/logged-models/{model_id:str}/tags",
    "DELETE /2.0/mlflow/logged-models/{model_id:str}/tags/{tag_key:path}",
    "PUT /2.0/mlflow-artifacts/artifacts/{path:path}",
    "DELETE /2.0/mlflow-artifacts/artifacts/{path:path}",
    "POST /2.0/mlflow-artifacts/mpu/create/{path:path}",
    "PUT /2.0/mlflow-artifacts/mpu/parts/{upload:str}/{number:int}",
    "POST /2.0/mlflow-artifacts/mpu/complete/{path:path}",
    "POST /2.0/mlflow-artifacts/mpu/abort/{path:path}",
}
DOWNLOADS = ("/get-artifact", "/model-versions/get-artifact")


def matrix() -> Iterator[tuple[str, str, Permission | None]]:
    """Method, path and permission of every route."""
    for prefix in ("/api", "/ajax-api"):
        for rows, permission in ((READERS, Permission.READ), (WRITERS, Permission.WRITE)):
            for row in rows:
                method, path = row.split(" ")
                yield method, prefix + path, permission
    for path in DOWNLOADS:
        yield "GET", path, Permission.READ
    yield "GET", "/version", None
    yield "GET", "/health", None


@pytest.fixture
def team(home: Path) -> Iterator[Door]:
    with Door(home, auth=True) as door:
        yield door


def test_the_matrix_names_every_route(team: Door) -> None:
    """A route that is missing here, or here only, fails the build."""
    found = {
        (method, path): handler.opt["permission"]
        for method, path, handler in declared_routes(team.app.routes)
        if is_mlflow(path)
    }
    for prefix in PREFIXES:
        found.update({(one.method, prefix + one.path): one.permission for one in ENDPOINTS})
    assert found == {(method, path): permission for method, path, permission in matrix()}


@pytest.mark.parametrize("who", ["anon", "reader", "writer"])
def test_everyone_gets_exactly_what_the_matrix_says(team: Door, who: str) -> None:
    """401 without a key, 403 with too small a role, both in MLflow's shape."""
    key = ""
    if who != "anon":
        key = access.create_key(team.store, LOCAL_USER, who, Role[who.upper()])
    level = {"anon": 0, "reader": 1, "writer": 2}[who]
    for method, path, permission in matrix():
        if permission is None:
            continue
        answer = team.ask(
            method, re.sub(r"\{\w+:\w+\}", "7", path), token=False,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            json_body={} if method in ("POST", "PATCH") else None,
        )  # fmt: skip
        code = answer.json().get("error_code")
        if level == 0:
            assert (answer.status, code) == (401, "UNAUTHENTICATED"), (method, path)
        elif level < int(permission):
            assert (answer.status, code) == (403, "PERMISSION_DENIED"), (method, path)
        else:
            assert answer.status not in {401, 403, 405, 500}, (method, path, answer.body)


def test_every_endpoint_has_its_row_in_the_guide() -> None:
    text = (Path(__file__).parents[3] / "docs" / "mlflow.md").read_text()
    rows = re.findall(r"^\| `([A-Z]+ /\S*)` \|", text, re.MULTILINE)
    assert set(rows) == {re.sub(r":\w+\}", "}", row) for row in READERS | WRITERS}
    offered = {re.sub(r":\w+\}", "}", f"{row.method} {row.path}") for row in ENDPOINTS}
    assert offered < set(rows)
