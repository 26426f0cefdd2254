"""The logger under Lightning's real Trainer and Fabric: what any logger must survive, and more."""

from __future__ import annotations

import argparse
import importlib
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import epochal
from epochal.domain.record import Media
from epochal.errors import InvalidInput
from tests.client.scripts import read_home, run_script
from tests.integrations import boring
from tests.integrations.loggers import Make, config, of_kind, points

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


# ------------------------------------------------------------------------------ the Trainer
def test_training_validating_and_testing_reach_one_run(
    family: str, make: Make, home: Path
) -> None:
    """A logger outlives `finalize`: every stage of a Trainer and what follows is in its run."""
    logger = make(project="mnist")
    module, trainer = boring.model(family), boring.trainer(logger, family, max_epochs=2)
    trainer.fit(module, boring.data(), boring.data())
    trainer.test(module, boring.data(), verbose=False)
    logger.log_metrics({"after": 1.0}, 8)
    assert [step for step, _ in points(home, "train/loss")] == list(range(8))
    assert [step for step, _ in points(home, "val/loss")] == [3, 7]
    assert [step for step, _ in points(home, "test/loss")] == [8]
    assert points(home, "after") == [(8, 1.0)]
    assert len(points(home, "epoch")) == 8 + 2 + 1
    assert [told.header.project for told in read_home(home)] == ["mnist"]


def test_both_packages_and_fabric_take_it_for_their_own(family: str, make: Make) -> None:
    """`isinstance` holds for the loggers' base classes that are loaded, in copies too."""
    logger = pickle.loads(pickle.dumps(make()))
    assert isinstance(logger, importlib.import_module(f"{family}.loggers").Logger)
    assert isinstance(logger, importlib.import_module("lightning.fabric.loggers").Logger)
    assert boring.trainer(logger, family).logger is logger


def test_a_constructor_creates_nothing(make: Make, home: Path) -> None:
    logger = make(project="later", config={"lr": 1})
    assert (logger.name, len(logger.version)) == ("later", 8)
    assert list(home.iterdir()) == []


def test_checkpoints_lie_below_name_and_version(family: str, make: Make, tmp_path: Path) -> None:
    """The paths are stable, safe, and those of the run."""
    logger = make(project="a/b", version="first")
    trainer = boring.trainer(logger, family)
    trainer.fit(boring.model(family), boring.data(), boring.data())
    folder = tmp_path / "a-b" / "first"
    assert logger.log_dir == str(folder)
    assert [path.suffix for path in (folder / "checkpoints").iterdir()] == [".ckpt"]
    assert (logger.experiment.project, logger.experiment.id) == ("a/b", "first")


def test_a_trial_run_logs_nothing(family: str, make: Make, home: Path) -> None:
    """`fast_dev_run` puts a dummy in the logger's place."""
    boring.trainer(make(), family, fast_dev_run=True).fit(
        boring.model(family), boring.data(), boring.data()
    )
    assert points(home, "train/loss") == []


def test_a_search_for_a_learning_rate_logs_nothing(family: str, make: Make, home: Path) -> None:
    """The tuner puts a dummy in the logger's place, and the logger back when it is done."""
    model, logger = boring.model(family, lr=0.01), make()
    trainer = boring.trainer(logger, family)
    tuner = importlib.import_module(f"{family}.tuner").Tuner(trainer)
    found = tuner.lr_find(model, boring.data(), num_training=5)
    assert len(found.results["lr"]) > 1
    assert (trainer.logger, points(home, "train/loss")) == (logger, [])
    trainer.fit(model, boring.data())
    assert [step for step, _ in points(home, "train/loss")] == [0, 1, 2, 3]


COMMAND = """
import importlib, sys
if sys.argv[2] == "ours":
    import epochal.integrations.lightning
from tests.integrations import boring
cli = importlib.import_module(sys.argv[1] + ".cli").LightningCLI
made = cli(
    type(boring.model(sys.argv[1])), save_config_callback=None, run=False,
    args=["--trainer.logger=epochal.integrations.lightning.EpochalLogger",
          "--trainer.logger.project=p", "--trainer.logger.log_model=all",
          "--trainer.max_epochs=1", "--trainer.log_every_n_steps=1",
          "--trainer.enable_progress_bar=false"],
)
made.trainer.fit(made.model, boring.data())
"""


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_lightnings_command_line_makes_the_logger(family: str, first: str, home: Path) -> None:
    """By the path of its class, whichever of the two was imported first."""
    root = str(Path(__file__).parents[2])
    done = run_script(COMMAND, home, timeout=120, arguments=[family, first], PYTHONPATH=root)
    assert done.returncode == 0, done.stderr
    (run,) = epochal.runs("p")
    assert (run.state, run.last_step) == ("finished", 3)
    assert len(list(run.artifacts())) == 1


def test_it_works_beside_other_loggers_and_monitors(family: str, make: Make, home: Path) -> None:
    loggers = importlib.import_module(f"{family}.loggers")
    callbacks = importlib.import_module(f"{family}.callbacks")
    both = [make(), loggers.CSVLogger("csv")]
    monitors = [callbacks.LearningRateMonitor(), callbacks.DeviceStatsMonitor(cpu_stats=False)]
    trainer = boring.trainer(both, family, callbacks=monitors)
    trainer.fit(boring.model(family), boring.data())
    assert {value for _, value in points(home, "lr-SGD")} == {0.01}


def test_the_modules_of_the_model_are_recorded_once(family: str, make: Make, home: Path) -> None:
    logger = make()
    for _ in range(2):
        boring.trainer(logger, family).fit(boring.model(family), boring.data())
    (graph,) = of_kind(home, Media)
    assert graph.key == "model/graph"
    assert graph.items[0].meta["spec"]["parameters"] == 5


def test_steps_that_repeat_and_go_back_are_kept(make: Make, home: Path) -> None:
    """Seed of many complaints: no point is dropped for its step."""
    logger = make()
    for step in (0, 5, 5, 2, None):
        logger.log_metrics({"a": 1.0}, step)
    assert [step for step, _ in points(home, "a")] == [0, 5, 5, 2, 5]


def test_fabric_logs_through_it(make: Make, home: Path) -> None:
    from lightning.fabric import Fabric

    logger: Any = make()
    fabric = Fabric(accelerator="cpu", devices=1, loggers=logger)
    fabric.log("loss", 0.5, step=3)
    fabric.log_dict({"acc": torch.tensor(0.25)}, step=4)
    assert (points(home, "loss"), points(home, "acc")) == ([(3, 0.5)], [(4, 0.25)])


# ---------------------------------------------------------------------------- what is logged
def test_odd_hyperparameters_are_told_as_well_as_they_can_be(make: Make, home: Path) -> None:
    """0-d tensors, functions, None, nested mappings, objects, NaN: nothing raises."""
    logger = make()
    odd = {"tensor": torch.tensor(3.0), "none": None, "call": print, "kind": dict, "array": [1]}
    logger.log_hyperparams({**odd, "nested": {"a": {"b": np.float32(0.5)}}, "set": {1}})
    logger.log_hyperparams(argparse.Namespace(lr=0.1, path=Path("data")), {"best": 0.9})
    logger.log_hyperparams(None)
    with pytest.warns(epochal.errors.EpochalWarning, match="hyperparameters"):
        logger.log_hyperparams("no mapping")
    found = config(home)
    assert (found["tensor"], found["none"], found["call"], found["kind"]) == (
        3.0, None, "print", "dict",
    )  # fmt: skip
    assert (found["nested"], found["lr"], found["path"]) == ({"a": {"b": 0.5}}, 0.1, "data")
    assert logger.experiment.summary["best"] == 0.9


def test_hyperparameters_of_the_module_are_the_config(family: str, make: Make, home: Path) -> None:
    module = boring.model(family, lr=0.1, layers=[1, 2])
    boring.trainer(make(), family).fit(module, boring.data())
    assert config(home) == {"lr": 0.1, "layers": [1, 2]}


def test_a_prefix_stands_before_every_key(make: Make, home: Path) -> None:
    logger = make(prefix="try")
    logger.log_metrics({"loss": 1.0}, 0)
    assert points(home, "try-loss") == [(0, 1.0)]


def test_images_and_tables_are_media_of_a_step(make: Make, home: Path) -> None:
    logger = make()
    images = [np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3, 3), np.uint8)]
    logger.log_image("seen", images, step=7, caption=["a", "b"])
    logger.log_table("guesses", ["x", "y"], [[1, 2]], step=8)
    logger.experiment.flush()
    seen, guesses = of_kind(home, Media)
    assert [item.meta["caption"] for item in seen.items] == ["a", "b"]
    assert (seen.step, guesses.step, guesses.items[0].kind) == (7, 8, "table")
    with pytest.raises(InvalidInput, match=r"write \[value\]"):
        logger.log_image("seen", images[0])  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="caption has 1"):
        logger.log_image("seen", images, caption=["a"])


def test_watching_waits_for_the_run(family: str, make: Make, home: Path) -> None:
    """`watch` before training creates nothing, and watches from the first step on."""
    logger, module = make(), boring.model(family)
    logger.watch(module, log_freq=1)
    assert list(home.iterdir()) == []
    boring.trainer(logger, family).fit(module, boring.data())
    logger.experiment.finish()
    keys = {fact.key for fact in of_kind(home, Media)}
    assert {"gradients/layer.weight", "gradients/layer.bias"} <= keys


def test_a_logger_used_after_the_end_of_its_run_goes_on_with_it(make: Make, home: Path) -> None:
    logger = make(config={"lr": 1})
    logger.log_metrics({"a": 1.0}, 0)
    version = logger.version
    epochal.finish()
    logger.log_metrics({"a": 2.0}, 1)
    assert logger.version == version
    first, second = read_home(home)
    assert {first.header.run_id, second.header.run_id} == {version}
    assert points(home, "a") == [(0, 1.0), (1, 2.0)]


def test_importing_the_logger_loads_no_lightning() -> None:
    code = (
        "import sys, epochal.integrations.lightning;"
        "print([n for n in ('lightning', 'pytorch_lightning', 'torch') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
