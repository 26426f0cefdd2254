"""The real client of MLflow against a real server process."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.server.processes import Running, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server on an empty home, for the tests of one module."""
    with serving(tmp_path_factory.mktemp("mlflow") / "home", quiet=True) as running:
        yield running


@pytest.fixture
def client(server: Running, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """MLflow's client, which gives up soon where it would try for minutes."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    # An address that a test set before, in this process, would win over the environment.
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)
    return MlflowClient(server.address.url)


@pytest.fixture
def experiment(client: MlflowClient) -> str:
    """A new experiment."""
    return client.create_experiment(f"e-{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest, server: Running) -> dict[str, Any]:
    """What this server answers to all that the test's ``ASKING`` ask, modules beside it."""
    answers: dict[str, Any] = {}
    for asking in request.module.ASKING:
        answers |= asking.found(server.address.url)
    return answers


@pytest.fixture(scope="module")
def recorded(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What MLflow's server answered to them: the JSON of the same names."""
    answers: dict[str, Any] = {}
    for asking in request.module.ASKING:
        answers |= json.loads(Path(asking.__file__).with_suffix(".json").read_text())
    return answers
