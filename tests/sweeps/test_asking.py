"""Functions that ask for their parameters while they run, with real runs in a real home."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.errors import InvalidInput
from epochal.sweeps import ActiveTrial, agent, open_sweep, sweep

CONFIG: dict[str, Any] = {
    "method": "bayes",
    "metric": {"name": "loss", "goal": "minimize"},
    "define_by_run": True,
    "seed": 2,
}


@pytest.fixture(autouse=True)
def quiet(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    return home


def test_what_is_asked_for_is_in_the_config_of_the_run() -> None:
    """Whether it was asked for before `init` or after."""

    def objective(trial: ActiveTrial) -> float:
        layers = trial.suggest_int("layers", 1, 3)
        with epochal.init() as run:
            widths = [trial.suggest_int(f"width{n}", 8, 64, log=True) for n in range(layers)]
            lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
            drop = trial.suggest_float("drop", 0.0, 0.5, step=0.25)
            kind = trial.suggest_categorical("kind", ["a", None, True])
            assert dict(run.config) == trial.params
            assert kind in ("a", None, True)
            assert drop in (0.0, 0.25, 0.5)
            assert all(8 <= width <= 64 for width in widths)
            run.log({"loss": lr})
        return lr

    sweep_id = sweep(CONFIG, project="demo")
    assert agent(sweep_id, objective, count=4) == 4
    found = open_sweep(sweep_id)
    best = found.best()
    assert best.config == best.run.config
    assert best.value == best.run.config["lr"]
    assert {"layers", "width0", "lr"} <= best.config.keys()


def test_a_function_may_return_what_it_found() -> None:
    """One number, or one for each objective; the trial has a run even when it made none."""
    one = sweep(CONFIG, project="demo")
    agent(one, lambda trial: trial.suggest_float("x", 0.0, 1.0) ** 2, count=3)
    trials = open_sweep(one).trials()
    assert [trial.value for trial in trials] == [trial.params["x"] ** 2 for trial in trials]
    best = open_sweep(one).best()
    assert best.run.config == best.config
    assert best.run.summary["loss"] == best.value
    two = sweep({**CONFIG, "metric": [{"name": "a"}, {"name": "b"}]}, project="demo")
    agent(two, lambda trial: (trial.suggest_int("n", 1, 5), -trial.number), count=3)
    assert [trial.outcomes for trial in open_sweep(two).trials()] == [
        [trial.params["n"], -trial.number] for trial in open_sweep(two).trials()
    ]
    assert open_sweep(two).best().front


def test_the_best_again_with_seeds() -> None:
    sweep_id = sweep({**CONFIG, "run_cap": 3}, project="demo")
    seen = []

    def objective(trial: ActiveTrial) -> float:
        with epochal.init() as run:
            seen.append(run.config.get("seed"))
            return trial.suggest_float("x", 0.0, 1.0)

    agent(sweep_id, objective)
    open_sweep(sweep_id).repeat(2)
    assert agent(sweep_id, objective) == 2
    best = open_sweep(sweep_id).best()
    assert seen == [None, None, None, 1, 2]
    assert [trial.value for trial in best.repeats] == [best.value] * 2


def test_wrong_ranges_fail_the_trial_and_say_why() -> None:
    def objective(trial: ActiveTrial) -> float:
        if trial.number == 0:
            return trial.suggest_float("x", 0.1, 1.0, step=0.3)
        if trial.number == 1:
            return trial.suggest_float("x", 0.0, 1.0, log=True)
        return trial.suggest_float("x", 0.0, 1.0)

    sweep_id = sweep(CONFIG, project="demo")
    agent(sweep_id, objective, count=3)
    first, second, third = open_sweep(sweep_id).trials()
    assert "low is a multiple" in first.note
    assert "needs a min greater than 0" in second.note
    assert third.state == "finished"


def test_a_command_cannot_ask() -> None:
    with pytest.raises(InvalidInput, match="give agent\\(\\) one"):
        agent(sweep({**CONFIG, "program": "train.py"}, project="demo"))
