"""The commands of wandb's own client, `wandb sweep` and `wandb agent`, with real programs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.protocols.wandb.conftest import Script, environment
from tests.server.processes import Running

pytestmark = pytest.mark.slow
SECONDS = 150.0
PROGRAM = """
import argparse, pathlib, time, wandb
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
given = parser.parse_args()
steps = int(pathlib.Path("steps").read_text()) if pathlib.Path("steps").exists() else 9
with wandb.init(settings=wandb.Settings(x_file_stream_transmit_interval=0.5)) as run:
    assert run.config.lr == given.lr
    for step in range(steps):
        run.log({"loss": given.lr + 1 / (step + 1)})
        if pathlib.Path("steps").exists():
            time.sleep(1)
"""
CONFIG = """
program: train.py
project: agents
metric: {name: loss, goal: minimize}
parameters: {lr: {min: 0.0, max: 1.0}}
"""
MAKE = """
import json, sys, wandb, yaml
print(json.dumps([wandb.sweep(yaml.safe_load(sys.argv[1]))]))
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(PROGRAM)
    return tmp_path


@pytest.fixture
def command(server: Running, place: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a command of wandb's; it is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "wandb", *words],
            env=environment(server, place, PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin"),
            cwd=place, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> str:
    """What a command said, once it has ended well."""
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    return said


def wait(server: Running, sweep: str, holds: Callable[[dict[str, Any]], bool], what: str) -> Any:
    """The sweep as our API tells it, as soon as something holds."""
    deadline = time.monotonic() + SECONDS
    while not holds(found := server.json("GET", f"/api/v1/sweeps/{sweep}")):
        assert time.monotonic() < deadline, f"{what}: {found['sweep']}"
        time.sleep(0.2)
    return found


@pytest.mark.timeout(600)
def test_trials_of_an_agent_that_leaves_are_ended_by_their_runs(
    server: Running, script: Script, command: Any
) -> None:
    """One with a count leaves without another word; parameters come as flags and as config."""
    (sweep,) = script(MAKE, f"{CONFIG}method: bayes\nrun_cap: 2\n")
    ended(command("agent", "--count", "2", f"local/agents/{sweep}"))
    found = wait(server, sweep, lambda s: s["sweep"]["state"] == "finished", "it finishes")
    assert [trial["state"] for trial in found["trials"]] == ["finished"] * 2
    assert all(abs(t["value"] - t["params"]["lr"] - 1 / 9) < 1e-9 for t in found["trials"])


@pytest.mark.timeout(600)
def test_wandbs_commands_pause_resume_and_cancel(
    server: Running, script: Script, place: Path, command: Any
) -> None:
    """A paused sweep hands out nothing; a cancelled one ends the program that runs."""
    (place / "steps").write_text("9")
    (sweep,) = script(MAKE, f"{CONFIG}method: random\n")
    name = f"local/agents/{sweep}"
    agent = command("agent", name)
    wait(server, sweep, lambda s: len(s["trials"]) == 1, "the first trial")
    ended(command("sweep", "--pause", name))
    wait(server, sweep, lambda s: s["sweep"]["state"] == "paused", "paused")
    wait(server, sweep, lambda s: s["trials"][0]["state"] == "finished", "what ran goes on")
    ended(command("sweep", "--resume", name))
    wait(server, sweep, lambda s: len(s["trials"]) == 2, "the second trial")
    ended(command("sweep", "--cancel", name))
    found = wait(server, sweep, lambda s: s["trials"][1]["state"] != "running", "it ends")
    assert found["sweep"]["state"] == "cancelled"
    assert found["trials"][1]["state"] == "cancelled"
    assert agent.wait(SECONDS) == 0


@pytest.mark.timeout(600)
def test_a_bad_trial_of_a_wandb_agent_is_ended_early(
    server: Running, script: Script, place: Path, command: Any
) -> None:
    """Hyperband: of two trials, the worse one is stopped, which its process hears."""
    early = "early_terminate: {type: hyperband, min_iter: 2, eta: 2}\n"
    grid = CONFIG.replace("{min: 0.0, max: 1.0}", "{values: [0.0, 5.0]}")
    (sweep,) = script(MAKE, f"{grid}method: grid\n{early}")
    name = f"local/agents/{sweep}"
    ended(command("agent", "--count", "1", name))
    (place / "steps").write_text("120")
    ended(command("agent", "--count", "1", name))
    found = server.json("GET", f"/api/v1/sweeps/{sweep}")
    bad = found["trials"][1]
    assert "1 of 1 other trials were better at iteration" in bad["note"], bad
    assert found["sweep"]["best_trial"] == 0
    run = server.json("GET", f"/api/v1/runs/resolve?project=agents&id={bad['run']}")
    (loss,) = [one for one in run["metrics"] if one["key"] == "loss"]
    assert loss["count"] < 120, "it ran to its end"


@pytest.mark.timeout(600)
def test_a_wandb_agent_of_a_deleted_sweep_ends_its_run_and_goes_home(
    server: Running, script: Script, place: Path, command: Any
) -> None:
    """wandb's own rule, for which the server has to answer 404; the run stays, whole."""
    (place / "steps").write_text("7")
    (sweep,) = script(MAKE, f"{CONFIG}method: random\n")
    agent = command("agent", f"local/agents/{sweep}")
    began = wait(server, sweep, lambda s: len(s["trials"]) == 1, "the first trial")
    assert server.ask("DELETE", f"/api/v1/sweeps/{sweep}")[0] == 204
    ended(agent)
    run = server.json("GET", f"/api/v1/runs/resolve?project=agents&id={began['trials'][0]['run']}")
    (loss,) = [one for one in run["metrics"] if one["key"] == "loss"]
    assert (run["state"], loss["count"]) == ("finished", 7)
