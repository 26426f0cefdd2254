"""MLflow's endpoints are answered without the web library, and as it would."""

from __future__ import annotations

import json
import re
from pathlib import Path

from epochal.protocols.mlflow import ENDPOINTS, PREFIXES, find
from tests.server.door import Door

PATH = "/api/2.0/mlflow/experiments/get"


def test_another_spelling_of_an_address_gets_the_same_answer(home: Path) -> None:
    """A slash at the end does not count, as with all other routes."""
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


def test_a_body_that_is_not_read_to_its_end_closes_the_connection(home: Path) -> None:
    """As with all other routes; what is left of it would be read for nothing."""
    with Door(home, max_json_bytes=1024) as door:
        headers = {"content-type": "application/json"}
        for path in ("/api/2.0/mlflow/runs/create", "/api/v1/runs/query"):
            answer = door.ask("POST", path, body=b" " * 2048, headers=headers)
            assert (answer.status // 100, answer.header("connection")) == (4, "close")


def test_a_body_that_nobody_may_send_is_not_read(home: Path) -> None:
    """Without a key the connection ends, whether the web library has the route or not."""
    with Door(home, auth=True) as door:
        upload = "/api/2.0/mlflow-artifacts/artifacts/0/abc/artifacts/weights.bin"
        for method, path in (("POST", "/api/2.0/mlflow/runs/create"), ("PUT", upload)):
            headers = {"content-type": "application/json"}
            answer = door.ask(method, path, body=b" " * 2048, headers=headers, token=False)
            assert (answer.status, answer.header("connection")) == (401, "close"), path


def test_addresses_that_hold_a_name_are_found() -> None:
    """By method and pattern; what is no such address goes on to the other routes."""
    tags = "/ajax-api/2.0/mlflow/logged-models/m-1/tags/a/b c"
    found = find("DELETE", tags)
    assert found is not None
    assert found[0].path.endswith("/tags/{tag_key:path}")
    assert found[1] == {"model_id": "m-1", "tag_key": "a/b c"}
    for method, path in (
        ("PUT", tags),
        ("DELETE", "/ajax-api/2.0/mlflow/logged-models/m-1/tags/"),
        ("GET", "/api/2.0/mlflow/logged-models/m-1/artifacts/files"),
        ("GET", "/other/2.0/mlflow/logged-models/m-1"),
        ("GET", "/api/2.0/mlflow/logged-models//"),
    ):
        assert find(method, path) is None, path


def test_every_row_is_found_under_both_prefixes() -> None:
    for prefix in PREFIXES:
        for row in ENDPOINTS:
            found = find(row.method, prefix + re.sub(r"\{\w+:\w+\}", "7", row.path) + "/")
            assert found is not None
            assert found[0] == row
