"""Agents that call a function, on a home without a server, with `import epochal as wandb`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import epochal as wandb
from epochal.domain.sweep import TrialState
from epochal.errors import InvalidInput, NotFound, RunStateError
from epochal.service import handing
from epochal.sweeps import Stopped, agent, list_sweeps, open_sweep, sweep
from epochal.sweeps.agent import MAX_FIRST_FAILURES

CONFIG: dict[str, Any] = {
    "method": "random",
    "metric": {"name": "loss", "goal": "minimize"},
    "seed": 1,
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-1},
        "model": {"parameters": {"width": {"values": [8, 16]}, "depth": {"value": 2}}},
    },
}
SECONDS = 60.0


@pytest.fixture(autouse=True)
def quiet(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    return home


def made(**changes: Any) -> str:
    return sweep({**CONFIG, **changes}, project="demo")


def test_a_wandb_script_runs_its_sweep(home: Path) -> None:
    """sweep(), agent(), init(config=None) in the function, wandb.config: without a change."""
    seen = []

    def train(config: Any = None) -> None:
        with wandb.init(config=config):
            seen.append(dict(wandb.config))
            for step in range(3):
                wandb.log({"loss": wandb.config.lr + step, "epoch": step})

    sweep_id = wandb.sweep(CONFIG, project="demo")
    assert wandb.agent(sweep_id, train, count=3) == 3
    found = open_sweep(sweep_id)
    trials = found.trials()
    assert [trial.state for trial in trials] == ["finished"] * 3
    assert [trial.value for trial in trials] == [one["lr"] + 2 for one in seen]
    assert seen[0]["model"] == {"width": seen[0]["model"]["width"], "depth": 2}
    best = found.best()
    assert best.value == min(one["lr"] for one in seen) + 2
    assert (best.run.project, best.run.state) == ("demo", "finished")
    assert best.run.config.lr == best.config["lr"]
    assert list((home / "sweeps").iterdir() if (home / "sweeps").exists() else []) == []


def test_the_parameters_of_the_sweep_win_and_the_rest_stays() -> None:
    """Also inside of nested mappings; project and id are the sweep's."""
    runs = []

    def train() -> None:
        given = {"lr": 5.0, "seed": 3, "model": {"width": 1, "bias": True}}
        with wandb.init(project="elsewhere", config=given) as run:
            runs.append(run)
            run.log({"loss": 1.0})

    sweep_id = made()
    agent(sweep_id, train, count=1)
    config = dict(runs[0].config)
    assert (runs[0].project, runs[0].id) == ("demo", f"{sweep_id}-0")
    assert config["seed"] == 3
    assert config["lr"] < 1.0
    assert config["model"]["bias"] is True
    assert config["model"]["width"] in (8, 16)


def test_a_second_run_in_the_function_is_a_run_of_its_own() -> None:
    ids = []

    def train() -> None:
        for _ in range(2):
            with wandb.init(project="aside") as run:
                ids.append((run.project, run.id))
                run.log({"loss": 1.0})

    sweep_id = made()
    agent(sweep_id, train, count=1)
    assert ids[0] == ("demo", f"{sweep_id}-0")
    assert ids[1][0] == "aside"


def test_a_function_that_raises_fails_its_trial_and_the_next_one_begins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The traceback is shown, the run has failed, the sweep goes on."""
    calls = []

    def train() -> None:
        wandb.init()
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("too much")
        wandb.log({"loss": 1.0})

    sweep_id = made()
    assert agent(sweep_id, train, count=2) == 2
    first, second = open_sweep(sweep_id).trials()
    assert (first.state, first.note) == ("failed", "ValueError: too much")
    assert (second.state, second.value) == ("finished", 1.0)
    assert wandb.connect().run(f"demo/{first.run}").state == "failed"
    assert "ValueError: too much" in capsys.readouterr().err


def test_an_agent_whose_first_trials_all_fail_gives_up() -> None:
    """What no parameter mends would burn the whole sweep."""

    def train() -> None:
        raise ValueError("no data")

    sweep_id = made()
    with pytest.raises(RunStateError, match=r"the first 5 trials failed.*no data"):
        agent(sweep_id, train)
    assert len(open_sweep(sweep_id).trials()) == MAX_FIRST_FAILURES


def test_ctrl_c_ends_the_agent_and_tells_the_sweep() -> None:
    """The trial is cancelled, not lost for a minute."""

    def train() -> None:
        with wandb.init():
            raise KeyboardInterrupt

    sweep_id = made()
    with pytest.raises(KeyboardInterrupt):
        agent(sweep_id, train)
    assert [trial.state for trial in open_sweep(sweep_id).trials()] == ["cancelled"]


def losing(function: Callable[[Any], None]) -> tuple[str, Callable[[], None]]:
    """A sweep with a good trial first, whose others are bad and do what ``function`` does."""
    early = {"type": "hyperband", "min_iter": 1, "eta": 2}
    sweep_id = made(early_terminate=early, run_cap=2)
    calls = []

    def train() -> None:
        with wandb.init() as run:
            calls.append(1)
            run.log({"loss": float(len(calls))})
            if len(calls) > 1:
                function(run)

    return sweep_id, train


def test_a_bad_trial_sees_that_it_should_stop() -> None:
    """`run.should_stop` becomes true while the loop runs; the run has finished."""

    def look(run: Any) -> None:
        deadline = time.monotonic() + SECONDS
        while not run.should_stop and time.monotonic() < deadline:
            time.sleep(0.01)

    sweep_id, train = losing(look)
    agent(sweep_id, train, grace=SECONDS)
    good, bad = open_sweep(sweep_id).trials()
    assert good.state is TrialState.FINISHED
    assert (bad.state, bad.value) == (TrialState.STOPPED, 2.0)
    assert bad.note == "1 of 1 other trials were better at iteration 1"
    assert wandb.connect().run(f"demo/{bad.run}").state == "finished"


def test_a_fast_trial_is_compared_at_each_band_that_it_is_past() -> None:
    """It logs 30 values at once, where the one before ended after five."""
    early = {"type": "hyperband", "min_iter": 3, "eta": 3}
    parameters = {"n": {"values": [1, 2, 30]}}
    sweep_id = made(early_terminate=early, method="grid", parameters=parameters)

    def train() -> None:
        with wandb.init() as run:
            is_bad = run.config.n == 30
            for _ in range(30 if is_bad else 5):
                run.log({"loss": float(run.config.n)})
            deadline = time.monotonic() + (SECONDS if is_bad else 0.0)
            while not run.should_stop and time.monotonic() < deadline:
                time.sleep(0.01)

    agent(sweep_id, train, grace=SECONDS)
    bad = open_sweep(sweep_id).trials()[-1]
    assert (bad.state, bad.iterations) == (TrialState.STOPPED, 30)
    assert bad.note == "2 of 2 other trials were better at iteration 3"


def test_a_bad_trial_that_does_not_look_is_ended_after_its_grace() -> None:
    """`Stopped` passes `except Exception` and runs `finally`."""
    cleaned = []

    def ignore(_: Any) -> None:
        deadline = time.monotonic() + SECONDS
        try:
            while time.monotonic() < deadline:
                with contextlib.suppress(Exception):  # what users write
                    time.sleep(0.01)
        except Stopped:
            cleaned.append("stopped")
            raise
        finally:
            cleaned.append("finally")

    sweep_id, train = losing(ignore)
    agent(sweep_id, train, grace=0.1)
    assert cleaned == ["stopped", "finally"]
    bad = open_sweep(sweep_id).trials()[1]
    assert (bad.state, bad.value) == (TrialState.STOPPED, 2.0)
    assert wandb.connect().run(f"demo/{bad.run}").state == "finished"


def test_a_cancelled_sweep_ends_its_trials_and_agents(monkeypatch: pytest.MonkeyPatch) -> None:
    """From wherever it was cancelled."""
    monkeypatch.setattr("epochal.sweeps.beating.BEAT_S", 0.1)
    sweep_id = made()

    def train() -> None:
        with wandb.init() as run:
            run.log({"loss": 1.0})
            open_sweep(sweep_id).cancel()
            deadline = time.monotonic() + SECONDS
            while not run.should_stop and time.monotonic() < deadline:
                time.sleep(0.01)

    assert agent(sweep_id, train) == 1
    assert [trial.state for trial in open_sweep(sweep_id).trials()] == ["cancelled"]


def test_what_cannot_be_used_is_said() -> None:
    """No such sweep, no function, a live run, a deleted sweep."""
    sweep_id = made()
    with pytest.raises(NotFound, match="no sweep 'nowhere'"):
        agent("nowhere", print)
    with pytest.raises(InvalidInput, match="names no program"):
        agent(sweep_id, count=1)
    for bad in ({"count": 0}, {"count": True}, {"function": "train"}):
        with pytest.raises(InvalidInput):
            agent(sweep_id, **bad)
    with wandb.init(), pytest.raises(RunStateError, match="a run is live"):
        agent(sweep_id, print, count=1)
    open_sweep(sweep_id).delete()
    with pytest.raises(NotFound):
        agent(sweep_id, print)


def test_enqueue_pause_resume_stop_and_extend() -> None:
    """What people do to a sweep while it runs."""
    found = open_sweep(made(run_cap=2))
    got = []

    def train() -> None:
        with wandb.init() as run:
            got.append(run.config.lr)
            run.log({"loss": 1.0})

    found.enqueue({"lr": 0.05, "model": {"width": 8}})
    assert found.pause().state == "paused"
    assert found.resume().state == "running"
    assert agent(found.id, train) == 2
    assert got[0] == 0.05
    assert found.state == "finished"
    assert found.extend(3).state == "running"
    assert agent(found.id, train) == 1
    assert found.stop().state == "finished"
    assert agent(found.id, train) == 0
    assert [row.id for row in list_sweeps("demo")] == [found.id]


AGENT = """
import sys, time, epochal
def train():
    with epochal.init() as run:
        run.log({"loss": float(run.config["x"])})
        print(run.config["x"], flush=True)
        if len(sys.argv) > 2:
            time.sleep(600)
epochal.agent(sys.argv[1], train)
"""


def start(sweep_id: str, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", AGENT, sweep_id, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_several_processes_share_a_sweep_without_a_server() -> None:
    """Each point of the grid is tried by one of them, and only once."""
    sweep_id = made(method="grid", parameters={"x": {"min": 0, "max": 7}})
    processes = [start(sweep_id) for _ in range(3)]
    lines = [process.communicate(timeout=120)[0].split() for process in processes]
    assert sorted(int(one) for part in lines for one in part) == list(range(8))
    assert {trial.state for trial in open_sweep(sweep_id).trials()} == {"finished"}


IMPATIENT = """
from epochal.service import agents, handing
agents.LOST_US = handing.LOST_US = 20_000_000
"""


def test_an_agent_that_dies_when_nothing_is_left_to_begin_leaves_a_whole_sweep() -> None:
    """The other one has nothing to run, stays, and runs the trial of the dead one again."""
    sweep_id = made(method="grid", parameters={"x": {"min": 0, "max": 1}})
    dying = start(sweep_id, "hang")
    assert dying.stdout is not None
    assert dying.stdout.readline() == "0\n"
    command = [sys.executable, "-c", IMPATIENT + AGENT, sweep_id]
    environment = {name: one for name, one in os.environ.items() if name != "EPOCHAL_SILENT"}
    staying = subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert staying.stdout is not None
    said = ""
    while "one agent stays while others run theirs; the agent waits" not in said:
        line = staying.stdout.readline()
        assert line, said
        said += line
    os.kill(dying.pid, signal.SIGKILL)
    dying.communicate()
    said += staying.communicate(timeout=SECONDS)[0]
    assert staying.returncode == 0, said
    first, second = open_sweep(sweep_id).trials()
    assert (first.state, first.attempt, first.value) == ("finished", 2, 0.0)
    assert (second.state, second.attempt, second.value) == ("finished", 1, 1.0)
    assert open_sweep(sweep_id).state == "finished"


def test_a_machine_that_dies_loses_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL of an agent: after the time-out another one gets its trial again."""
    sweep_id = made(method="grid", parameters={"x": {"min": 0, "max": 2}})
    dying = start(sweep_id, "hang")
    assert dying.stdout is not None
    assert dying.stdout.readline() == "0\n"
    os.kill(dying.pid, signal.SIGKILL)
    dying.communicate()
    monkeypatch.setattr(handing, "LOST_US", 1)
    monkeypatch.setattr("epochal.service.agents.LOST_US", 1)
    tried = []

    def train() -> None:
        with wandb.init() as run:
            tried.append(run.config.x)
            run.log({"loss": 1.0})

    agent(sweep_id, train)
    assert tried == [0, 1, 2]
    first = open_sweep(sweep_id).trials()[0]
    assert (first.state, first.attempt, first.run) == ("finished", 2, f"{sweep_id}-0-2")
