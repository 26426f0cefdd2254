"""What a script with several ranks does; spawned children import it by name."""

from __future__ import annotations

import os
from typing import Any

import torch
from lightning.pytorch import LightningModule

from tests.integrations import boring


class Line(LightningModule):
    """A layer at the top level of a module, so that it can be pickled."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        loss = self.layer(batch[0]).pow(2).mean()
        self.log("train/loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def main(strategy: str, logger: Any) -> None:
    """Train on two ranks, then go on in this process."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    version = logger.version
    trainer = boring.trainer(logger, strategy=strategy, devices=2)
    trainer.fit(Line(), boring.data())
    assert logger.version == version
    logger.log_metrics({"after": 1.0}, 9)
