"""What `test_autolog_models` runs in a process of its own: models that autologging leaves behind.

Real trainings with MLflow's defaults: checkpoints on, models on. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import mlflow
import numpy as np
import pytorch_lightning as lightning  # the package of which MLflow knows how it stops early
import torch
from pytorch_lightning.callbacks import EarlyStopping
from sklearn.linear_model import LinearRegression
from torch.utils.data import DataLoader, TensorDataset

CLIENT = mlflow.MlflowClient()
X = torch.linspace(-1, 1, 32).reshape(8, 4)
Y = X.sum(1, keepdim=True)
DATA = DataLoader(TensorDataset(X, Y), 4)


class Line(lightning.LightningModule):
    """One linear layer that keeps what it was after each epoch.

    Args:
        width: inputs.
        rate: of learning.
    """

    def __init__(self, width: int = 4, rate: float = 0.1) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(width, 1)
        self.past: list[list[float]] = []

    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(x)

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        return self._loss(batch, "train_loss")

    def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
        self._loss(batch, "val_loss")

    def on_train_epoch_end(self) -> None:
        self.past.append(weights(self))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=float(self.hparams["rate"]))

    def _loss(self, batch: list[torch.Tensor], name: str) -> torch.Tensor:
        x, y = batch
        loss = ((self(x) - y) ** 2).mean()
        self.log(name, loss, on_step=False, on_epoch=True)
        return loss


def weights(net: torch.nn.Module) -> list[float]:
    """All weights of a module."""
    return [value for one in net.parameters() for value in one.detach().flatten().tolist()]


def fit(epochs: int, *callbacks: lightning.Callback) -> Line:
    """A module after a training with Lightning's real Trainer."""
    net = Line()
    trainer = lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", enable_progress_bar=False, logger=False,
        enable_model_summary=False, callbacks=list(callbacks), log_every_n_steps=1,
        default_root_dir=sys.argv[1],
    )  # fmt: skip
    trainer.fit(net, DATA, DATA)
    return net


def files(uid: str, path: str = "") -> list[str]:
    """All files of a run."""
    found: list[str] = []
    for one in CLIENT.list_artifacts(uid, path):
        found += files(uid, one.path) if one.is_dir else [one.path]
    return found


def each_epoch() -> dict[str, Any]:
    """A checkpoint after each epoch, the last and an earlier one loaded; and the model."""
    mlflow.pytorch.autolog(checkpoint_save_best_only=False, registered_model_name="line")
    with mlflow.start_run() as run:
        net = fit(3)
    uid = run.info.run_id
    loaded = mlflow.pytorch.load_model("models:/line/1")
    return {
        "run": uid,
        "files": files(uid),
        "checkpoints": [
            weights(mlflow.pytorch.load_checkpoint(Line, uid, epoch=epoch)) == net.past[epoch]
            for epoch in range(3)
        ],
        "last": weights(mlflow.pytorch.load_checkpoint(Line, uid)) == weights(net),
        "model": weights(mlflow.pytorch.load_model(f"runs:/{uid}/model")) == weights(net),
        "registered": weights(loaded) == weights(net),
        "hyper": [loaded.hparams["width"], loaded.hparams["rate"]],
        "params": CLIENT.get_run(uid).data.params["optimizer_name"],
    }


def best_only() -> dict[str, Any]:
    """MLflow's defaults: the best epoch's checkpoint, the model, and what stopping early tells."""
    mlflow.pytorch.autolog()
    with mlflow.start_run() as run:
        net = fit(6, EarlyStopping("val_loss", min_delta=1e9, patience=2))
    uid = run.info.run_id
    found = CLIENT.get_run(uid)
    told = json.loads(mlflow.artifacts.load_text(
        f"runs:/{uid}/checkpoints/latest_checkpoint_metrics.json"
    ))  # fmt: skip
    best = mlflow.pytorch.load_checkpoint(Line, uid)
    mlflow.pytorch.autolog(disable=True)
    return {
        "files": files(uid),
        "best": weights(best) == net.past[told["epoch"]],
        "stopped": [found.data.metrics[name] for name in ("stopped_epoch", "restored_epoch")],
        "patience": found.data.params["patience"],
        "points": len(CLIENT.get_metric_history(uid, "val_loss")),
        "models": [one.name for one in CLIENT.search_logged_models([found.info.experiment_id])
                   if one.source_run_id == uid],
    }  # fmt: skip


def scikit() -> dict[str, Any]:
    """scikit-learn's autologging with its model, dataset, signature and what came after."""
    mlflow.sklearn.autolog(log_input_examples=True, log_model_signatures=True)
    x = np.array([[float(i), float(i % 3)] for i in range(12)])
    with mlflow.start_run() as run:
        fitted = LinearRegression().fit(x, x.sum(1))
        fitted.score(x, x.sum(1))
    mlflow.sklearn.autolog(disable=True)
    uri = f"runs:/{run.info.run_id}/model"
    found = CLIENT.get_run(run.info.run_id)
    loaded = mlflow.pyfunc.load_model(uri)
    return {
        "says": loaded.predict(x[:2]).tolist(),
        "class": type(mlflow.sklearn.load_model(uri)).__name__,
        "example": np.asarray(loaded.input_example).shape[1],
        "scored": [name for name in found.data.metrics if name.startswith("LinearRegression_sco")],
        "fit": found.data.params["fit_intercept"],
        "datasets": len(found.inputs.dataset_inputs) if found.inputs else 0,
    }


if __name__ == "__main__":
    torch.manual_seed(0)
    mlflow.set_experiment("autolog")
    print(json.dumps({"each": each_epoch(), "best": best_only(), "scikit": scikit()}))
