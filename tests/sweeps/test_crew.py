"""Several agents on one machine: each trial once, each GPU where it belongs, none left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import epochal
from epochal.errors import InvalidInput
from epochal.sweeps import open_sweep, sweep
from epochal.sweeps.crew import read_gpus, shares

SEES = """
import os, epochal
with epochal.init() as run:
    run.log({"loss": run.config.x})
    run.summary["gpus"] = os.environ["CUDA_VISIBLE_DEVICES"]
"""
WAITS = """
import pathlib, sys, time
(pathlib.Path(sys.argv[0]).parent / f"begun-{time.time_ns()}").touch()
time.sleep(300)
"""
SECONDS = 90.0


def made(program: Path, text: str) -> str:
    program.write_text(text)
    config = {
        "method": "grid", "program": str(program), "parameters": {"x": {"min": 1, "max": 6}},
        "metric": "loss",
    }  # fmt: skip
    return sweep(config, project="p")


def crew(sweep_id: str, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "epochal", "sweep", "agent", sweep_id, *options]
    )


def test_each_agent_sees_its_own_gpus(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three GPUs between two agents; five trials of the six, as --count says, each once."""
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    sweep_id = made(tmp_path / "train.py", SEES)
    assert crew(sweep_id, "--gpus", "0,1,7", "--workers", "2", "--count", "5").wait(SECONDS) == 0
    detail = open_sweep(sweep_id).detail()
    assert [trial.number for trial in detail.trials] == list(range(5))
    assert sorted(agent.trials for agent in detail.agents) == [2, 3]
    runs = epochal.connect().runs("p")
    assert {run.summary["gpus"] for run in runs} == {"0,1", "7"}


def test_who_ends_the_crew_ends_its_trials(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    sweep_id = made(tmp_path / "train.py", WAITS)
    process = crew(sweep_id, "--workers", "2", "--grace", "0.1")
    end = time.monotonic() + SECONDS
    while len(list(tmp_path.glob("begun-*"))) < 2:
        assert time.monotonic() < end, "two trials begin"
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(SECONDS) == 128 + signal.SIGTERM
    states = {trial.state.value for trial in open_sweep(sweep_id).trials()}
    assert states == {"cancelled"}


@pytest.mark.parametrize(
    ("gpus", "workers", "parts"),
    [
        ("0,1,2", None, ["0", "1", "2"]),
        ("0,1,2", 2, ["0,1", "2"]),
        ("0,1", 4, ["0", "1", "0", "1"]),
        ("GPU-a1,GPU-b2", 1, ["GPU-a1,GPU-b2"]),
    ],
)
def test_gpus_are_shared_out(gpus: str, workers: int | None, parts: list[str]) -> None:
    assert [",".join(part) for part in shares(read_gpus(gpus), workers)] == parts


def test_all_are_those_that_this_process_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert read_gpus("all") == ["2", "5"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(InvalidInput, match="no GPU was found"):
        read_gpus("all")
    assert shares([], None) == [[]]
    assert shares([], 3) == [[], [], []]


@pytest.mark.parametrize("text", ["0,0", "", "0,,1"])
def test_a_list_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="--gpus takes all, or different numbers"):
        read_gpus(text)
    with pytest.raises(InvalidInput, match="--workers goes from 1 to 256"):
        shares(["0"], 0)
