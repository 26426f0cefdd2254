"""What MLflow's users do all day with its fluent API; the address is in the environment.

Prints what was read back as JSON, a line for each part.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient

STEP = re.compile(r"step\W(\d+)")


class Double(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
    """Doubles what it gets."""

    def predict(self, model_input: list[float]) -> list[float]:
        """Twice the input."""
        return [2 * value for value in model_input]


def experiment(client: Any) -> Any:
    """Tags of an experiment, several at once."""
    mlflow.set_experiment("daily")
    mlflow.set_experiment_tags({"team": "vision", "year": 2026})
    found = client.get_experiment_by_name("daily")
    client.delete_experiment_tag(found.experiment_id, "year")
    return [found.tags, client.get_experiment(found.experiment_id).tags]


def images(client: Any) -> Any:
    """Images of several steps, and one under its own name."""
    with mlflow.start_run() as run:
        for step in range(3):
            mlflow.log_image(np.full((8, 8, 3), 50 * step, np.uint8), key="dog", step=step)
        mlflow.log_image(np.zeros((4, 4), np.uint8), "plain.png")
        mlflow.flush_artifact_async_logging()
    uid = run.info.run_id
    names = [Path(one.path).name for one in client.list_artifacts(uid, "images")]
    steps = sorted({found[1] for name in names if (found := STEP.search(name))})
    fetched = mlflow.artifacts.download_artifacts(run_id=uid, artifact_path="images")
    plain = mlflow.artifacts.load_image(f"{run.info.artifact_uri}/plain.png")
    return [len(names), steps, len(list(Path(fetched).iterdir())), plain.size]


def tables(client: Any) -> Any:
    """A table that grows, and one of images."""
    with mlflow.start_run() as run:
        mlflow.log_table({"a": [1, 2], "b": ["x", "y"]}, "t.json")
        mlflow.log_table(pd.DataFrame({"a": [3], "b": ["z"]}), "t.json")
        mlflow.log_table({"i": [mlflow.Image(np.zeros((4, 4, 3), np.uint8))]}, "i.json")
    read = mlflow.load_table("t.json", run_ids=[run.info.run_id], extra_columns=["run_id"])
    tag = client.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"]
    return [list(read["a"]), set(read["run_id"]) == {run.info.run_id}, json.loads(tag)]


def datasets(client: Any) -> Any:
    """Datasets as inputs, one of them of a metric."""
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]})
    data: Any = mlflow.data
    first = data.from_pandas(frame, source="https://x/y.csv", name="frame", targets="y")
    second = data.from_numpy(np.zeros((3, 2)), targets=np.zeros(3), name="array")
    with mlflow.start_run() as run:
        mlflow.log_input(first, context="training", tags={"k": "v"})
        mlflow.log_inputs([second], contexts=["eval"], tags_list=[None])
        mlflow.log_metric("acc", 1.0, dataset=first, step=1)
    inputs = client.get_run(run.info.run_id).inputs.dataset_inputs
    (of_frame,) = [one.dataset for one in inputs if one.dataset.name == "frame"]
    found = client.search_runs([run.info.experiment_id], "dataset.name = 'array'")
    names = sorted(one.dataset.name for one in inputs)
    return [names, data.get_source(of_frame).url, len(found)]


def behind(client: Any) -> Any:
    """Logging behind the script's back is whole after a flush."""
    with mlflow.start_run() as run:
        for step in range(200):
            mlflow.log_metric("m", step, step=step, synchronous=False)
        mlflow.log_params({"p": 1}, synchronous=False)
        mlflow.set_tags({"t": "x"}, synchronous=False)
        mlflow.flush_async_logging()
        data = client.get_run(run.info.run_id).data
    points = client.get_metric_history(run.info.run_id, "m")
    return [len(points), data.params, data.tags["t"]]


def threads(client: Any) -> Any:
    """Nested runs in two threads know their parents."""
    parents: dict[str, str] = {}

    def work(number: int) -> None:
        with mlflow.start_run(run_name=f"outer {number}") as outer:
            for at in range(3):
                with mlflow.start_run(run_name=f"inner {number}.{at}", nested=True) as inner:
                    mlflow.log_metric("m", at)
                parents[inner.info.run_id] = outer.info.run_id

    both = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    right = [client.get_parent_run(uid).info.run_id == parent for uid, parent in parents.items()]
    states = {client.get_run(uid).info.status for uid in parents}
    return [len(right), all(right), sorted(states)]


def models(client: Any) -> Any:
    """A model is found by its metric, copied to another name, renamed, and loads everywhere."""
    with mlflow.start_run():
        made = mlflow.pyfunc.log_model(
            name="m", python_model=Double(), registered_model_name="daily", params={"lr": 1}
        )
        mlflow.log_metric("acc", 0.9, model_id=made.model_id)
    found = mlflow.search_logged_models(filter_string="metrics.acc > 0.5", output_format="list")
    mlflow.set_logged_model_tags(made.model_id, {"stage": "new"})
    mlflow.log_model_params({"depth": "3"}, model_id=made.model_id)
    told = mlflow.get_logged_model(made.model_id)
    client.set_registered_model_alias("daily", "best", "1")
    copies = [
        client.copy_model_version(source, "copied").version
        for source in ("models:/daily@best", "models:/daily/1")
    ]
    client.rename_registered_model("copied", "renamed")
    outside = mlflow.create_external_model(name="outside", params={"a": "b"})
    loaded = [
        mlflow.pyfunc.load_model(uri).predict([1.0, 2.0])
        for uri in ("models:/renamed/2", "models:/renamed/latest", f"models:/{made.model_id}")
    ]
    return [
        [one.model_id == made.model_id for one in found], told.tags["stage"], told.params, copies,
        loaded, str(outside.status),
    ]  # fmt: skip


PARTS: tuple[Callable[[Any], Any], ...] = (
    experiment, images, tables, datasets, behind, threads, models,
)  # fmt: skip

if __name__ == "__main__":
    for part in PARTS:
        print(json.dumps({part.__name__: part(MlflowClient())}))
