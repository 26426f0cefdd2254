"""A run that was moved, as MLflow's own client sees it."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from tests.server.moving import move
from tests.server.processes import Running


def test_a_moved_run_is_found_in_its_new_experiment(
    server: Running,
    client: MlflowClient,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Params, metrics with their history, tags, notes, artifacts, logged models, children."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address.url)
    (tmp_path / "a.txt").write_text("text")
    mlflow.set_experiment("before")
    with mlflow.start_run(run_name="outer", tags={"team": "a"}, description="note") as outer:
        mlflow.log_params({"lr": 0.1})
        for step in range(10):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_artifact(str(tmp_path / "a.txt"), "in")
        logged = mlflow.initialize_logged_model("net")
        with mlflow.start_run(run_name="inner", nested=True) as inner:
            mlflow.log_metric("loss", 5.0)
    before = client.get_run(outer.info.run_id)
    history = client.get_metric_history(outer.info.run_id, "loss")
    new = move(server, outer.info.run_id, "after")["uid"]
    below = move(server, inner.info.run_id, "after")["uid"]

    there = client.get_experiment_by_name("after")
    assert there is not None
    found = {run.info.run_id: run for run in client.search_runs([there.experiment_id])}
    assert set(found) == {new, below}
    after = found[new]
    assert after.data.params == before.data.params
    assert after.data.metrics == before.data.metrics
    assert after.data.tags["mlflow.note.content"] == "note"
    assert after.data.tags["team"] == "a"
    assert (after.info.status, after.info.start_time, after.info.end_time) == (
        before.info.status, before.info.start_time, before.info.end_time,
    )  # fmt: skip
    moved = client.get_metric_history(new, "loss")
    assert [(m.step, m.value, m.timestamp) for m in moved] == [
        (m.step, m.value, m.timestamp) for m in history
    ]
    assert [one.path for one in client.list_artifacts(new, "in")] == ["in/a.txt"]
    local = client.download_artifacts(new, "in/a.txt", str(tmp_path))
    assert Path(local).read_text() == "text"
    assert client.get_logged_model(logged.model_id).source_run_id == new
    query = f"tags.mlflow.parentRunId = '{new}'"
    children = client.search_runs([there.experiment_id], query)
    assert [run.info.run_id for run in children] == [below]

    place = before.info.experiment_id
    assert client.search_runs([place]) == []
    gone = client.search_runs([place], run_view_type=ViewType.DELETED_ONLY)
    assert {run.info.run_id for run in gone} == {outer.info.run_id, inner.info.run_id}
    client.log_metric(new, "loss", 0.01, step=10)  # it can go on where it is now
    assert len(client.get_metric_history(new, "loss")) == 11
