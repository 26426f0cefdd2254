"""What cannot be done is refused in MLflow's shape, and nothing of it is kept."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.protocols.mlflow.asking import ask
from tests.server.processes import Running


def test_a_param_never_changes(client: MlflowClient, experiment: str, server: Running) -> None:
    """The same value again is fine; another one names both, and nothing of its batch is kept."""
    uid = client.create_run(experiment).info.run_id
    client.log_param(uid, "p", "1")
    body = {"run_id": uid, "key": "p", "value": "1"}
    assert ask(server, "POST", "/api/2.0/mlflow/runs/log-parameter", body)[0] == 200
    body = {
        "run_id": uid,
        "params": [{"key": "q", "value": "1"}, {"key": "p", "value": "2"}],
        "metrics": [{"key": "m", "value": 1, "timestamp": 1}],
    }
    status, answer = ask(server, "POST", "/api/2.0/mlflow/runs/log-batch", body)
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "Changing param values is not allowed" in answer["message"]
    run = client.get_run(uid)
    assert (run.data.params, run.data.metrics) == ({"p": "1"}, {})


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("runs/log-metric", {"value": 1, "timestamp": 1}, "required parameter 'key'"),
        ("runs/log-metric", {"key": "k", "timestamp": 1}, "required parameter 'value'"),
        ("runs/log-metric", {"key": "k", "value": True, "timestamp": 1}, "Invalid value true"),
        ("runs/log-metric", {"key": "k", "value": 1, "timestamp": -1}, "Invalid value -1"),
        ("runs/log-metric", {"key": "k" * 251, "value": 1, "timestamp": 1}, "maximum length"),
        ("runs/log-metric", {"key": "../k", "value": 1, "timestamp": 1}, "Invalid value"),
        ("runs/log-batch", {"metrics": [1]}, "metrics\\[0\\]"),
        ("runs/log-batch", {"params": [{"key": "a"}] * 101}, "at most 100 params"),
        ("runs/log-batch", {"params": [{"key": "a"}] * 2}, "Duplicate parameter keys"),
        ("runs/set-tag", {"key": 5, "value": "x"}, "Invalid value 5"),
        ("runs/update", {"status": "ASLEEP"}, "Invalid value"),
    ],
)
def test_what_cannot_be_used_is_named(
    server: Running, client: MlflowClient, experiment: str, path: str, body: Any, message: str
) -> None:
    """And nothing is logged."""
    uid = client.create_run(experiment).info.run_id
    status, answer = ask(server, "POST", f"/api/2.0/mlflow/{path}", {"run_id": uid, **body})
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert re.search(message, answer["message"]), answer["message"]
    data = client.get_run(uid).data
    assert (data.metrics, data.params) == ({}, {})


def test_numbers_may_be_texts_and_bodies_texts_of_json(
    server: Running, client: MlflowClient, experiment: str
) -> None:
    """As old clients send them; ``run_uuid`` is the run, too."""
    uid = client.create_run(experiment).info.run_id
    body = {"run_uuid": uid, "key": "m", "value": "2.5", "timestamp": "7", "step": "3"}
    text = json.dumps(json.dumps(body)).encode()
    assert ask(server, "POST", "/ajax-api/2.0/mlflow/runs/log-metric", text) == (200, {})
    point = client.get_metric_history(uid, "m")[0]
    assert (point.value, point.timestamp, point.step) == (2.5, 7, 3)


def test_unknown_things_are_told_in_mlflows_shape(server: Running) -> None:
    """404 with a code for what does not exist, 501 with its name for what is not offered."""
    base = "/api/2.0/mlflow"
    for path in (
        f"runs/get?run_id={'f' * 32}",
        "runs/get?run_id=..%2f..",
        "experiments/get?experiment_id=17",
        "experiments/get-by-name?experiment_name=nobody",
    ):
        status, answer = ask(server, "GET", f"{base}/{path}")
        assert (status, answer["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST"), path
    for path in ("/api/2.0/mlflow/prompts/create", "/api/3.0/mlflow/traces/search",
                 "/ajax-api/2.0/mlflow/gateway/x"):  # fmt: skip
        status, answer = ask(server, "POST", path, {})
        assert (status, answer["error_code"]) == (501, "NOT_IMPLEMENTED")
        assert path in answer["message"]
    status, answer = ask(server, "POST", f"{base}/runs/create", b"{nonsense")
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert server.ask("GET", "/health") == (200, b"OK")


@pytest.mark.parametrize("prefix", ["/api/2.0/mlflow", "/ajax-api/2.0/mlflow"])
def test_what_is_refused_before_any_route_has_mlflows_shape(server: Running, prefix: str) -> None:
    """WEB-01, WEB-10, WEB-16: wrong host, other site, wrong kind of body, unknown method; native
    routes keep their own shape.
    """
    line = f"POST {prefix}/runs/create HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n"
    plain = "Content-Type: text/plain\r\n"
    as_json = "Content-Type: application/json\r\n"
    for head, status, code in (
        (f"{line}Host: evil.com\r\n{as_json}", 403, "PERMISSION_DENIED"),
        (
            f"{line}Host: localhost\r\nOrigin: http://evil.com\r\n{as_json}",
            403,
            "PERMISSION_DENIED",
        ),
        (f"{line}Host: localhost\r\n{plain}", 415, "BAD_REQUEST"),
        (line.replace("POST", "TRACE") + "Host: localhost\r\n", 405, "ENDPOINT_NOT_FOUND"),
        (
            line.replace("/runs/create", "") + f"Host: localhost\r\n{as_json}",
            501,
            "NOT_IMPLEMENTED",
        ),
    ):
        answer = server.raw(f"{head}\r\n{{}}".encode())
        assert int(answer.split(b" ")[1]) == status, answer
        told = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert told["error_code"] == code, answer
        assert told["message"]
    native = line.replace(f"{prefix}/runs/create", "/api/v1/runs/query")
    answer = server.raw(f"{native}Host: evil.com\r\n{as_json}\r\n{{}}".encode())
    assert b'"error":{"code"' in answer


def test_a_body_that_is_too_large_is_refused(server: Running) -> None:
    """One byte more than the server takes, in MLflow's shape."""
    body = b"x" * (4 * 1024 * 1024 + 1)
    headers = {"Content-Type": "application/json"}
    status, answer = server.ask("POST", "/api/2.0/mlflow/runs/log-batch", body, headers)
    assert (status, json.loads(answer)["error_code"]) == (400, "BAD_REQUEST")
