"""What agents on a cluster have to do: one suite for Ray and for Slurm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.errors import RunStateError
from epochal.sweeps import open_sweep, run_agents, sweep
from tests.conftest import Server

SECONDS = 120.0
PROGRAM = """
import os, pathlib, signal, sys, time, epochal
place = pathlib.Path(sys.argv[0]).parent
with epochal.init() as run:
    if (place / "dies").exists() and run.config.x == 2:
        (place / "dies").unlink()
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(9)
    while (place / "waits").exists():
        (place / f"begun-{run.config.x}").touch()
        time.sleep(0.1)
    run.log({"loss": float(run.config.x)})
"""


def made(place: Path, **more: Any) -> str:
    (place / "train.py").write_text(PROGRAM)
    config = {
        "method": "grid", "program": str(place / "train.py"), "metric": "loss",
        "parameters": {"x": {"min": 1, "max": 4}}, **more,
    }  # fmt: skip
    return sweep(config, project="p")


def started(sweep_id: str, executor: str, place: Path) -> subprocess.Popen[str]:
    """A driver of two agents, whose first trials have begun and wait."""
    command = [sys.executable, "-m", "epochal", "sweep", "agent", sweep_id, "--grace", "0.1"]
    driver = subprocess.Popen(
        [*command, "--executor", executor, "--workers", "2"], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + SECONDS
    while len(list(place.glob("begun-*"))) < 2:
        assert time.monotonic() < deadline, "two trials begin"
        assert driver.poll() is None
        time.sleep(0.1)
    return driver


class AgentsOnACluster:
    """Each cluster has a test file, whose fixture ``executor`` names it once it is there."""

    def test_functions_run_side_by_side_on_a_cluster(self, executor: str, home: Path) -> None:
        """A function of the driver, with what it closes over; each trial once, on its disk."""
        config = {"method": "grid", "metric": "loss", "parameters": {"x": {"min": 1, "max": 5}}}
        sweep_id, factor = sweep(config, project="p"), 3

        def train() -> None:
            with epochal.init() as run:
                run.log({"loss": factor * float(run.config.x)})
                run.summary["worker"] = os.getpid()

        assert run_agents(sweep_id, train, executor=executor, workers=2, count=4) == 4
        detail = open_sweep(sweep_id).detail()
        assert [trial.value for trial in detail.trials] == [3, 6, 9, 12]
        assert [agent.trials for agent in detail.agents] == [2, 2]
        assert os.getpid() not in {run.summary["worker"] for run in epochal.connect().runs("p")}

    def test_a_lost_worker_loses_no_trial(
        self, executor: str, server: Server, tmp_path: Path
    ) -> None:
        """SIGKILL of a worker: another one takes its place, and the trial is run again."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("EPOCHAL_URL", server.url)
            patched.setenv("EPOCHAL_HOME", str(tmp_path / "training side"))
            (tmp_path / "dies").touch()
            sweep_id = made(tmp_path)
            assert run_agents(sweep_id, executor=executor, workers=2) == 4
            assert not (tmp_path / "dies").exists()
            trials = open_sweep(sweep_id).trials()
            assert [trial.state.value for trial in trials] == ["finished"] * 4
            assert [trial.value for trial in trials] == [1, 2, 3, 4]
            assert trials[1].attempt == 2

    def test_who_ends_the_driver_gives_its_trials_back(
        self, executor: str, home: Path, tmp_path: Path
    ) -> None:
        """SIGTERM, as at the end of a shell; the next agents run the same trials."""
        (tmp_path / "waits").touch()
        sweep_id = made(tmp_path)
        driver = started(sweep_id, executor, tmp_path)
        driver.send_signal(signal.SIGTERM)
        driver.communicate(timeout=SECONDS)
        assert driver.returncode == 128 + signal.SIGTERM
        assert {trial.state.value for trial in open_sweep(sweep_id).trials()} == {"lost"}
        (tmp_path / "waits").unlink()
        assert run_agents(sweep_id, executor=executor, workers=1) == 4
        assert [trial.attempt for trial in open_sweep(sweep_id).trials()] == [2, 2, 1, 1]

    def test_an_agent_that_gives_up_says_why(self, executor: str, home: Path) -> None:
        config = {
            "method": "random",
            "metric": "loss",
            "parameters": {"x": {"min": 0.0, "max": 1.0}},
        }
        sweep_id = sweep(config, project="p")

        def train() -> None:
            raise ValueError("no such luck")

        with pytest.raises(RunStateError, match=r"first 5 trials failed.*no such luck"):
            run_agents(sweep_id, train, executor=executor, workers=1)

    def test_a_sweep_that_is_deleted_lets_its_trials_end(
        self, executor: str, home: Path, tmp_path: Path
    ) -> None:
        """What runs goes on, its runs stay, and the agents go home, of which the driver tells."""
        (tmp_path / "waits").touch()
        sweep_id = made(tmp_path)
        driver = started(sweep_id, executor, tmp_path)
        open_sweep(sweep_id).delete()
        (tmp_path / "waits").unlink()
        _, said = driver.communicate(timeout=SECONDS)
        assert driver.returncode == 0, said
        assert f"sweep {sweep_id} was deleted; all agents went home" in said
        runs = list(epochal.connect().runs("p"))
        assert sorted(run.summary["loss"] for run in runs) == [1.0, 2.0]
        assert {run.state for run in runs} == {"finished"}
