"""Agents that start a command: macros, exit codes, early ends, several on one machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from epochal.errors import InvalidInput
from epochal.sweeps import agent, open_sweep, sweep
from epochal.sweeps.commands import build_command

PROGRAM = """
import argparse, os, sys, time
import epochal as wandb
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--opt.name", dest="name")
given = parser.parse_args()
with wandb.init(config={"batch": 4}) as run:
    assert run.config.lr == given.lr, (run.config, given)
    assert run.config.opt["name"] == given.name
    run.log({"loss": given.lr})
    if given.name == "bad":
        sys.exit(3)
    if given.name == "hang":
        print("hanging", os.getpid(), flush=True)
        time.sleep(600)
    if given.name == "look":
        while not run.should_stop:
            time.sleep(0.01)
"""


@pytest.fixture
def program(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    path = tmp_path / "train.py"
    path.write_text(PROGRAM)
    return str(path)


def made(program: str, *names: str, **changes: Any) -> str:
    """A sweep that tries these names in order."""
    sweep_id = sweep(
        {
            "program": program,
            "method": "random",
            "metric": {"name": "loss"},
            "run_cap": len(names),
            "parameters": {
                "lr": {"min": 0.0, "max": 1.0},
                "opt": {"parameters": {"name": {"values": ["good", "bad", "hang", "look"]}}},
            },
            **changes,
        },
        project="demo",
    )
    configs = [{"opt": {"name": name}, "lr": 0.1 + 0.1 * n} for n, name in enumerate(names)]
    open_sweep(sweep_id).enqueue(*configs)
    return sweep_id


def test_a_program_gets_its_parameters_as_flags_and_as_config(program: str) -> None:
    """And its run is the trial's; a bad exit code fails the trial, and the next one begins."""
    sweep_id = made(program, "good", "bad", "good")
    assert agent(sweep_id) == 3
    good, bad, other = open_sweep(sweep_id).trials()
    assert (good.state, good.value, other.state) == ("finished", 0.1, "finished")
    assert (bad.state, bad.note, bad.value) == ("failed", "exit code 3", None)
    best = open_sweep(sweep_id).best()
    assert best.config == {"lr": 0.1, "opt": {"name": "good"}}
    assert best.run.config.batch == 4


def test_a_program_is_stopped_early(program: str) -> None:
    """One looks at `should_stop` and ends by itself, the other gets SIGTERM after its grace."""
    early = {"type": "asha", "eta": 2}
    sweep_id = made(program, "good", "look", "hang", early_terminate=early)
    agent(sweep_id, grace=2.0)
    states = [(trial.state.value, trial.value) for trial in open_sweep(sweep_id).trials()]
    assert states == [("finished", 0.1), ("stopped", 0.2), ("stopped", 0.1 + 0.1 * 2)]


SEEDED = """
import os, sys
import epochal as wandb
known = ["--x"] if "strict" in os.environ.get("HOW", "") else ["--x", "--seed"]
for word in sys.argv[1:]:
    if word.partition("=")[0] not in known:
        sys.exit(f"unrecognized arguments: {word}")
with wandb.init() as run:
    seed = int(os.environ.get("EPOCHAL_SEED", "0"))
    assert seed == run.config.get("seed", 0) == int(os.environ.get("PL_GLOBAL_SEED", "0"))
    print(sys.argv[1:], flush=True)
    run.log({"loss": run.config.x + seed})
"""


def searched_and_repeated(program: Path) -> str:
    """The id of a sweep of one trial, which was repeated with the seed 7."""
    config = {
        "program": str(program), "method": "grid", "metric": {"name": "loss"},
        "parameters": {"x": {"values": [3]}},
    }  # fmt: skip
    sweep_id = sweep(config, project="demo")
    agent(sweep_id)
    open_sweep(sweep_id).repeat([7])
    agent(sweep_id)
    return sweep_id


@pytest.mark.parametrize("how", ["strict", "knowing"])
def test_a_repeat_gives_its_seed_to_any_program(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any, how: str
) -> None:
    """As a flag; one that fails on it before its `init` runs without, and has variables."""
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    monkeypatch.setenv("HOW", how)
    (tmp_path / "seeded.py").write_text(SEEDED)
    sweep_id = searched_and_repeated(tmp_path / "seeded.py")
    (again,) = open_sweep(sweep_id).best().repeats
    assert (again.state, again.value, again.params) == ("finished", 10.0, {"x": 3, "seed": 7})
    flags = ["--x=3"] if how == "strict" else ["--x=3", "--seed=7"]
    assert capfd.readouterr().out.splitlines()[-1] == str(flags)
    assert ("its seed is in EPOCHAL_SEED and config['seed']" in again.note) == (how == "strict")
    assert "EPOCHAL_SEED" not in os.environ


BEGUN = """
import os, sys, epochal
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
with epochal.init() as run:
    run.log({"loss": run.config.x})
if "EPOCHAL_SEED" in os.environ:
    with open_store(os.environ["EPOCHAL_HOME"]) as store:
        ingest_home(store)
    print("trained", flush=True)
    sys.exit(1)
"""
SLOW = """
import os, sys, epochal
if "EPOCHAL_SEED" in os.environ:
    print("trained", flush=True)
    sys.exit(1)
with epochal.init() as run:
    run.log({"loss": run.config.x})
"""


@pytest.mark.parametrize(("text", "soon"), [(BEGUN, 1e9), (SLOW, 0.0)], ids=["begun", "slow"])
def test_a_repeat_that_fails_after_it_trained_is_not_trained_again(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any, text: str, soon: float
) -> None:
    """Not where a server took the journal of its run in, nor where it logs elsewhere."""
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    monkeypatch.setattr("epochal.sweeps.processes.SOON_S", soon)
    (tmp_path / "train.py").write_text(text)
    sweep_id = searched_and_repeated(tmp_path / "train.py")
    _, again = open_sweep(sweep_id).trials()
    assert not list((home / "runs" / again.uid).glob("*.ej"))
    assert (again.state, capfd.readouterr().out.splitlines()) == ("failed", ["trained"])
    assert "it may take EPOCHAL_SEED" in again.note


def test_an_agent_that_is_told_to_end_takes_its_program_along(
    program: str, home: Path, wait_for: Callable[..., Any]
) -> None:
    """SIGTERM to the agent: the program ends too, and the trial is cancelled, not lost."""
    sweep_id = made(program, "hang")
    command = [sys.executable, "-m", "epochal", "sweep", "agent", sweep_id, "--grace", "0.5"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    word, pid = process.stdout.readline().split()
    assert word == "hanging"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    process.stdout.close()
    wait_for(lambda: not Path(f"/proc/{pid}").exists() if Path("/proc").exists() else True)
    assert [trial.state for trial in open_sweep(sweep_id).trials()] == ["cancelled"]


def test_every_macro_of_wandb_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags with and without hyphens, booleans, JSON as text and as a file, variables."""
    monkeypatch.setenv("SOME", "thing")
    params = {"lr": 0.1, "flag": True, "off": False, "sizes": [1, 2], "opt.name": "sgd"}
    config = {"lr": 0.1, "opt": {"name": "sgd"}}
    file = tmp_path / "new" / "args.json"

    def filled(*words: str) -> list[str]:
        return build_command(words, "train.py", params, config, file)

    assert filled("${env}", "${interpreter}", "-u", "${program}") == [
        "/usr/bin/env",
        sys.executable,
        "-u",
        "train.py",
    ]
    flags = ["--lr=0.1", "--flag=True", "--off=False", "--sizes=[1, 2]", "--opt.name=sgd"]
    assert filled("${args}") == flags
    assert filled("${args_no_hyphens}") == [flag.removeprefix("--") for flag in flags]
    assert filled("${args_no_boolean_flags}") == [flags[0], "--flag", flags[3], flags[4]]
    assert json.loads(filled("${args_json}")[0]) == config
    assert filled("${args_json_file}") == [str(file)]
    assert json.loads(file.read_text()) == config
    assert filled("${envvar:SOME}", "${envvar:NONE}") == ["thing", ""]
    with pytest.raises(InvalidInput, match="did you mean 'args'"):
        filled("${arg}")


def test_a_program_that_cannot_be_started_fails_its_trial(home: Path) -> None:
    """With what the system says about it."""
    sweep_id = sweep(
        {
            "method": "random",
            "parameters": {"x": {"value": 1}},
            "command": ["/nowhere/at/all"],
            "run_cap": 1,
        },
        project="demo",
    )
    agent(sweep_id)
    trial = open_sweep(sweep_id).trials()[0]
    assert trial.state == "failed"
    assert "cannot be started: No such file" in trial.note
