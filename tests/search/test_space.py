"""Every distribution of W&B: values lie where they should, and coordinates lead back."""

from __future__ import annotations

import math
import random
from statistics import NormalDist, fmean
from typing import Any

import pytest

from epochal.search.betas import beta_cdf, beta_quantile
from epochal.search.config import Parameter
from epochal.search.grid import grid_point, grid_size
from epochal.search.parse import read_sweep
from epochal.search.space import (
    coordinate_of,
    draw,
    nested,
    value_at,
    values_of,
)

DRAWS = 4_000
RANGES: dict[str, tuple[dict[str, Any], float, float]] = {
    "int_uniform": ({"min": 3, "max": 9}, 3, 9),
    "uniform": ({"min": -1.0, "max": 2.0}, -1, 2),
    "q_uniform": ({"min": 1.0, "max": 10.0, "q": 2.5}, 2.5, 10),
    "log_uniform": ({"min": -3, "max": 1}, math.exp(-3), math.e),
    "log_uniform_values": ({"min": 1e-4, "max": 1.0}, 1e-4, 1),
    "q_log_uniform": ({"min": 0, "max": 5, "q": 4}, 4, 148),
    "q_log_uniform_values": ({"min": 32, "max": 256, "q": 8}, 32, 256),
    "inv_log_uniform": ({"min": 1, "max": 3}, math.exp(-3), math.exp(-1)),
    "inv_log_uniform_values": ({"min": 0.1, "max": 10}, 0.1, 10),
    "beta": ({"a": 2.0, "b": 5.0}, 0, 1),
    "q_beta": ({"a": 2.0, "b": 2.0, "q": 0.25}, 0, 1),
    "normal": ({"mu": 10.0, "sigma": 2.0}, -10, 30),
    "q_normal": ({"mu": 10.0, "sigma": 2.0, "q": 1}, -10, 30),
    "log_normal": ({"mu": 0.0, "sigma": 1.0}, 0, 1e4),
    "q_log_normal": ({"mu": 3.0, "sigma": 1.0, "q": 2}, 0, 1e5),
}


def parameter(kind: str, given: dict[str, Any]) -> Parameter:
    sweep = {"method": "random", "parameters": {"p": {"distribution": kind, **given}}}
    return read_sweep(sweep).parameters[0]


@pytest.mark.parametrize("kind", list(RANGES))
def test_values_stay_in_their_range_and_lead_back(kind: str) -> None:
    """A drawn value lies in the range, is a multiple of q, and its coordinate gives it again."""
    given, low, high = RANGES[kind]
    one, source = parameter(kind, given), random.Random(1)
    values = [value_at(one, draw(one, source)) for _ in range(500)]
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in values)
    assert len(set(values)) > 2
    if "q" in given:
        assert all(abs(value / given["q"] - round(value / given["q"])) < 1e-9 for value in values)
        assert all(type(value) is type(given["q"]) for value in values)
    for value in values[:50]:
        place = coordinate_of(one, value)
        if place is None:  # rounding may leave the unit interval's open ends
            assert kind in ("q_beta", "q_log_normal")
            continue
        assert value_at(one, place) == pytest.approx(value, rel=1e-6, abs=1e-9)


def test_normal_and_logarithmic_values_have_their_means() -> None:
    """The quantile functions bend the right way."""
    source = random.Random(2)
    normal = parameter("normal", {"mu": 10.0, "sigma": 2.0})
    drawn = [value_at(normal, draw(normal, source)) for _ in range(DRAWS)]
    assert fmean(drawn) == pytest.approx(10.0, abs=0.2)
    log = parameter("log_uniform_values", {"min": 1e-4, "max": 1.0})
    logs = [math.log10(value_at(log, draw(log, source))) for _ in range(DRAWS)]
    assert fmean(logs) == pytest.approx(-2.0, abs=0.1)


def test_choices_follow_their_probabilities() -> None:
    given = {"values": ["a", "b"], "probabilities": [0.9, 0.1]}
    sweep = {"method": "random", "parameters": {"p": given}}
    one, source = read_sweep(sweep).parameters[0], random.Random(3)
    drawn = [value_at(one, draw(one, source)) for _ in range(DRAWS)]
    assert drawn.count("a") / DRAWS == pytest.approx(0.9, abs=0.03)


def test_beta_agrees_with_known_values() -> None:
    """I_x(1, 1) = x, I_x(a, 1) = x**a, and I_0.5(a, a) = 0.5."""
    for x in (0.01, 0.3, 0.5, 0.9):
        assert beta_cdf(x, 1, 1) == pytest.approx(x, abs=1e-12)
        assert beta_cdf(x, 3.5, 1) == pytest.approx(x**3.5, abs=1e-12)
        assert beta_quantile(beta_cdf(x, 2.5, 0.7), 2.5, 0.7) == pytest.approx(x, abs=1e-9)
    assert beta_cdf(0.5, 40, 40) == pytest.approx(0.5, abs=1e-12)
    normal = NormalDist(0.5, math.sqrt(1 / (4 * 20_001)))
    assert beta_cdf(0.502, 10_000, 10_000) == pytest.approx(normal.cdf(0.502), abs=1e-3)


def test_a_value_that_a_parameter_cannot_have_has_no_coordinate() -> None:
    whole = parameter("int_uniform", {"min": 1, "max": 4})
    assert coordinate_of(whole, 2) == 2
    for value in (0, 5, 2.5, "x", True, float("nan")):
        assert coordinate_of(whole, value) is None


def test_the_grid_holds_each_combination_once() -> None:
    """Whole numbers, multiples of q and lists; constants do not count."""
    sweep = read_sweep(
        {
            "method": "grid",
            "parameters": {
                "a": {"values": ["x", "y"]},
                "b": {"min": 1, "max": 3},
                "c": {"distribution": "q_uniform", "min": 0.0, "max": 1.0, "q": 0.5},
                "d": {"value": 9},
            },
        }
    )
    assert grid_size(sweep) == 18
    points = [values_of(sweep, grid_point(sweep, index)) for index in range(18)]
    assert len({tuple(point.items()) for point in points}) == 18
    assert points[0] == {"a": "x", "b": 1, "c": 0.0, "d": 9}
    assert points[-1] == {"a": "y", "b": 3, "c": 1.0, "d": 9}


def test_nested_parameters_come_back_nested() -> None:
    inner = {"parameters": {"name": {"value": "sgd"}, "lr": {"value": 0.1}}}
    sweep = read_sweep({"method": "random", "parameters": {"opt": inner, "a.b": {"value": 1}}})
    assert nested(sweep, values_of(sweep, {})) == {"opt": {"name": "sgd", "lr": 0.1}, "a.b": 1}
