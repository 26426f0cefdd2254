"""Parameters with conditions are there exactly when these hold, whoever chooses."""

from __future__ import annotations

from typing import Any

import pytest

from epochal.errors import InvalidInput
from epochal.search.choosing import Told, make_chooser
from epochal.search.config import SweepConfig
from epochal.search.grid import grid_point, grid_size
from epochal.search.parse import read_sweep
from epochal.search.space import coordinates_of, values_of

SPACE: dict[str, Any] = {
    "optimizer": {"values": ["sgd", "adam"]},
    "momentum": {"min": 0.0, "max": 0.9, "when": {"optimizer": "sgd"}},
    "nesterov": {"values": [True, False], "when": {"optimizer": "sgd"}},
    "adam": {
        "when": {"optimizer": ["adam"]},
        "parameters": {"beta": {"values": [0.9, 0.99]}, "eps": {"value": 1e-8}},
    },
    "depth": {"min": 1, "max": 3},
    "skip": {"values": ["a", "b"], "when": {"depth": [2, 3], "optimizer": "adam"}},
}


def config(method: str = "random", **changes: Any) -> SweepConfig:
    space = {**SPACE, **changes.pop("space", {})}
    given = {"method": method, "metric": "loss", "parameters": space, **changes}
    return read_sweep(given)


def expected(values: dict[str, Any]) -> set[str]:
    names = {"optimizer", "depth"}
    if values["optimizer"] == "sgd":
        return names | {"momentum", "nesterov"}
    return names | {"adam.beta", "adam.eps"} | ({"skip"} if values["depth"] > 1 else set())


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga-ii", "auto"])
def test_every_trial_has_the_parameters_of_its_branch(sampler: str) -> None:
    """And the search learns within each branch."""
    asked = config("bayes", sampler=sampler)
    chooser = make_chooser(asked, 1)
    for number in range(30):
        place = chooser.ask(number, number)
        assert place is not None
        values = values_of(asked, place)
        assert set(values) == expected(values)
        assert coordinates_of(asked, values) == place
        chooser.tell(Told(number, place, "finished", values.get("momentum", 1.0)))


def test_chance_reaches_all_branches_and_a_seed_repeats_them() -> None:
    def drawn(seed: int) -> list[dict[str, Any]]:
        chooser = make_chooser(config(), seed)
        return [values_of(config(), chooser.ask(n, n) or {}) for n in range(60)]

    assert {frozenset(values) for values in drawn(1)} == {
        frozenset(expected({"optimizer": kind, "depth": depth}))
        for kind, depth in (("sgd", 1), ("adam", 1), ("adam", 2))
    }
    assert drawn(1) == drawn(1)


def test_a_grid_holds_each_point_of_each_branch_once() -> None:
    asked = config("grid", space={"momentum": {"values": [0, 1, 2], "when": {"optimizer": "sgd"}}})
    size = grid_size(asked)
    points = [values_of(asked, grid_point(asked, index)) for index in range(size)]
    assert size == 3 * 2 * 3 + 2 * (1 + 2 * 2)
    assert len({repr(sorted(point.items())) for point in points}) == size
    assert all(set(point) == expected(point) for point in points)


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({"optimiser": "sgd"}, "'optimiser' is no parameter; did you mean 'optimizer'"),
        ({"depth": 2}, "'depth' stands below; write it above"),
        ({"optimizer": "adm"}, "never is 'adm'; did you mean 'adam'"),
        ({"optimizer": []}, "the list is empty"),
        ("sgd", "it must map a parameter to its values"),
    ],
)
def test_a_condition_that_never_holds_is_refused(when: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        config(space={"momentum": {"min": 0.0, "max": 0.9, "when": when}})


@pytest.mark.parametrize(
    ("depth", "words"), [(9, "it is a whole number from 1 to 3"), (2.0, r"never is 2\.0")]
)
def test_a_number_out_of_reach_is_refused(depth: float, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        config(space={"skip": {"values": [1], "when": {"depth": depth}}})
    with pytest.raises(InvalidInput, match="lr is no choice"):
        config(space={"lr": {"min": 0.1, "max": 1.0}, "x": {"value": 1, "when": {"lr": 1}}})


@pytest.mark.parametrize("sampler", ["gp", "cma-es", "qmc"])
def test_samplers_that_need_every_parameter_are_refused(sampler: str) -> None:
    with pytest.raises(InvalidInput, match=f"{sampler} does not go with parameters with when"):
        config("bayes", sampler=sampler)


def test_the_line_of_a_wrong_condition_is_named() -> None:
    text = "method: random\nparameters:\n  a: {values: [1, 2]}\n  b: {value: 1, when: {a: 3}}\n"
    with pytest.raises(InvalidInput, match=r"line 4: parameters\.b\.when\.a: a never is 3"):
        read_sweep(text)
