"""What MLflow's client says of a run stands where people look for it, and the reverse."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.data.numpy_dataset import from_numpy
from mlflow.entities import RunTag

import epochal
from epochal.domain.access import LOCAL_USER
from epochal.service import tracking
from epochal.service.recording import Recorder
from epochal.service.tracking import NewRun
from epochal.store.owner import open_store
from tests.browser.clients import QUIET
from tests.server.processes import Running, serving

NOTES = "mlflow.note.content"


def test_notes_are_one_text_whoever_writes_them(server: Running, client: MlflowClient) -> None:
    """By tag, with the run, in a batch, or on our page; searches and orders find the same."""
    experiment = client.create_experiment("notes")
    uid = client.create_run(experiment, tags={NOTES: "first"}).info.run_id
    other = client.create_run(experiment).info.run_id
    path = f"/api/v1/runs/{uid}"
    assert client.get_run(uid).data.tags[NOTES] == "first"
    assert server.json("GET", path)["notes"] == "first"
    server.json("PATCH", path, {"notes": "# on the page", "notes_were": "first"})
    assert client.get_run(uid).data.tags[NOTES] == "# on the page"
    for text, wanted in (
        (f"tags.`{NOTES}` LIKE '%page'", [uid]),
        (f"tags.`{NOTES}` IS NULL", [other]),
        (f"tags.`{NOTES}` IS NOT NULL", [uid]),
        (f"tags.`{NOTES}` != 'first'", [uid]),
    ):
        assert [one.info.run_id for one in client.search_runs([experiment], text)] == wanted
    client.log_batch(other, tags=[RunTag(NOTES, "zz"), RunTag("k", "v")])
    ordered = client.search_runs([experiment], order_by=[f"tags.`{NOTES}` DESC"])
    assert [one.info.run_id for one in ordered] == [other, uid]
    client.delete_tag(uid, NOTES)
    assert NOTES not in client.get_run(uid).data.tags
    assert server.json("GET", path)["notes"] == ""


def test_notes_that_a_run_from_before_has_as_a_label_are_found_and_go_with_the_notes(
    tmp_path: Path,
) -> None:
    """They are read, searched and ordered by as others are, until somebody says something else."""
    with open_store(tmp_path) as store:
        recorder = Recorder(store)
        old = {NOTES: "from before"}
        uids = [
            tracking.create_run(store, LOCAL_USER, recorder, NewRun(0, "mlflow", "n", old)).uid
            for _ in range(4)
        ]
        recorder.close()
    with serving(tmp_path, quiet=True) as running:
        client = MlflowClient(running.address.url)
        newer = client.create_run("0", tags={NOTES: "zz"}).info.run_id
        first, second, third, fourth = uids
        found = client.search_runs(["0"], f"tags.`{NOTES}` LIKE 'from%'")
        assert sorted(one.info.run_id for one in found) == sorted(uids)
        assert client.search_runs(["0"], f"tags.`{NOTES}` IS NULL") == []
        ordered = client.search_runs(["0"], order_by=[f"tags.`{NOTES}` DESC"])
        assert ordered[0].info.run_id == newer
        assert {one.data.tags[NOTES] for one in ordered[1:]} == {"from before"}
        client.delete_tag(first, NOTES)
        client.set_tag(second, NOTES, "new")
        assert client.get_run(second).data.tags[NOTES] == "new"
        client.delete_tag(second, NOTES)
        client.log_batch(third, tags=[RunTag(NOTES, "")])
        path = f"/api/v1/runs/{fourth}"
        assert running.json("GET", path)["notes"] == "from before"
        assert running.json("PATCH", path, {"notes": "x", "notes_were": "from before"})["notes"]
        running.json("PATCH", path, {"notes": "", "notes_were": "x"})  # cleared on the page
        assert NOTES not in running.json("GET", path)["labels"]
        for uid in uids:
            assert NOTES not in client.get_run(uid).data.tags
        found = client.search_runs(["0"], f"tags.`{NOTES}` IS NOT NULL")
        assert [one.info.run_id for one in found] == [newer]


def test_notes_of_our_own_client_are_read_as_the_tag(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path))
    with epochal.init(project="ours", notes="why", settings=QUIET) as run:
        run.log({"a": 1})
    with serving(tmp_path, quiet=True) as running:
        client = MlflowClient(running.address.url)
        experiment = client.get_experiment_by_name("ours")
        assert experiment is not None
        (found,) = client.search_runs([experiment.experiment_id])
        assert found.data.tags[NOTES] == "why"


def test_a_run_tells_its_tags_source_datasets_and_models(
    server: Running, client: MlflowClient, monkeypatch
) -> None:
    """What MLflow's own page shows of a run, our API tells, too."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address.url)
    experiment = client.create_experiment("origin")
    source = {"mlflow.source.name": "train.py", "mlflow.source.git.commit": "c0ffee00"}
    with mlflow.start_run(experiment_id=experiment, tags={**source, "team": "vision"}) as run:
        data = from_numpy(np.ones((4, 3)), name="ones")
        mlflow.log_input(data, context="training")
        model = mlflow.initialize_logged_model(name="net", model_type="classifier")
        mlflow.log_metric("acc", float("nan"), step=2, model_id=model.model_id, dataset=data)
        mlflow.log_metric("acc", 0.5, step=3, model_id=model.model_id, dataset=data)
    told = server.json("GET", f"/api/v1/runs/{run.info.run_id}")
    assert told["client"] == "mlflow"
    assert told["labels"]["team"] == "vision"
    assert not [name for name in told["labels"] if name.startswith("$")]
    assert told["environment"]["program"] == "train.py"
    assert told["environment"]["git"] == {"commit": "c0ffee00"}
    assert told["environment"]["user"] == run.info.user_id
    (dataset,) = told["datasets"]
    assert (dataset["name"], dataset["context"], dataset["digest"]) == (
        "ones", "training", data.digest,
    )  # fmt: skip
    assert "mlflow_tensorspec" in dataset["schema"]
    (logged,) = told["logged_models"]
    assert (logged["name"], logged["kind"], logged["role"], logged["status"]) == (
        "net", "classifier", "made", "pending",
    )  # fmt: skip
    assert [(one["key"], one["value"], one["dataset"]) for one in logged["metrics"]] == [
        ("acc", "0.5", "ones")
    ]
