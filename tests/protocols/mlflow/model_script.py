"""What `test_models` runs in a process of its own: log, register and load models as users do.

Prints one JSON object. Requirements are given: finding them out takes MLflow half a minute.
"""

from __future__ import annotations

import json
from typing import Any

import mlflow
import numpy as np
import torch
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

NET = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
X = np.ones((2, 4), dtype=np.float32)
Y = NET(torch.tensor(X)).detach().numpy()
COMMON: dict[str, Any] = {"signature": infer_signature(X, Y), "pip_requirements": ["torch"]}


def loads(uri: str) -> bool:
    """Whether a model comes back and says what it said before."""
    found = mlflow.pyfunc.load_model(uri).predict(X)
    return bool(np.allclose(found, Y, atol=1e-6))


def log_torch() -> dict[str, Any]:
    """The formats of PyTorch, in one run."""
    with mlflow.start_run() as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_metric("loss", 0.5)
        exported = mlflow.pytorch.log_model(
            NET, name="net", input_example=X, registered_model_name="classifier", **COMMON
        )
        scripted = mlflow.pytorch.log_model(
            torch.jit.script(NET), name="scripted", serialization_format="pickle", **COMMON
        )
    mlflow.MlflowClient().set_registered_model_alias("classifier", "champion", "1")
    uris = (
        exported.model_uri, scripted.model_uri, "models:/classifier/1",
        "models:/classifier@champion", "models:/classifier/latest", f"runs:/{run.info.run_id}/net",
    )  # fmt: skip
    model = mlflow.get_logged_model(exported.model_id)
    return {
        "run": run.info.run_id,
        "model": exported.model_id,
        "loads": {uri: loads(uri) for uri in uris},
        "params": model.params,
        "metrics": [[one.key, one.value, one.step] for one in model.metrics or ()],
        "history": len(mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")),
        "raw": type(mlflow.pytorch.load_model(scripted.model_uri)).__name__,
    }


def log_sklearn() -> dict[str, Any]:
    """A model without a run, twice; the second version is the newest."""
    for factor in (2.0, 3.0):
        fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, factor])
        made = mlflow.sklearn.log_model(
            fitted, name="line", registered_model_name="regressor", pip_requirements=["x"],
            input_example=np.array([[1.0]]),
        )  # fmt: skip
    found = mlflow.pyfunc.load_model("models:/regressor/2").predict(np.array([[2.0]]))
    return {"version": made.registered_model_version, "says": float(found[0])}


if __name__ == "__main__":
    mlflow.set_experiment("models")
    told: dict[str, Any] = {"torch": log_torch(), "sklearn": log_sklearn()}
    told["runs"] = [one.info.run_id for one in mlflow.search_runs(output_format="list")]
    told["found"] = sorted(one.name for one in mlflow.search_logged_models(output_format="list"))
    print(json.dumps(told))
