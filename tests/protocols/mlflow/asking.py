"""Plain requests, and what a refusal of MLflow's client says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from tests.server.processes import Running


def code(failure: pytest.ExceptionInfo[MlflowException]) -> str:
    """The error code that the server gave."""
    return str(failure.value.error_code)


def ask(server: Running, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and JSON of an answer; ``body`` is bytes, or JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    status, answer = server.ask(method, path, None if method == "GET" else data, headers)
    return status, json.loads(answer)
