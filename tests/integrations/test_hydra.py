"""Configs of the real Hydra and OmegaConf: what a program was started with is what is recorded."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

import epochal
from epochal.integrations.lightning import EpochalLogger
from tests.client.scripts import PRELUDE, QUIET, run_script

CONFIG = """
optim: {name: adam, lr: 0.1, betas: [0.9, 0.99]}
model: {width: 32, layers: [{size: 8}, {size: 16}]}
twice: ${times:${model.width},2}
out: ???
seed: 7
"""

PROGRAM = """
import hydra
from omegaconf import DictConfig, OmegaConf
OmegaConf.register_new_resolver("times", lambda one, other: one * other)

@hydra.main(version_base=None, config_path=".", config_name="conf")
def main(cfg: DictConfig) -> None:
    with epochal.init(project="p", config=cfg, settings=QUIET) as run:
        for step in range(3):
            run.log({"loss": cfg.optim.lr / (step + 1)})

main()
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program with its configuration beside it, as Hydra wants them."""
    (tmp_path / "conf.yaml").write_text(CONFIG)
    path = tmp_path / "train.py"
    path.write_text(PRELUDE + PROGRAM)
    return path


def start(program: Path, home: Path, *overrides: str) -> None:
    source = "import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
    where = f"hydra.run.dir={program.parent / 'outputs'}"
    sweep = f"hydra.sweep.dir={program.parent / 'multirun'}"
    done = run_script(source, home, arguments=[str(program), *overrides, where, sweep])
    assert done.returncode == 0, done.stderr


def test_a_program_of_hydra_records_its_config(program: Path, home: Path) -> None:
    """Overrides, lists, what refers to other values; what is missing is None."""
    start(program, home, "optim.lr=0.5", "+extra.note=hello")
    (run,) = epochal.runs("p")
    assert run.config == {
        "optim": {"name": "adam", "lr": 0.5, "betas": [0.9, 0.99]},
        "model": {"width": 32, "layers": [{"size": 8}, {"size": 16}]},
        "twice": 64,
        "out": None,
        "seed": 7,
        "extra": {"note": "hello"},
    }
    assert run.series("loss").value.tolist() == [0.5, 0.25, 0.5 / 3]
    assert [found.id for found in epochal.runs("p", where="config.optim.lr == 0.5")] == [run.id]


def test_each_job_of_a_multirun_is_a_run(program: Path, home: Path) -> None:
    """All of them in one process, one after the other."""
    start(program, home, "--multirun", "optim.lr=0.1,0.2", "seed=1,2")
    told = [(run.config["optim"]["lr"], run.config["seed"]) for run in epochal.runs("p")]
    assert sorted(told) == [(0.1, 1), (0.1, 2), (0.2, 1), (0.2, 2)]
    assert {run.state for run in epochal.runs("p")} == {"finished"}


def test_hyperparameters_of_lightning_may_be_a_config(home: Path) -> None:
    """As `save_hyperparameters` gives them to a logger."""
    config = OmegaConf.create({"lr": 0.1, "net": {"widths": [4, 8]}, "same": "${lr}"})
    logger = EpochalLogger(project="p", settings=QUIET)
    logger.log_hyperparams(config)
    logger.experiment.config.update(OmegaConf.create({"net": {"depth": 2}}))
    logger.experiment.finish()
    (run,) = epochal.runs("p")
    assert run.config == {"lr": 0.1, "net": {"depth": 2}, "same": 0.1}
