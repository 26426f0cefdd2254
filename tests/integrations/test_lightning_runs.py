"""Which run a Lightning logger writes to: one that is there, its own, another process's."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import epochal
from epochal.integrations.binding import Quiet
from tests.client.scripts import QUIET, Told, read_home
from tests.integrations import boring
from tests.integrations.loggers import Make, commits, points

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


def test_a_run_that_was_started_before_is_gone_on_with(make: Make, home: Path) -> None:
    """`epochal.init`, then a Trainer: one run."""
    with epochal.init(project="mine", settings=QUIET) as run:
        logger = make()
        assert logger.experiment is run
        assert (logger.name, logger.version) == ("mine", run.id)
        other = make(project="another")
        assert other.experiment is not run
    assert make().experiment is not run


def test_a_run_that_was_started_after_the_logger_is_gone_on_with(make: Make) -> None:
    logger = make()
    run = epochal.init(project="mine", settings=QUIET)
    assert logger.experiment is run


def test_each_logger_has_its_own_run_and_the_one_before_ends(make: Make, home: Path) -> None:
    """Five folds are five runs; a finished fold does not stay open until the process ends."""
    folds = [make(project="folds") for _ in range(3)]
    for fold, logger in enumerate(folds):
        logger.log_metrics({"fold": fold}, 0)
        logger.finalize("success")
    told = read_home(home)
    assert len({one.header.run_id for one in told}) == 3
    assert [one.finish is not None for one in told] == [True, True, False]
    folds[0].log_metrics({"fold": 9}, 1)
    assert points(home, "fold") == [(0, 0), (0, 1), (0, 2), (1, 9)]


def test_an_id_that_exists_is_gone_on_with(make: Make, home: Path) -> None:
    for step in range(2):
        logger = make(version="again")
        logger.log_metrics({"a": float(step)}, step)
        logger.experiment.finish()
    assert {told.header.run_id for told in read_home(home)} == {"again"}
    assert [told.header.resumed for told in read_home(home)] == [False, True]


def test_copies_write_to_the_same_run(make: Make, home: Path) -> None:
    """Pickled before or after the run began, or copied: the version is the same."""
    early = make()
    copies = [pickle.loads(pickle.dumps(early)), copy.deepcopy(early)]
    early.log_metrics({"a": 1.0}, 0)
    copies += [pickle.loads(pickle.dumps(early))]
    for number, logger in enumerate(copies):
        logger.log_metrics({"a": 1.0}, number + 1)
    assert {logger.version for logger in copies} == {early.version}
    assert len(read_home(home)) == 1
    assert [step for step, _ in points(home, "a")] == [0, 1, 2, 3]


def test_other_ranks_write_nothing(
    make: Make, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lightning.fabric.utilities.rank_zero import rank_zero_only  # where it gets its rank

    monkeypatch.setattr(rank_zero_only, "rank", 1)
    logger = make(log_model="all")
    assert isinstance(logger.experiment, Quiet)
    assert logger.experiment.something(foo="bar") is None
    logger.experiment[0][1] = 1
    logger.log_metrics({"a": 1.0}, 0)
    logger.log_hyperparams({"a": 1})
    logger.log_graph(boring.model())
    logger.log_image("i", [np.zeros((2, 2))])
    logger.log_table("t", ["x"], [[1]])
    logger.after_save_checkpoint(object())
    logger.finalize("success")
    assert list(home.iterdir()) == []


LAUNCH = """
import sys
import torch
from epochal.integrations.lightning import EpochalLogger
from tests.client.scripts import QUIET
from tests.integrations import launched

if __name__ == "__main__":
    launched.main(sys.argv[1], EpochalLogger(project="p", settings=QUIET, log_model=True))
"""


@pytest.mark.parametrize("start", ["ddp_spawn", "ddp_fork"])
def test_ranks_of_one_trainer_share_one_run(start: str, home: Path, tmp_path: Path) -> None:
    """Rank 0 records in its process; the parent and later stages go on with the same run."""
    script = tmp_path / "train.py"
    script.write_text(LAUNCH)
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, str(script), start],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert done.returncode == 0, done.stderr
    told = read_home(home)
    assert len({one.header.run_id for one in told}) == 1
    assert [step for step, _ in points(home, "train/loss")] == [0, 1]
    assert points(home, "after") == [(9, 1.0)]
    assert len(commits(home)) == 1
    assert [_state(one) for one in told] == ["finished"] * len(told)


def _state(told: Told) -> str | None:
    return told.finish.state if told.finish else "unfinished"
