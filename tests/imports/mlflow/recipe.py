"""Writes stores with the real MLflow; run as a program of its own: ``recipe.py URI FOLDER ...``.

What it writes it also prints as JSON, a line for each store, so that tests can compare.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient


class Echo(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
    """Gives back what it gets."""

    def predict(self, model_input: list[float]) -> list[float]:
        """The input."""
        return model_input


def write(uri: str, folder: str) -> dict[str, Any]:
    """Everything that an import carries, and some that it cannot."""
    mlflow.set_tracking_uri(uri)
    client = MlflowClient()
    place: Any = {"artifact_location": Path(folder).as_uri()} if uri.startswith("sqlite") else {}
    first = client.create_experiment("digits: first", tags={"team": "vision"}, **place)
    client.set_experiment_tag(first, "k/x", "two\nlines")
    client.create_experiment("empty", tags={"mlflow.note.content": "Later."}, **place)
    client.delete_experiment(client.create_experiment("given up", **place))
    old = client.create_experiment("old", **place)
    with mlflow.start_run(
        experiment_id=first, run_name="parent", description="A *note*.", tags={"k/x": "two\nlines"}
    ) as parent:
        mlflow.log_params({"lr": "0.10", "opt.name": "adam", "empty": ""})
        for step in range(30):
            mlflow.log_metrics({"val/loss": 1 / (step + 1), "acc": step}, step=step)
        mlflow.log_metric("val/loss", 7.5, step=10)
        mlflow.log_metric("odd", float("nan"), step=1)
        mlflow.log_metric("odd", float("inf"), step=-1)
        mlflow.log_text("hello", "notes/a b.txt")
        with mlflow.start_run(nested=True, experiment_id=first, run_name="child"):
            mlflow.log_metric("acc", 0.5)
    for status in ("FAILED", "KILLED", "RUNNING", "SCHEDULED", "FINISHED"):
        run = client.create_run(first, run_name=status.lower(), start_time=1_700_000_000_000)
        id = run.info.run_id
        client.log_metric(id, "m", 1.0, timestamp=1_700_000_001_000, step=3)
        if status in ("RUNNING", "SCHEDULED"):
            client.update_run(id, status)
        else:
            client.set_terminated(id, status, end_time=1_700_000_100_000)
        if status == "FINISHED":
            client.delete_run(id)
    client.set_terminated(client.create_run(old, run_name="in deleted").info.run_id)
    client.delete_experiment(old)
    with mlflow.start_run(experiment_id=first, run_name="model"):
        mlflow.pyfunc.log_model(name="net", python_model=Echo(), registered_model_name="clf")
    client.update_registered_model("clf", description="A classifier")
    client.set_registered_model_tag("clf", "a", "b")
    source = client.get_run(parent.info.run_id).info.artifact_uri + "/notes"
    for number in (2, 3):
        version = client.create_model_version(
            "clf", source, run_id=parent.info.run_id, tags={"i": str(number)}
        )
    client.set_registered_model_alias("clf", "champion", version.version)
    client.transition_model_version_stage("clf", version.version, "Production")
    client.delete_model_version("clf", "2")
    history = client.get_metric_history(parent.info.run_id, "val/loss")
    return {
        "parent": parent.info.run_id,
        "experiment": first,
        "val/loss": [[point.step, point.timestamp, point.value] for point in history],
    }


if __name__ == "__main__":
    for uri, folder in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        print(json.dumps(write(uri, folder)))
