"""What `test_second` runs with another client: the core of what people do with MLflow.

Prints one JSON object.
"""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

MAJOR: str = str(mlflow.__version__).split(".", maxsplit=1)[0]
NAME = f"double-{MAJOR}"


class Double(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined, misc]
    """Twice what comes in."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        """See MLflow."""
        return [2 * value for value in model_input]


def refused(*arguments: Any) -> str:
    """The error code of logging a param again."""
    try:
        mlflow.log_param(*arguments)
    except MlflowException as error:
        return str(error.error_code)
    return ""


def track() -> dict[str, Any]:
    """Experiments, runs, metrics, params, tags, nested runs, artifacts."""
    mlflow.set_experiment(f"second-{MAJOR}")
    with mlflow.start_run(run_name="outer") as outer:
        mlflow.log_params({"lr": 0.1, "depth": 3})
        mlflow.set_tag("kind", "two")
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"acc": 0.5, "bad": math.nan}, step=4)
        mlflow.log_text("hello", "notes/hello.txt")
        code = refused("lr", 0.2)
        with mlflow.start_run(nested=True, run_name="inner"):
            mlflow.log_metric("loss", 9.0)
    client = mlflow.MlflowClient()
    client.log_batch(
        outer.info.run_id, metrics=[Metric("many", i, 1000 + i, i) for i in range(99)]
    )
    found = mlflow.search_runs(filter_string="params.depth = '3'", output_format="list")
    with tempfile.TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts(
            run_id=outer.info.run_id, artifact_path="notes/hello.txt", dst_path=folder
        )
        text = Path(path).read_text()
    run = client.get_run(outer.info.run_id)
    return {
        "run": run.info.run_id, "status": run.info.status, "params": run.data.params,
        "loss": run.data.metrics["loss"], "nan": math.isnan(run.data.metrics["bad"]),
        "history": [m.value for m in client.get_metric_history(run.info.run_id, "loss")],
        "many": len(client.get_metric_history(run.info.run_id, "many")),
        "found": [one.info.run_name for one in found], "text": text, "refused": code,
        "files": [one.path for one in client.list_artifacts(run.info.run_id, "notes")],
    }  # fmt: skip


def register() -> dict[str, Any]:
    """A model logged, registered, named and loaded."""
    with mlflow.start_run():
        made = mlflow.pyfunc.log_model(
            "double", python_model=Double(), registered_model_name=NAME, pip_requirements=[]
        )
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(NAME, "champion", "1")
    client.transition_model_version_stage(NAME, "1", "Production")
    loaded = [
        list(mlflow.pyfunc.load_model(uri).predict([1, 2]))
        for uri in (made.model_uri, f"models:/{NAME}/1", f"models:/{NAME}@champion",
                    f"models:/{NAME}/Production")
    ]  # fmt: skip
    version = client.get_model_version_by_alias(NAME, "champion")
    return {
        "loaded": loaded,
        "stage": version.current_stage,
        "version": version.version,
        "name": NAME,
    }


if __name__ == "__main__":
    told = {"client": mlflow.__version__, "file": mlflow.__file__}
    print(json.dumps({**told, "track": track(), "register": register()}))
