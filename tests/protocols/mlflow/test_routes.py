"""Every route that any MLflow serves answers in MLflow's shape, and what is not offered is named.

`routes.txt` lists those of the full MLflow 3.18.0, 3.17.2 and 2.22.5 (`list_routes.py` prints
them); those of the installed client are read from its own definitions, so that a new client
brings its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.protos import (
    databricks_pb2,
    mlflow_artifacts_pb2,
    model_registry_pb2,
    service_pb2,
    webhooks_pb2,
)

from epochal.protocols.mlflow import ENDPOINTS, PREFIXES
from epochal.protocols.mlflow.absent import is_absent, not_offered
from tests.server.door import Door

ROUTES = Path(__file__).with_name("routes.txt")
SERVICES = (mlflow_artifacts_pb2, model_registry_pb2, service_pb2, webhooks_pb2)
ELSEWHERE = {"GET /health", "GET /version", "POST /graphql"}
"""In no shape of MLflow's: two texts, and what is wandb's here."""
BYTES = r"/2\.0/mlflow-artifacts/(artifacts|mpu/(create|complete|abort)/7)|.*/artifacts/files"
"""Offered, but in no row of `ENDPOINTS`."""


def recorded() -> Iterator[tuple[str, str]]:
    """Method and path of the routes in the list, under both prefixes."""
    for line in ROUTES.read_text().splitlines():
        method, path = line.split(" ")
        if path.startswith("/api/"):
            yield method, path.replace("/api/", "/ajax-api/", 1)
        if line not in ELSEWHERE:
            yield method, path


def installed() -> Iterator[tuple[str, str]]:
    """Method and path of what the installed client knows."""
    for module in SERVICES:
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                for endpoint in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
                    path = re.sub(r"\{[^}]*\}|<[^>]*>", "7", str(endpoint.path))
                    for version in range(endpoint.since.major, 4):
                        yield str(endpoint.method), f"/api/{version}.0{path}"


def is_offered(method: str, path: str) -> bool:
    for prefix in PREFIXES:
        rest = path.removeprefix(prefix)
        if rest == path:
            continue
        if re.match(BYTES, rest):
            return True
        for row in ENDPOINTS:
            pattern = re.sub(r"\{[^}]*\}", "7", row.path)
            if (row.method, pattern) == (method, rest):
                return True
    return path in {"/get-artifact", "/model-versions/get-artifact"}


@pytest.fixture
def door(home: Path) -> Iterator[Door]:
    with Door(home) as door:
        yield door


def test_every_route_that_mlflow_has_is_offered_or_named(door: Door) -> None:
    """No stack trace, no shape of ours: a code and a message, whatever part of MLflow it is."""
    routes = sorted({*recorded(), *installed()})
    assert len(routes) > 500
    for method, path in routes:
        body: dict[str, str] | None = None if method == "GET" else {}
        answer = door.ask(method, path, json_body=body)
        where = (method, path, answer.body)
        if is_offered(method, path):
            assert answer.status == 200 or answer.json()["error_code"] != "INTERNAL_ERROR", where
            continue
        told = answer.json()
        assert (answer.status, told["error_code"]) == (501, "NOT_IMPLEMENTED"), where
        assert f"{method} {path}" in told["message"], where


@pytest.mark.parametrize(
    ("method", "path", "area"),
    [
        ("POST", "/api/3.0/mlflow/traces/search", "traces"),
        ("POST", "/v1/traces", "traces"),
        ("GET", "/api/2.0/endpoints/", "the AI gateway"),
        ("POST", "/gateway/chat/mlflow/invocations", "the AI gateway"),
        ("GET", "/api/3.0/mlflow/webhooks", "webhooks"),
        ("GET", "/api/3.0/mlflow/scorers/list", "scorers"),
        ("GET", "/ajax-api/3.0/jobs/7", "jobs"),
        ("GET", "/graphql", "GraphQL"),
        ("GET", "/api/2.0/mlflow/something-new", "something-new"),
        ("POST", "/api/9.0/mlflow/runs/create", "/api/9.0/mlflow/runs/create"),
    ],
)
def test_what_is_not_offered_is_called_by_its_name(method: str, path: str, area: str) -> None:
    assert is_absent(path)
    assert area in not_offered(method, path).message


def test_spans_are_refused_without_being_read(door: Door) -> None:
    """OpenTelemetry sends protobuf, which is refused as not offered and not as the wrong kind."""
    headers = {"Content-Type": "application/x-protobuf"}
    answer = door.ask("POST", "/v1/traces", body=b"\x0a\x02", headers=headers)
    assert (answer.status, answer.json()["error_code"]) == (501, "NOT_IMPLEMENTED")
