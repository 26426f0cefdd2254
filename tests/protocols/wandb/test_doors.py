"""Runs by one door, read by another: all clients and writers are real, each in its own process."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy

from tests.cli.conftest import run_cli
from tests.protocols.wandb.conftest import Seen, run_script, write_elsewhere
from tests.server.processes import Running, serving

READ = """
import json, sys
import wandb
api = wandb.Api()
[run] = [run for run in api.runs("doors") if sys.argv[1] in (run.id, run.name)]
one = api.run(f"doors/{run.id}")
lr = json.loads(sys.argv[2])
rows = list(one.scan_history())
files = {file.name: file for file in one.files()}
texts = {}
for name in sys.argv[3:]:
    with files[name].download(root="got") as file:
        texts[name] = file.read()
for row in rows:
    if "digit" in row:
        with one.file(row["digit"]["path"]).download(root="got") as file:
            texts["digit"] = file.buffer.read(4).decode("latin-1")
print(json.dumps({
    "config": one.config, "name": one.name, "state": one.state, "tags": one.tags,
    "summary": {key: value for key, value in one.summary._json_dict.items() if key[0] != "_"},
    "rows": rows, "step": one.lastHistoryStep, "files": sorted(files), "texts": texts,
    "loss": list(one.scan_history(keys=["loss"], min_step=5, max_step=8)),
    "frame": one.history(keys=["loss"], samples=3)["loss"].tolist(),
    "keys": {key: kind["typeCounts"] for key, kind in one.history_keys["keys"].items()},
    "found": [other.id == run.id for other in api.runs("doors", {"config.lr": lr})],
    "lazy": dict(run.config) == dict(one.config),
}))
"""
TENSORBOARD = """
import numpy
from torch.utils.tensorboard import SummaryWriter
log = SummaryWriter("runs/theirs")
for step in range(20):
    log.add_scalar("loss", 1 / (step + 1), step)
    log.add_scalar("val/acc", float("nan") if step == 3 else step / 32, step)
log.add_text("note", "**well**", 4)
log.add_image("digit", numpy.zeros((3, 4, 5), dtype=numpy.uint8), 6)
log.add_histogram("weights", numpy.arange(10.0), 7)
log.add_hparams({"lr": 0.1, "opt": "adam"}, {"best": 0.25}, run_name=".")
log.close()
"""
MLFLOW = """
import mlflow
mlflow.set_experiment("doors")
with mlflow.start_run(run_name="theirs too", tags={"kind": "cnn"}):
    mlflow.log_params({"lr": 0.1, "opt": "adam"})
    for step in range(20):
        mlflow.log_metrics({"loss": 1 / (step + 1), "val/acc": step / 20}, step=step)
    mlflow.log_metric("odd", float("nan"), step=3)
    mlflow.log_text("hello", "notes/hello.txt")
"""


def write(server: Running, directory: Path, code: str) -> Any:
    """Run a script of another client in a process of its own; the JSON of its last line."""
    printed = write_elsewhere(directory, code, MLFLOW_TRACKING_URI=server.address.url)
    lines = printed.strip().splitlines()
    return json.loads(lines[-1]) if lines and lines[-1][0] == "{" else None


def test_a_run_of_tensorboards_files_is_read(tmp_path: Path) -> None:
    """Every point with its float32, text, image with its bytes, histogram, hparams."""
    with serving(tmp_path / "home", quiet=True) as server:
        write(server, tmp_path, TENSORBOARD)
        logs = ["tensorboard", str(tmp_path / "runs"), "--project", "doors"]
        done = run_cli("import", *logs, home=tmp_path / "home")
        assert done.returncode == 0, done.stderr
        seen = run_script(server, tmp_path, READ, "theirs", "0.1")
    losses = [float(numpy.float32(1 / (step + 1))) for step in range(20)]
    assert (seen["config"], seen["state"]) == ({"lr": 0.1, "opt": "adam"}, "finished")
    assert seen["summary"] == {"best": 0.25, "loss": losses[-1], "val/acc": 19 / 32}
    rows = {row["_step"]: row for row in seen["rows"]}
    assert list(rows) == list(range(20))
    assert [row["loss"] for row in rows.values()] == losses
    assert math.isnan(rows[3].pop("val/acc"))
    shares = [row["val/acc"] for row in rows.values() if "val/acc" in row]
    assert shares == [step / 32 for step in range(20) if step != 3]
    assert rows[4]["note"] == "**well**"
    assert (rows[6]["digit"]["_type"], rows[6]["digit"]["width"]) == ("image-file", 5)
    assert (rows[6]["digit"]["format"], seen["texts"]["digit"]) == ("png", "\x89PNG")
    assert sum(rows[7]["weights"]["values"]) == 10
    assert seen["keys"]["weights"] == [{"type": "histogram", "count": 1}]
    assert seen["loss"] == [{"_step": step, "loss": losses[step]} for step in (5, 6, 7)]
    assert seen["frame"] == [losses[0], losses[10], losses[19]]
    assert (seen["step"], seen["found"], seen["lazy"]) == (19, [True], True)
    assert "config.yaml" in seen["files"]


def test_a_run_of_mlflows_client_is_read(server: Running, tmp_path: Path) -> None:
    """Params, metrics, tags and artifacts."""
    write(server, tmp_path, MLFLOW)
    seen = run_script(server, tmp_path, READ, "theirs too", '"0.1"', "notes/hello.txt")
    assert (seen["config"], seen["state"]) == ({"lr": "0.1", "opt": "adam"}, "finished")
    assert seen["summary"] == {"loss": 0.05, "odd": "NaN", "val/acc": 0.95}
    assert [(row["_step"], row["loss"], row["val/acc"]) for row in seen["rows"]] == [
        (step, 1 / (step + 1), step / 20) for step in range(20)
    ]
    assert [row["_step"] for row in seen["rows"] if "odd" in row] == [3]
    assert seen["loss"] == [{"_step": step, "loss": 1 / (step + 1)} for step in (5, 6, 7)]
    assert (seen["frame"], seen["found"]) == ([1, 1 / 11, 0.05], [True])
    assert {"config.yaml", "notes/hello.txt"} <= set(seen["files"])
    assert seen["texts"] == {"notes/hello.txt": "hello"}


WANDB = """
import math
import torch
import wandb
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
config = {"lr": 0.1, "net": {"depth": 2}}
with wandb.init(project="doors", id="ours", name="of wandb", tags=["a"], config=config) as run:
    run.watch(net, log="all", log_freq=1)
    for step in range(4):
        loss = net(torch.ones(2, 4)).sum()
        loss.backward()
        run.log({"loss": step / 4, "odd": math.nan if step == 2 else 1.0})
    open("kept.txt", "w").write("kept")
    run.save("kept.txt", policy="now")
"""
MLFLOW_READS = """
import json
import mlflow
from mlflow import MlflowClient
client = MlflowClient()
experiment = client.get_experiment_by_name("doors")
[run] = client.search_runs([experiment.experiment_id], "params.lr = '0.1' and metrics.loss > 0.7")
history = client.get_metric_history(run.info.run_id, "loss")
frame = mlflow.search_runs([experiment.experiment_id])
print(json.dumps({
    "name": run.info.run_name, "status": run.info.status, "params": run.data.params,
    "history": [[point.step, point.value] for point in history],
    "odd": [repr(point.value) for point in client.get_metric_history(run.info.run_id, "odd")],
    "frame": [frame["metrics.loss"][0], frame["params.lr"][0]],
    "files": [file.path for file in client.list_artifacts(run.info.run_id)],
    "text": mlflow.artifacts.load_text(run.info.artifact_uri + "/kept.txt"),
}))
"""


def test_a_run_of_wandb_is_read_by_mlflows_client_and_its_layers_are_watched(
    tmp_path: Path,
) -> None:
    """Params, histories, search, files; histograms of gradients and parameters by `watch`."""
    with serving(tmp_path / "home", quiet=True) as server:
        run_script(server, tmp_path, WANDB)
        seen = write(server, tmp_path, MLFLOW_READS)
        run = Seen(server, "doors", "ours")
        layers = {row["key"]: (row["kind"], row["count"]) for row in run.get("media")["keys"]}
    assert (seen["name"], seen["status"]) == ("of wandb", "FINISHED")
    assert seen["params"] == {"lr": "0.1", "net.depth": "2"}
    assert seen["history"] == [[step, step / 4] for step in range(4)]
    assert seen["odd"] == ["1.0", "1.0", "nan", "1.0"]
    assert seen["frame"] == [0.75, "0.1"]
    assert "kept.txt" in seen["files"]
    assert seen["text"] == "kept"
    names = ("0.bias", "0.weight", "2.bias", "2.weight")
    assert layers == {
        f"{of}/{name}": ("histogram", 4) for of in ("gradients", "parameters") for name in names
    }
