"""fastai's learner, in a process of its own.

Its requirements name a torchvision that may replace the torch of these tests, so that it lies
without them in ``fastai`` of the environment, where `make test` puts it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import epochal
from tests.client.scripts import run_script

LIBRARY = Path(sys.prefix) / "fastai"

SCRIPT = """
import torch
from epochal.integrations.fastai import EpochalCallback
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.metrics import mae
x = torch.linspace(-1, 1, 64)[:, None]
data = [(one, 2 * one) for one in x]
loaders = DataLoaders(DataLoader(data, bs=16), DataLoader(data, bs=32))
callback = EpochalCallback(batches=2, project="p", settings=QUIET)
learner = Learner(loaders, torch.nn.Linear(1, 1), loss_func=torch.nn.MSELoss(), metrics=mae,
                  lr=0.25, cbs=callback)
learner.fit(3)
learner.get_preds()
assert callback.epochal_run.state == "running"
"""


def test_epochs_batches_and_the_optimizer_are_recorded(home: Path) -> None:
    if not LIBRARY.is_dir() and not os.environ.get("CI"):
        pytest.skip("fastai is not installed; `make test` installs it")
    done = run_script(SCRIPT, home, timeout=120, PYTHONPATH=str(LIBRARY), CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 0, done.stderr
    (found,) = epochal.runs("p")
    assert found.state == "finished"
    assert found.series("train/loss").step.tolist() == [0, 1, 2]
    assert found.series("val/loss").value[-1] < found.series("val/loss").value[0]
    assert len(found.series("val/mae")) == 3
    assert found.series("batch/loss").step.tolist() == [2, 4, 6, 8, 10, 12]
    assert found.series("learning_rate").value.tolist() == [0.25] * 6
    assert (found.config["parameters"], found.config["epochs"]) == (2, 3)
    assert (found.config["loss"], found.config["optimizer"]) == ("MSELoss", "Adam")
