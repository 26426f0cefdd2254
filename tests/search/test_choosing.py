"""Choosers repeat themselves: the same seed and trials give the same questions' answers."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from epochal.errors import InvalidInput
from epochal.search.choosing import Told, make_chooser, seed_of
from epochal.search.parse import read_sweep

SPACE = {
    "x": {"min": -5.0, "max": 5.0},
    "y": {"min": -5.0, "max": 5.0},
    "kind": {"values": ["a", "b"]},
}


def config(method: str = "bayes", **more: Any) -> Any:
    given = {"method": method, "metric": {"name": "loss"}, "parameters": SPACE, **more}
    return read_sweep(given)


def value(place: Any) -> float:
    return (place["x"] - 1.0) ** 2 + (place["y"] + 2.0) ** 2 + 3.0 * place["kind"]


def search(chooser: Any, start: int, count: int) -> list[dict[str, Any]]:
    found = []
    for number in range(start, start + count):
        place = chooser.ask(number, number)
        chooser.tell(Told(number, place, "finished", value(place)))
        found.append(place)
    return found


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_seed_repeats_the_search(method: str) -> None:
    """And another seed does not."""
    once = search(make_chooser(config(method), 1), 0, 25)
    assert search(make_chooser(config(method), 1), 0, 25) == once
    assert search(make_chooser(config(method), 2), 0, 25) != once


def test_a_chooser_made_again_goes_on_in_the_same_way() -> None:
    """A server that is restarted in the middle chooses what it would have chosen."""
    whole = search(make_chooser(config(), 1), 0, 30)
    again = make_chooser(config(), 1)
    for number, place in enumerate(whole[:20]):
        again.tell(Told(number, place, "finished", value(place)))
    assert search(again, 20, 10) == whole[20:]


def test_bayes_learns_what_is_good() -> None:
    """Late trials are better than early ones by far."""
    found = [value(place) for place in search(make_chooser(config(), 3), 0, 60)]
    assert min(found) < 0.5
    assert sum(found[-15:]) / 15 < sum(found[:10]) / 10 / 2


def test_failures_stops_and_values_from_elsewhere_are_borne() -> None:
    """Trials without a value, outside of the space, or ended early do not disturb the study."""
    chooser = make_chooser(config(), 1)
    place = {"x": 0.0, "y": 0.0, "kind": 0}
    chooser.tell(Told(0, None, "running", None))
    chooser.tell(Told(1, place, "running", None))
    chooser.tell(Told(2, place, "failed", None))
    chooser.tell(Told(1, place, "stopped", 3.0, 4))
    chooser.tell(Told(3, place, "finished", None))
    assert set(chooser.ask(4, 4) or {}) == set(SPACE)


def test_maximizing_goes_the_other_way() -> None:
    given = config(metric={"name": "loss", "goal": "maximize"})
    found = [value(place) for place in search(make_chooser(given, 1), 0, 50)]
    assert max(found[-15:]) > 60


@pytest.mark.parametrize(("sampler", "trials"), [("tpe", 40), ("gp", 14)])
def test_a_question_is_answered_as_optunas_own_sampler_would(sampler: str, trials: int) -> None:
    """Of the same trials and with the question's seed: finished, failed and running ones."""
    optuna = pytest.importorskip("optuna")
    if sampler == "gp":
        pytest.importorskip("torch")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kinds = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}
    states = optuna.trial.TrialState
    space: dict[str, Any] = {
        name: optuna.distributions.FloatDistribution(-5.0, 5.0) for name in ("x", "y")
    }
    space["kind"] = optuna.distributions.CategoricalDistribution([0, 1])
    study, chooser = optuna.create_study(), make_chooser(config(sampler=sampler), 7)
    for number in range(trials):
        study.sampler = kinds[sampler](seed=seed_of(7, number))
        place = study.ask(space).params
        assert chooser.ask(number, number) == place, number
        if number % 9 == 4:
            study.tell(number, state=states.FAIL)
            chooser.tell(Told(number, place, "failed", None))
        elif number % 9 != 5:  # the others run on
            study.tell(number, value(place))
            chooser.tell(Told(number, place, "finished", value(place)))


WIDE = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 0.1},
    "x": {"min": -5.0, "max": 5.0},
}
DISCRETE = {**WIDE, "depth": {"min": 1, "max": 9}, "kind": {"values": ["a", "b", "c"]}}


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize("options", [{}, {"constant_liar": False, "n_startup_trials": 4}])
@pytest.mark.parametrize("parameters", [WIDE, DISCRETE], ids=["continuous", "discrete"])
def test_what_tpe_remembers_leads_to_optunas_own_choices(
    goal: str, options: dict[str, Any], parameters: dict[str, Any]
) -> None:
    """Trials that ended early, failed or run on, and equal values: as Optuna reads them all."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kinds, states = optuna.distributions, optuna.trial.TrialState
    space: dict[str, Any] = {
        "lr": kinds.FloatDistribution(1e-5, 0.1, log=True),
        "x": kinds.FloatDistribution(-5.0, 5.0),
        "depth": kinds.IntDistribution(1, 9),
        "kind": kinds.CategoricalDistribution([0, 1, 2]),
    }
    space = {name: space[name] for name in parameters}
    study = optuna.create_study(direction=goal)
    given = config(
        parameters=parameters,
        metric={"name": "loss", "goal": goal},
        sampler={"name": "tpe", **options},
    )
    chooser = make_chooser(given, 7)
    assert chooser._memory is not None, "this Optuna is served as it is, without a memory"  # type: ignore[attr-defined]
    for number in range(60):
        study.sampler = optuna.samplers.TPESampler(seed=seed_of(7, number), **options)
        trial = study.ask(space)
        place = trial.params
        assert chooser.ask(number, number) == place, number
        found = round(place["x"] ** 2 + 100 * place["lr"] + place.get("depth", 0), number % 2)
        if number % 10 == 4:
            study.tell(trial, state=states.FAIL)
            chooser.tell(Told(number, place, "failed", None))
        elif number % 10 in (2, 6):
            trial.report(found, number % 7)
            study.tell(trial, state=states.PRUNED)
            chooser.tell(Told(number, place, "stopped", found, number % 7))
        elif number % 10 != 5:  # the others run on
            study.tell(trial, found)
            chooser.tell(Told(number, place, "finished", found))


@pytest.mark.parametrize("sampler", ["tpe", "cma-es", "qmc", "random"])
def test_samplers_are_chosen_by_name(sampler: str) -> None:
    """Each covers the space."""
    chooser = make_chooser(config(sampler={"name": sampler}), 1)
    found = search(chooser, 0, 12)
    assert len({place["x"] for place in found}) == 12


GAUSSIAN = """
import sys
from epochal.search.choosing import Told, make_chooser
from epochal.search.parse import read_sweep

space = {"x": {"min": -5.0, "max": 5.0}}
given = {"method": "bayes", "metric": {"name": "loss"}, "parameters": space}
chooser = make_chooser(read_sweep(given), 1)
for number in range(12):
    chooser.prepare(number)
    print("torch" in sys.modules)
    place = chooser.ask(number, number)
    chooser.tell(Told(number, place, "finished", place["x"] ** 2))
"""
AGAIN = """
import sys
from epochal.search.choosing import Told, make_chooser
from epochal.search.parse import read_sweep

space = {"x": {"min": -5.0, "max": 5.0}}
given = {"method": "bayes", "metric": {"name": "loss"}, "parameters": space}
chooser = make_chooser(read_sweep(given), 1)
for number in range(101):
    chooser.tell(Told(number, {"x": number / 50}, "finished", float(number)))
chooser.prepare(101)
chooser.ask(101, 101)
print("torch" in sys.modules)
"""


def test_a_gaussian_process_is_loaded_when_it_may_be_asked_and_before() -> None:
    """A sweep that was just made, or has few trials, costs the server no PyTorch."""
    pytest.importorskip("torch")
    said = subprocess.run([sys.executable, "-c", GAUSSIAN], capture_output=True, check=True)
    assert said.stdout.decode().split() == ["False"] * 10 + ["True"] * 2


def test_a_long_search_costs_a_server_that_starts_again_no_gaussian_process() -> None:
    """An odd trial past the hundredth: TPE has its turn, and PyTorch is not loaded."""
    pytest.importorskip("torch")
    said = subprocess.run([sys.executable, "-c", AGAIN], capture_output=True, check=True)
    assert said.stdout.decode().strip() == "False"


def test_options_that_a_sampler_does_not_take_are_refused() -> None:
    given = config(sampler={"name": "tpe", "n_startup": 3})
    with pytest.raises(InvalidInput, match="sampler tpe does not take these options"):
        make_chooser(given, 1)


def test_the_grid_ends() -> None:
    given = config("grid", parameters={"kind": {"values": ["a", "b"]}})
    chooser = make_chooser(given, 1)
    assert [chooser.ask(n, n) for n in range(3)] == [{"kind": 0}, {"kind": 1}, None]
