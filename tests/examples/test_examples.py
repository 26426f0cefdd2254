"""Every example runs as its user would run it, and leaves the run that it promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import epochal

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(name: str, home: Path, cwd: Path, *words: str) -> str:
    environment = {**os.environ, "EPOCHAL_HOME": str(home)}
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_every_example_has_a_test_here() -> None:
    """A new example cannot stay untested."""
    here = Path(__file__).read_text()
    assert [p.name for p in EXAMPLES.glob("*.py") if f'"{p.name}"' not in here] == []


def test_the_quickstart_records_every_step(home: Path, tmp_path: Path) -> None:
    run_example("quickstart.py", home, tmp_path)
    (run,) = epochal.runs("quickstart", home=home)
    assert run.state == "finished"
    assert run.summary["steps"] == 200
    assert run.config["lr"] == 0.01
    assert run.history(keys=["loss"]).steps.tolist() == list(range(200))


def test_the_plain_loop_learns_the_digits(home: Path, tmp_path: Path) -> None:
    """Real images, real learning: far above the 10 % of guessing."""
    run_example("train_cnn.py", home, tmp_path)
    (run,) = epochal.runs("digits", home=home)
    assert run.summary["val/acc"] > 0.8


def test_a_resumed_run_is_one_run_with_each_step_once(home: Path, tmp_path: Path) -> None:
    """Steps 30 to 34 were logged by both jobs; the view by step holds each of them once."""
    run_example("resume.py", home, tmp_path)
    (run,) = epochal.runs("resume", home=home)
    assert run.id == "resume-example"
    history = run.history(keys=["loss"])
    assert history.steps.tolist() == list(range(60))
    assert history["loss"][-1] == pytest.approx(0.0, abs=1e-3)


def test_the_search_ends_with_the_best_trial_and_its_repeats(home: Path, tmp_path: Path) -> None:
    """Three agents share the trials; a momentum is only there where the optimizer has one."""
    assert "again:" in run_example("sweep_digits.py", home, tmp_path, "4")
    runs = epochal.runs("digits", home=home)
    assert len(runs) == 4 + 3
    assert all(("momentum" in run.config) == (run.config["optimizer"] == "sgd") for run in runs)
