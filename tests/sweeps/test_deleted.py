"""A sweep that is deleted while its trials run: they go on, and their agents go home."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.domain.sweep import Orders
from epochal.errors import NotFound
from epochal.sweeps import ActiveTrial, agent, list_sweeps, open_sweep, sweep
from epochal.sweeps.desk import Desk

CONFIG = {"method": "random", "metric": "loss", "parameters": {"x": {"min": 0.0, "max": 1.0}}}
PROGRAM = """
import os, pathlib, sys, time, epochal
place = pathlib.Path(sys.argv[0]).parent
with epochal.init() as run:
    (place / f"begun-{os.getpid()}").touch()
    while not (place / "go").exists():
        time.sleep(0.05)
    run.log({"loss": 2.0})
"""


def runs() -> list[Any]:
    return list(epochal.connect().runs("p"))


def test_a_function_goes_on_and_its_run_stays(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Beats that nobody knows any more are no order to end."""
    monkeypatch.setattr("epochal.sweeps.beating.BEAT_S", 0.05)
    refused = threading.Semaphore(0)
    beat = Desk.beat

    def watched(self: Desk, held: Any) -> Orders:
        try:
            return beat(self, held)
        except NotFound:
            refused.release()
            raise

    monkeypatch.setattr(Desk, "beat", watched)
    sweep_id = sweep(CONFIG, project="p")

    def train() -> None:
        with epochal.init() as run:
            open_sweep(sweep_id).delete()
            assert all(refused.acquire(timeout=60) for _ in range(3))
            assert not run.should_stop
            run.log({"loss": 1.0})

    assert agent(sweep_id, train) == 1
    assert list_sweeps() == []
    assert [(run.state, run.summary["loss"]) for run in runs()] == [("finished", 1.0)]
    said = capfd.readouterr().err
    assert f"sweep {sweep_id} was deleted; the run of trial 0 stays" in said
    assert f"sweep {sweep_id} was deleted; the agent goes home" in said


def test_programs_go_on_and_all_agents_of_a_machine_go_home(
    home: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    (tmp_path / "train.py").write_text(PROGRAM)
    sweep_id = sweep({**CONFIG, "program": str(tmp_path / "train.py")}, project="p")
    command = [sys.executable, "-m", "epochal", "sweep", "agent", sweep_id, "--workers", "2"]
    crew = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(list(tmp_path.glob("begun-*"))) == 2, 120)
    open_sweep(sweep_id).delete()
    (tmp_path / "go").touch()
    _, said = crew.communicate(timeout=120)
    assert crew.returncode == 0, said
    assert said.count(f"sweep {sweep_id} was deleted; the agent goes home") == 2
    assert [(run.state, run.summary["loss"]) for run in runs()] == [("finished", 2.0)] * 2


def test_an_agent_that_waits_goes_home(home: Path, wait_for: Callable[..., Any]) -> None:
    """A paused sweep never goes on once it is gone."""
    found = open_sweep(sweep(CONFIG, project="p"))
    found.pause()
    done: list[int] = []
    waiting = threading.Thread(target=lambda: done.append(agent(found.id, print)))
    waiting.start()
    wait_for(lambda: found.detail().agents)
    found.delete()
    waiting.join(60)
    assert done == [0]


def test_a_function_that_asks_by_name_gets_no_more_values(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It fails where it asks, and says why."""
    sweep_id = sweep({"method": "random", "define_by_run": True}, project="p")

    def objective(trial: ActiveTrial) -> None:
        with epochal.init():
            trial.suggest_float("x", 0.0, 1.0)
            open_sweep(sweep_id).delete()
            trial.suggest_float("y", 0.0, 1.0)

    assert agent(sweep_id, objective) == 1
    assert f"NotFound: sweep {sweep_id} was deleted" in capfd.readouterr().err
    (run,) = runs()
    assert run.state == "failed"
    assert list(run.config) == ["x"]
