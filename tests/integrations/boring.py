"""A Trainer, a model and data that take milliseconds, for either of Lightning's packages."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

FAMILIES = ["lightning.pytorch", "pytorch_lightning"]


def data(rows: int = 8) -> DataLoader[Any]:
    """Batches of two rows of four numbers."""
    return DataLoader(TensorDataset(torch.ones(rows, 4)), batch_size=2)


def model(family: str = FAMILIES[0], **hyperparameters: Any) -> Any:
    """One linear layer that logs ``train/loss`` and ``val/loss``, which fall by a tenth a step."""
    module = importlib.import_module(family)

    class Line(module.LightningModule):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)
            if hyperparameters:
                self.save_hyperparameters(hyperparameters)

        def loss(self, batch: Any) -> torch.Tensor:
            return self.layer(batch[0]).pow(2).mean()

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            loss = self.loss(batch)
            self.log("train/loss", loss)
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            self.log("val/loss", self.loss(batch))

        def test_step(self, batch: Any, index: int) -> None:
            self.log("test/loss", self.loss(batch))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), 0.01)

    return Line()


def trainer(logger: Any, family: str = FAMILIES[0], **more: Any) -> Any:
    """A Trainer that logs each step and prints nothing."""
    module = importlib.import_module(family)
    given = {
        "accelerator": "cpu",
        "max_epochs": 1,
        "log_every_n_steps": 1,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
    }
    return module.Trainer(logger=logger, **{**given, **more})
