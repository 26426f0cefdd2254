"""Logged models of MLflow 3, by its real client: in a process of its own, and call by call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus, Metric
from mlflow.exceptions import MlflowException

from epochal.domain.tracked import experiment_id
from tests.server.processes import Running

SCRIPT = Path(__file__).parent / "model_script.py"
AUTOLOG = Path(__file__).parent / "autolog_script.py"
TRAINED = Path(__file__).parent / "autolog_models_script.py"
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}  # fmt: skip


def python(server: Running, *arguments: str, **more: str) -> str:
    """What a Python process prints that is told of the server as users tell it."""
    environment = os.environ | QUIET | {"MLFLOW_TRACKING_URI": server.address.url} | more
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments], capture_output=True, text=True, check=False,
        env=environment, timeout=190,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def experiment(client: MlflowClient, request: pytest.FixtureRequest) -> str:
    """An experiment of the test's own."""
    return str(client.create_experiment(request.node.name))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_models_are_logged_registered_and_loaded(server: Running) -> None:
    """`log_model` of PyTorch and scikit-learn, each format, and every URI that names the result;
    and our own pages know them.
    """
    told = json.loads(python(server, str(SCRIPT)).splitlines()[-1])
    net = told["torch"]
    assert len(net["loads"]) == 6
    assert all(net["loads"].values()), net["loads"]
    assert net["raw"] == "RecursiveScriptModule"
    assert (net["params"], net["metrics"]) == ({"lr": "0.1"}, [["loss", 0.5, 0]])
    assert net["history"] == 1, "a point that a model was told of again is not logged again"
    assert told["sklearn"] == {"version": "2", "says": pytest.approx(6.0)}
    assert told["found"] == ["line", "line", "net", "scripted"]
    assert told["runs"] == [net["run"]], "runs that only hold a model are not shown"
    ours = server.json("GET", "/api/v1/models/classifier")["all_versions"][0]
    assert (ours["aliases"], ours["run"]["uid"]) == (["champion"], net["run"])
    assert ours["artifact"] == "local/models/net"
    made = server.json("GET", f"/api/v1/runs/{net['run']}/artifacts")["made"]
    shown = {one["name"]: one["metadata"]["model"] for one in made}
    assert set(shown) == {"net", "scripted"}
    assert shown["net"]["format"] == "mlflow pytorch"
    (one,) = server.json("GET", f"/api/v1/runs/{net['run']}/artifacts")["models"]
    assert (one["model"], one["version"], one["artifact"]) == ("classifier", 1, "net")
    spec = json.loads(shown["net"]["signature"]["inputs"])[0]["tensor-spec"]
    assert spec == {"dtype": "float32", "shape": [-1, 4]}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_what_is_logged_without_calls_arrives(server: Running) -> None:
    """Autologging through Lightning and scikit-learn, nested runs, datasets, system metrics, and
    asynchronous logging.
    """
    told = json.loads(python(server, str(AUTOLOG)).splitlines()[-1])
    assert told["lightning"] == {
        "status": "FINISHED", "params": ["SGD", "0.01"], "points": 3,
        "files": ["model_summary.txt"],
    }  # fmt: skip
    assert told["sklearn"] == {"metric": True, "datasets": 1, "depths": ["1", "2"]}
    assert told["quiet"] == {"system": True, "points": 50, "last": [49.0, -49.0, "1"]}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_autologging_leaves_checkpoints_and_models_that_load(
    server: Running, tmp_path: Path
) -> None:
    """Lightning's real Trainer with MLflow's defaults: the checkpoint of each epoch and of the
    best one, `load_checkpoint`, and the model from its run and from the registry; scikit-learn's
    model with its example.
    """
    said = python(server, str(TRAINED), str(tmp_path), OMP_NUM_THREADS="1")
    told = json.loads(said.splitlines()[-1])
    each, best, scikit = told["each"], told["best"], told["scikit"]
    assert each["files"] == [
        f"checkpoints/epoch_{epoch}/{name}"
        for epoch in range(3)
        for name in ("checkpoint.pth", "checkpoint_metrics.json")
    ] + ["model_summary.txt"]
    assert each["checkpoints"] == [True] * 3
    assert (each["last"], each["model"], each["registered"]) == (True, True, True)
    assert (each["hyper"], each["params"]) == ([4, 0.1], "SGD")
    *files, restored = best.pop("files")
    assert files == [
        "checkpoints/latest_checkpoint.pth", "checkpoints/latest_checkpoint_metrics.json",
        "model_summary.txt",
    ]  # fmt: skip
    assert restored.startswith("restored_model_checkpoint/epoch=2-step=6")
    assert best == {
        "best": True, "stopped": [2.0, 0.0], "patience": "2", "points": 3, "models": ["model"],
    }  # fmt: skip
    assert scikit["says"] == [pytest.approx(0.0, abs=1e-9), pytest.approx(2.0)]
    assert (scikit["class"], scikit["example"]) == ("LinearRegression", 2)
    assert (len(scikit["scored"]), scikit["fit"], scikit["datasets"]) == (1, "True", 1)
    made = server.json("GET", f"/api/v1/runs/{each['run']}/artifacts")
    assert [(one["model"], one["version"]) for one in made["models"]] == [("line", 1)]


NATIVE = """
import epochal, torch
torch.manual_seed(0)
net = torch.nn.Linear(2, 1)
with epochal.init(project="native") as run:
    run.log_model(net, "net", registered_model_name="native", aliases=["best"],
                  input_example=torch.ones(3, 2))
print(run.uid, *net(torch.ones(1, 2)).flatten().tolist())
"""
LOADING = """
import mlflow, numpy as np
model = mlflow.pyfunc.load_model("models:/native@best")
found = mlflow.MlflowClient().get_model_version_by_alias("native", "best")
print(found.version, found.run_id, *model.predict(np.ones((1, 2), dtype=np.float32)).flatten())
"""


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_model_that_epochal_registered_loads_with_mlflow(
    client: MlflowClient, server: Running, tmp_path: Path
) -> None:
    """`mlflow.pyfunc.load_model("models:/name@alias")` of a module that `epochal` logged, and a
    version of it that MlflowClient registers under another name.
    """
    told = python(server, "-c", NATIVE, EPOCHAL_URL=server.address.url, EPOCHAL_HOME=str(tmp_path))
    uid, said = told.splitlines()[-1].split()
    version, run, answer = python(server, "-c", LOADING).splitlines()[-1].split()
    assert (version, run) == ("1", uid)
    assert float(answer) == pytest.approx(float(said), abs=1e-6)
    client.create_registered_model("copy")
    made = client.create_model_version("copy", f"runs:/{uid}/net", uid)
    same = client.get_model_version_download_uri("native", "1")
    assert client.get_model_version_download_uri("copy", made.version) == same


def test_a_logged_model_lives(client: MlflowClient, server: Running, experiment: str) -> None:
    """Begin, describe, upload, list, finish, and delete; params, tags, metrics and status."""
    uid = client.create_run(experiment).info.run_id
    made = client.create_logged_model(
        experiment, name="m", source_run_id=uid, tags={"a": "1"}, params={"p": "q"}, model_type="t"
    )
    assert (made.status, made.name, made.model_type) == ("PENDING", "m", "t")
    assert (
        made.artifact_location
        == f"mlflow-artifacts:/{experiment}/models/{made.model_id}/artifacts"
    )
    client.log_model_params(made.model_id, {"r": "s"})
    client.set_logged_model_tags(made.model_id, {"b/c d": "2"})
    client.delete_logged_model_tag(made.model_id, "a")
    with pytest.raises(MlflowException) as missing:
        client.delete_logged_model_tag(made.model_id, "a")
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    client.log_metric(uid, "acc", 0.5, step=1, timestamp=7, model_id=made.model_id)
    batch = [
        Metric("acc", 0.75, 8, 2, model_id=made.model_id, dataset_name="d", dataset_digest="x"),
        Metric("nan", float("nan"), 8, 2, model_id=made.model_id),
        Metric("acc", 0.25, 6, 0, model_id=made.model_id),
    ]
    client.log_batch(uid, metrics=batch)
    ready = client.finalize_logged_model(made.model_id, "READY")
    found = client.get_logged_model(made.model_id)
    assert (ready.status, found.status, found.tags) == ("READY", "READY", {"b/c d": "2"})
    assert found.params == {"p": "q", "r": "s"}
    known = [(one.key, one.dataset_name, one.step, one.run_id) for one in found.metrics or ()]
    assert set(known) == {("acc", None, 1, uid), ("acc", "d", 2, uid), ("nan", None, 2, uid)}
    assert [one.value for one in client.get_metric_history(uid, "acc")] == [0.25, 0.5, 0.75]
    client.delete_logged_model(made.model_id)
    with pytest.raises(MlflowException) as gone:
        client.get_logged_model(made.model_id)
    assert gone.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_model_that_is_told_of_an_earlier_point_leaves_the_last_one(
    client: MlflowClient, server: Running, experiment: str
) -> None:
    """As `log_model` does at step 0 after a training; our page shows the last value, too."""
    uid = client.create_run(experiment).info.run_id
    for step in range(3):
        client.log_metric(uid, "loss", 1 / (step + 1), timestamp=7 + step, step=step)
    made = client.create_logged_model(experiment, name="m", source_run_id=uid)
    client.log_batch(uid, metrics=[Metric("loss", 1.0, 7, 0, model_id=made.model_id)])
    client.log_metric(uid, "loss", 0.5, timestamp=8, step=1, model_id=made.model_id)
    assert [one.step for one in client.get_metric_history(uid, "loss")] == [0, 1, 2]
    assert server.json("GET", f"/api/v1/runs/{uid}")["summary"] == {"loss": 1 / 3}
    told = client.get_logged_model(made.model_id).metrics or []
    assert [(one.step, one.value) for one in told] == [(1, 0.5)]


def test_logged_models_are_searched(client: MlflowClient, experiment: str) -> None:
    """Names, params, tags, metrics on datasets, order, pages; and one clean error."""
    uid = client.create_run(experiment).info.run_id
    ids = {}
    for name, value in (("a", 1.0), ("b", 3.0), ("c", 2.0)):
        made = client.create_logged_model(
            experiment, name=name, source_run_id=uid, tags={"t": name}
        )
        ids[name] = made.model_id
        client.log_metric(
            uid, "acc", value, step=1, model_id=made.model_id, dataset_name="d", dataset_digest="x"
        )
    client.create_logged_model(experiment, name="alone", params={"k": "v"})

    def names(text: str | None = None, **more: Any) -> list[str]:
        found = client.search_logged_models([experiment], filter_string=text, **more)
        return [one.name for one in found]

    assert names() == ["alone", "c", "b", "a"]
    assert names("name = 'b'") == ["b"]
    assert names(f"source_run_id = '{uid}' AND tags.t != 'a'") == ["c", "b"]
    assert names("params.k = 'v'") == ["alone"]
    client.finalize_logged_model(ids["a"], LoggedModelStatus.READY)
    client.finalize_logged_model(ids["b"], LoggedModelStatus.FAILED)
    for word, found in (("READY", ["a"]), ("FAILED", ["b"]), ("PENDING", ["alone", "c"])):
        assert names(f"status = '{word}'") == found
    assert names("metrics.acc >= 2", datasets=[{"dataset_name": "d"}]) == ["c", "b"]
    assert names("metrics.acc >= 2", datasets=[{"dataset_name": "e"}]) == []
    assert names(datasets=[{"dataset_name": "d"}]) == ["c", "b", "a"]
    assert names("name = 'b'", datasets=[{"dataset_name": "e"}]) == []
    assert names(f"model_id IN ('{ids['a']}', '{ids['b']}')") == ["b", "a"]
    order = [{"field_name": "metrics.acc", "ascending": False}]
    assert names(order_by=order) == ["b", "c", "a", "alone"]
    page = client.search_logged_models([experiment], max_results=3)
    rest = client.search_logged_models([experiment], max_results=3, page_token=page.token)
    assert [one.name for one in [*page, *rest]] == ["alone", "c", "b", "a"]
    assert not rest.token
    with pytest.raises(MlflowException) as refused:
        names("nonsense = 'x'")
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    assert client.search_runs([experiment])[0].info.run_id == uid
    assert len(client.search_runs([experiment])) == 1


@pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "a%b", "x" * 501])
def test_a_name_that_no_model_can_have_is_refused(
    client: MlflowClient, experiment: str, name: str
) -> None:
    with pytest.raises(MlflowException) as refused:
        client.create_logged_model(experiment, name=name)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_files_of_a_model_are_its_own(
    client: MlflowClient, server: Running, experiment: str
) -> None:
    """They are listed and fetched under the model, and not with those of its run."""
    run = client.create_run(experiment).info.run_id
    made = client.create_logged_model(experiment, name="m", source_run_id=run)
    base = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/models/{made.model_id}/artifacts"
    for path, data in (("MLmodel", b"x"), ("data/w.bin", b"yy")):
        assert server.ask("PUT", f"{base}/{path}", data)[0] == 200
        assert server.ask("GET", f"{base}/{path}") == (200, data)
    assert client.list_artifacts(run) == []
    inside = f"/api/2.0/mlflow/logged-models/{made.model_id}/artifacts"
    listed = server.json("GET", f"{inside}/directories?artifact_directory_path=data")
    assert listed["files"] == [{"path": "data/w.bin", "is_dir": False, "file_size": 2}]
    assert server.ask("GET", f"{inside}/files?artifact_file_path=data/w.bin") == (200, b"yy")
    for path in ("../x", "..%2fx", "data/../../x"):
        assert server.ask("GET", f"{base}/{path}")[0] == 400
    assert server.ask("DELETE", f"{base}/data")[0] == 200
    assert server.ask("GET", f"{base}/data/w.bin")[0] == 404
    other = base.replace(made.model_id, f"m-{'0' * 32}")
    assert server.ask("GET", f"{other}/MLmodel")[0] == 404
    assert experiment == str(experiment_id("local", client.get_experiment(experiment).name))


def test_a_client_before_mlflow_3_notes_its_model(
    client: MlflowClient, server: Running, experiment: str
) -> None:
    """`runs/log-model` keeps the history in a tag and makes the folder an artifact version."""
    run = client.create_run(experiment).info.run_id
    client.log_text(run, "flavors:\n  sklearn: {}\n", "net/MLmodel")
    info = {"artifact_path": "net", "flavors": {}, "utc_time_created": "now", "run_id": run}
    headers = {"Content-Type": "application/json"}
    for given, status in (
        (json.dumps(info), 200), (json.dumps(info), 200), ("{", 400), ('{"flavors": 1}', 400)
    ):  # fmt: skip
        body = json.dumps({"run_id": run, "model_json": given}).encode()
        path = "/api/2.0/mlflow/runs/log-model"
        assert server.ask("POST", path, body, headers)[0] == status
    tags = client.get_run(run).data.tags
    assert json.loads(tags["mlflow.log-model.history"]) == [info, info]
    (made,) = server.json("GET", f"/api/v1/runs/{run}/artifacts")["made"]
    assert (made["name"], made["metadata"]["model"]["format"]) == ("net", "mlflow sklearn")
