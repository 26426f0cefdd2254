"""Servers that are killed, other doors, and keys: a foreign run is a run like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

import epochal
from epochal.domain.access import LOCAL_USER, Role
from epochal.service import access
from epochal.store.owner import open_store
from tests.server.processes import serving, start


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")


def test_a_killed_server_loses_no_acknowledged_point_and_crashes_no_run(tmp_path: Path) -> None:
    """P3 for foreign clients: after SIGKILL the run goes on with the next server."""
    home = tmp_path / "home"
    first = start(home, quiet=True)
    client = MlflowClient(first.address.url)
    uid = client.create_run("0").info.run_id
    acknowledged = 0
    try:
        for step in range(50):
            client.log_metric(uid, "m", step, step=step)
            acknowledged += 1
    finally:
        first.kill()
    with pytest.raises(MlflowException):
        client.log_metric(uid, "m", 50, step=50)
    with serving(home, quiet=True) as second:
        client = MlflowClient(second.address.url)
        assert len(client.get_metric_history(uid, "m")) == acknowledged
        assert client.get_run(uid).info.status == "RUNNING"
        client.log_param(uid, "p", "1")
        client.log_metric(uid, "m", 51, step=51)
        assert len(client.get_metric_history(uid, "m")) == acknowledged + 1
        detail = second.json("GET", f"/api/v1/runs/{uid}")
        assert detail["state"] == "running"
        client.set_terminated(uid)
        assert client.get_run(uid).info.status == "FINISHED"
    with serving(home, quiet=True) as third:
        run = MlflowClient(third.address.url).get_run(uid)
        assert (run.info.status, run.data.params) == ("FINISHED", {"p": "1"})
        assert run.data.metrics == {"m": 51.0}


def test_both_doors_show_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of MLflow's in our API; a run of Epochal's in MLflow's client."""
    home = tmp_path / "home"
    monkeypatch.setenv("EPOCHAL_HOME", str(home))
    ours = epochal.init(project="ours", config={"lr": 0.5, "net": {"depth": 3}})
    for step in range(20):
        ours.log({"loss": 1.0 / (step + 1)})
    ours.finish()
    with serving(home, quiet=True) as server:
        client = MlflowClient(server.address.url)
        experiment = client.get_experiment_by_name("ours")
        assert experiment is not None
        run = client.search_runs([experiment.experiment_id], "metrics.loss < 0.06")[0]
        assert run.data.params == {"lr": "0.5", "net.depth": "3"}
        assert run.data.metrics == {"loss": 1 / 20}
        assert run.info.status == "FINISHED"
        history = client.get_metric_history(run.info.run_id, "loss")
        assert [point.value for point in history] == [1.0 / (step + 1) for step in range(20)]
        client.set_tag(run.info.run_id, "checked", "yes")
        assert client.get_run(run.info.run_id).data.tags["checked"] == "yes"
        assert client.get_run(run.info.run_id).info.status == "FINISHED"

        id = client.create_experiment("theirs")
        uid = client.create_run(id, run_name="n").info.run_id
        for step in range(5):
            client.log_metric(uid, "acc", step / 10, step=step, timestamp=1_000 + step)
        client.log_param(uid, "opt", "adam")
        detail = server.json("GET", f"/api/v1/runs/{uid}")
        assert (detail["project"], detail["name"], detail["state"]) == ("theirs", "n", "running")
        assert (detail["config"], detail["summary"]) == ({"opt": "adam"}, {"acc": 0.4})
        assert detail["last_step"] == 4
        client.set_terminated(uid)
    found = next(iter(epochal.runs("theirs")))
    assert found.series("acc").value.tolist() == [0.0, 0.1, 0.2, 0.3, 0.4]


def test_roles_hold_for_mlflow_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AU-02, AU-21: no key 401, a reader may look, a writer may log; as Bearer and as password."""
    home = tmp_path / "home"
    with open_store(home) as store:
        reader = access.create_key(store, LOCAL_USER, "r", Role.READER)
        writer = access.create_key(store, LOCAL_USER, "w", Role.WRITER)
    with serving(home, quiet=True, auth=True) as server:
        client = MlflowClient(server.address.url)
        with pytest.raises(MlflowException) as failure:
            client.create_run("0")
        assert failure.value.error_code == "UNAUTHENTICATED"
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", writer)
        uid = client.create_run("0").info.run_id
        client.log_metric(uid, "m", 1)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", reader)
        assert client.get_run(uid).data.metrics == {"m": 1.0}
        with pytest.raises(MlflowException) as failure:
            client.log_metric(uid, "m", 2)
        assert failure.value.error_code == "PERMISSION_DENIED"
        monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "anyone")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", writer)
        client.log_metric(uid, "m", 3)
        assert client.get_run(uid).data.metrics == {"m": 3.0}


def test_too_many_wrong_keys_are_told_in_mlflows_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty are 401 with the scheme, then 429 with the time to wait; a right key passes still."""
    home = tmp_path / "home"
    with open_store(home) as store:
        writer = access.create_key(store, LOCAL_USER, "w", Role.WRITER)
    with serving(home, quiet=True, auth=True) as server:
        path = "/api/2.0/mlflow/experiments/get?experiment_id=0"
        wrong = {"Authorization": "Bearer wrong"}
        told = [server.ask("GET", path, headers=wrong) for _ in range(31)]
        codes = [(status, json.loads(body)["error_code"]) for status, body in told]
        assert codes == [(401, "UNAUTHENTICATED")] * 30 + [(429, "REQUEST_LIMIT_EXCEEDED")]
        head = server.raw(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        assert head.startswith(b"HTTP/1.1 429")
        assert b"\r\nretry-after: " in head.lower()
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", writer)
        assert MlflowClient(server.address.url).get_experiment("0").name == "Default"
