"""The public tutorial that monitors a Lightning CNN, on today's Lightning and made-up images."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.functional import accuracy

import epochal
from epochal.integrations.lightning import EpochalLogger
from tests.client.scripts import QUIET

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


class CartoonNet(pytorch_lightning.LightningModule):
    """Three convolutions and two layers for ten classes of 32 x 32 images."""

    def __init__(self) -> None:
        super().__init__()
        widths = [3, 8, 8, 8]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in itertools.pairwise(widths)
        )
        self.fc1 = nn.Linear(16 * 16 * 8, 32)
        self.fc2 = nn.Linear(32, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        for convolution in self.convolutions:
            images = functional.relu(convolution(images))
        flat = functional.max_pool2d(images, 2).flatten(1)
        return functional.log_softmax(self.fc2(functional.relu(self.fc1(flat))), dim=1)

    def evaluate(self, batch: Any, stage: str) -> torch.Tensor:
        images, labels = batch
        logits = self(images)
        loss = functional.nll_loss(logits, labels)
        acc = accuracy(logits.argmax(1), labels, task="multiclass", num_classes=10)
        self.log(f"{stage}_loss", loss, prog_bar=True)
        self.log(f"{stage}_acc", acc, prog_bar=True)
        return loss

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        return self.evaluate(batch, "train")

    def validation_step(self, batch: Any, index: int) -> None:
        self.evaluate(batch, "val")

    def test_step(self, batch: Any, index: int) -> None:
        self.evaluate(batch, "test")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters())


def test_a_cnn_is_monitored_with_init_and_a_bare_logger(home: Path) -> None:
    """`init(project=, entity=)`, then a logger without arguments, images and a matrix."""
    images = torch.rand(64, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(64) % 10
    loader = DataLoader(TensorDataset(images, labels), batch_size=32)
    settings = {**QUIET, "system_interval": 0}
    run = epochal.init(project="cartoons", entity="ana", settings=settings)
    run.log({"dataset": [epochal.Image(image.numpy().transpose(1, 2, 0)) for image in images[:4]]})
    logger: Any = EpochalLogger()
    trainer = pytorch_lightning.Trainer(
        accelerator="cpu",
        logger=logger,
        max_epochs=2,
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    net = CartoonNet()
    trainer.fit(net, loader, loader)
    trainer.test(net, loader, verbose=False)
    guesses = net(images).argmax(1).numpy()
    matrix = epochal.plot.confusion_matrix(y_true=labels.numpy(), preds=guesses)
    run.log({"confusion": matrix})
    run.finish()
    (found,) = epochal.runs("ana/cartoons")
    assert found.state == "finished"
    assert found.series("train_loss").step.tolist() == [0, 1, 2, 3]
    assert found.series("val_acc").step.tolist() == [1, 3]
    assert found.series("test_acc").step.tolist() == [4]
    assert np.isfinite(found.series("train_loss").value).all()
    assert found.series("epoch").value.tolist()[-1] == 2.0
    keys = {media.key for media in found.media_keys()}
    assert keys == {"dataset", "confusion", "model/graph"}
