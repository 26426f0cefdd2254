"""Trainers end when somebody asks the run to stop: each would go on for ever."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch

import epochal
from epochal.domain.names import run_uid
from epochal.domain.run import StopRequest
from epochal.journal.home import run_directory
from epochal.journal.stop import write_stop
from tests.client.scripts import QUIET, run_script
from tests.integrations import boring

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
FOR_EVER = 10**7


@pytest.fixture
def asked(home: Path) -> epochal.Run:
    """A live run that somebody asked to stop."""
    run = epochal.init(project="tests", id="r", settings=QUIET)
    write_stop(run_directory(home, run_uid("local", "tests", "r")), StopRequest(1, "anna"))
    return run


def ended(run: epochal.Run) -> None:
    run.finish()
    assert run.state == "killed"


@pytest.mark.parametrize("family", boring.FAMILIES)
def test_lightning_ends_its_fit(family: str, asked: epochal.Run, tmp_path: Path) -> None:
    importlib.import_module(family)
    module = importlib.import_module("epochal.integrations.lightning")
    logger = module.EpochalLogger(save_dir=tmp_path)
    callbacks = [logger.stop_callback()]
    trainer = boring.trainer(logger, family, max_epochs=FOR_EVER, callbacks=callbacks)
    trainer.fit(boring.model(family), boring.data())
    assert trainer.should_stop
    ended(asked)


def test_transformers_end_their_training(asked: epochal.Run, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    module = importlib.import_module("epochal.integrations.transformers")

    class Line(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)

        def forward(self, x: torch.Tensor, labels: Any = None) -> dict[str, torch.Tensor]:
            return {"loss": self.layer(x).pow(2).mean()}

    given = transformers.TrainingArguments(
        str(tmp_path), max_steps=FOR_EVER, report_to=[], disable_tqdm=True, save_strategy="no",
        use_cpu=True, logging_steps=100_000,
    )  # fmt: skip
    rows = [{"x": torch.ones(4), "labels": torch.ones(1)} for _ in range(8)]
    trainer = transformers.Trainer(
        Line(), given, train_dataset=rows, callbacks=[module.EpochalCallback()]
    )
    trainer.train()
    assert trainer.state.global_step < FOR_EVER
    ended(asked)


KERAS = """
import numpy as np
import keras
from pathlib import Path
from epochal.domain.run import StopRequest
from epochal.integrations.keras import EpochalCallback
from epochal.journal.stop import write_stop
model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
model.compile(loss="mse")
x, y = np.ones((8, 4), "float32"), np.ones((8, 1), "float32")
with epochal.init(project="p", settings=QUIET) as run:
    write_stop(Path(run.dir), StopRequest(1, "anna"))
    model.fit(x, y, epochs=10**7, verbose=0, callbacks=[EpochalCallback()])
"""


def test_keras_ends_its_fit(home: Path) -> None:
    done = run_script(KERAS, home, timeout=120, KERAS_BACKEND="torch", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 0, done.stderr
    assert epochal.runs("p")[0].state == "killed"


def test_ignite_terminates_its_engine(asked: epochal.Run) -> None:
    engines = pytest.importorskip("ignite.engine")
    module = importlib.import_module("epochal.integrations.ignite")
    engine = engines.Engine(lambda engine, batch: batch)
    module.EpochalLogger().attach_stop(engine)
    engine.run(range(10), max_epochs=FOR_EVER)
    assert engine.state.epoch < FOR_EVER
    ended(asked)
