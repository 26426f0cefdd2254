"""MLflow's endpoints are answered before the web library sees them, and alike behind it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.server.door import Door

PATH = "/api/2.0/mlflow/experiments/get"


def test_another_spelling_of_an_address_gets_the_same_answer(home: Path) -> None:
    """A slash at the end leads to the web library's route; what it answers is the same."""
    with Door(home) as door:
        for query in ("?experiment_id=0", "?experiment_id=12", "?experiment_id=x", ""):
            direct, other = door.ask("GET", PATH + query), door.ask("GET", PATH + "/" + query)
            assert direct.status == other.status
            assert direct.body == other.body
            assert direct.header("content-type") == other.header("content-type")


def test_what_fails_has_the_shape_that_the_client_reads(home: Path) -> None:
    """A body that is no JSON, and an endpoint with the wrong method."""
    with Door(home) as door:
        headers = {"content-type": "application/json"}
        bad = door.ask("POST", "/api/2.0/mlflow/runs/create", body=b"{", headers=headers)
        assert (bad.status, json.loads(bad.body)["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        wrong = door.ask("DELETE", "/api/2.0/mlflow/runs/create")
        assert wrong.status in (404, 405, 501)
        assert "error_code" in json.loads(wrong.body)
