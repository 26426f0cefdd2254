"""What agents on a cluster have to do: one suite for Ray and for Slurm (submitit's local jobs)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.errors import InvalidInput, NotFound, RunStateError
from epochal.sweeps import open_sweep, run_agents, sweep
from tests.conftest import Server

EXECUTORS = ["ray", "slurm"]
STORE_BYTES = 80 * 1024 * 1024
SECONDS = 120.0
PROGRAM = """
import os, pathlib, signal, sys, time, epochal
place = pathlib.Path(sys.argv[0]).parent
with epochal.init() as run:
    if (place / "dies").exists() and run.config.x == 2:
        (place / "dies").unlink()
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(9)
    if (place / "waits").exists():
        (place / f"begun-{run.config.x}").touch()
        time.sleep(300)
    run.log({"loss": float(run.config.x)})
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A small cluster of Ray on this machine; its address."""
    ray: Any = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        found = ray.init(
            num_cpus=2,
            object_store_memory=STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            _temp_dir=tempfile.mkdtemp(prefix="ray-"),
        )
        yield str(found.address_info["gcs_address"])
        ray.shutdown()


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    if name == "slurm":
        pytest.importorskip("submitit")
    else:
        monkeypatch.setenv("RAY_ADDRESS", request.getfixturevalue("cluster"))
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    return name


def made(place: Path, **more: Any) -> str:
    (place / "train.py").write_text(PROGRAM)
    config = {
        "method": "grid", "program": str(place / "train.py"), "metric": "loss",
        "parameters": {"x": {"min": 1, "max": 4}}, **more,
    }  # fmt: skip
    return sweep(config, project="p")


def test_functions_run_side_by_side_on_a_cluster(executor: str, home: Path) -> None:
    """A function of the driver, with what it closes over; each trial once, on the home's disk."""
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


def test_a_lost_worker_loses_no_trial(executor: str, server: Server, tmp_path: Path) -> None:
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
    executor: str, home: Path, tmp_path: Path
) -> None:
    """SIGTERM, as at the end of a shell; the next agents run the same trials."""
    (tmp_path / "waits").touch()
    sweep_id = made(tmp_path)
    command = [sys.executable, "-m", "epochal", "sweep", "agent", sweep_id, "--grace", "0.1"]
    driver = subprocess.Popen([*command, "--executor", executor, "--workers", "2"])
    deadline = time.monotonic() + SECONDS
    while len(list(tmp_path.glob("begun-*"))) < 2:
        assert time.monotonic() < deadline, "two trials begin"
        assert driver.poll() is None
        time.sleep(0.1)
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(SECONDS) == 128 + signal.SIGTERM
    assert {trial.state.value for trial in open_sweep(sweep_id).trials()} == {"lost"}
    (tmp_path / "waits").unlink()
    assert run_agents(sweep_id, executor=executor, workers=1) == 4
    assert [trial.attempt for trial in open_sweep(sweep_id).trials()] == [2, 2, 1, 1]


def test_an_agent_that_gives_up_says_why(executor: str, home: Path) -> None:
    config = {"method": "random", "metric": "loss", "parameters": {"x": {"min": 0.0, "max": 1.0}}}
    sweep_id = sweep(config, project="p")

    def train() -> None:
        raise ValueError("no such luck")

    with pytest.raises(RunStateError, match=r"first 5 trials failed.*no such luck"):
        run_agents(sweep_id, train, executor=executor, workers=1)


def test_what_cannot_be_used_is_said_before_anything_starts(home: Path, tmp_path: Path) -> None:
    sweep_id = made(tmp_path)
    with pytest.raises(InvalidInput, match=r"executor is one of ray, slurm, got 'k8s'"):
        run_agents(sweep_id, executor="k8s", workers=1)
    for workers in (0, True, 1000):
        with pytest.raises(InvalidInput, match="workers goes from 1 to 256"):
            run_agents(sweep_id, executor="slurm", workers=workers)
    with pytest.raises(InvalidInput, match="count must be a positive whole number, got 0"):
        run_agents(sweep_id, executor="slurm", workers=1, count=0)
    with pytest.raises(NotFound, match="no sweep"):
        run_agents("nothere1", executor="slurm", workers=1)
    pytest.importorskip("submitit")
    with pytest.raises(InvalidInput, match=r"does not take these options.*slurm_partitoin"):
        run_agents(sweep_id, executor="slurm", workers=1, options={"slurm_partitoin": "gpu"})
