"""What `test_autologging` runs in a process of its own: the ways of logging that need no calls.

Prints one JSON object.
"""

from __future__ import annotations

import json
import time
from typing import Any

import lightning
import mlflow
import numpy as np
import torch
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GridSearchCV
from torch.utils.data import DataLoader, TensorDataset

CLIENT = mlflow.MlflowClient()


class Line(lightning.LightningModule):
    """One linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        x, y = batch
        loss = ((self.layer(x) - y) ** 2).mean()
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


def lightning_run() -> dict[str, Any]:
    """Three epochs with autologging; no call of mlflow inside."""
    mlflow.pytorch.autolog(log_models=False, checkpoint=False)
    data = DataLoader(TensorDataset(torch.randn(16, 4), torch.randn(16, 1)), 8)
    with mlflow.start_run() as run:
        trainer = lightning.Trainer(
            max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(Line(), data)
    mlflow.pytorch.autolog(disable=True)
    found = CLIENT.get_run(run.info.run_id)
    return {
        "status": found.info.status,
        "params": [found.data.params["optimizer_name"], found.data.params["lr"]],
        "points": len(CLIENT.get_metric_history(run.info.run_id, "train_loss")),
        "files": [one.path for one in CLIENT.list_artifacts(run.info.run_id)],
    }


def sklearn_run() -> dict[str, Any]:
    """A search over two settings: a parent and its children."""
    mlflow.sklearn.autolog(log_models=False)
    x = np.array([[float(i), float(i % 3)] for i in range(12)])
    with mlflow.start_run() as run:
        grid = {"max_depth": [1, 2]}
        GridSearchCV(RandomForestRegressor(n_estimators=2), grid, cv=2).fit(x, np.arange(12.0))
    mlflow.sklearn.autolog(disable=True)
    found = CLIENT.get_run(run.info.run_id)
    parent = f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
    children = CLIENT.search_runs([found.info.experiment_id], parent)
    return {
        "metric": "best_cv_score" in found.data.metrics,
        "datasets": len(found.inputs.dataset_inputs) if found.inputs else 0,
        "depths": sorted(one.data.params["max_depth"] for one in children),
    }


def quiet_run() -> dict[str, Any]:
    """System metrics, and values that are sent in the background."""
    mlflow.set_system_metrics_sampling_interval(0.1)
    mlflow.set_system_metrics_samples_before_logging(1)
    with mlflow.start_run(log_system_metrics=True) as run:
        for step in range(50):
            mlflow.log_metrics({"a": step, "b": -step}, step=step, synchronous=False)
        sent = mlflow.log_params({"p": 1}, synchronous=False)
        assert sent is not None
        sent.wait()
        mlflow.flush_async_logging()
        deadline = time.monotonic() + 60
        while not _system(run.info.run_id) and time.monotonic() < deadline:
            time.sleep(0.1)
    found = CLIENT.get_run(run.info.run_id).data
    return {
        "system": len(_system(run.info.run_id)) > 3,
        "points": len(CLIENT.get_metric_history(run.info.run_id, "a")),
        "last": [found.metrics["a"], found.metrics["b"], found.params["p"]],
    }


def _system(uid: str) -> list[str]:
    return [key for key in CLIENT.get_run(uid).data.metrics if key.startswith("system/")]


if __name__ == "__main__":
    mlflow.set_experiment("autolog")
    told = {"lightning": lightning_run(), "sklearn": sklearn_run(), "quiet": quiet_run()}
    print(json.dumps(told))
