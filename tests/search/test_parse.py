"""Configurations are read as W&B writes them, and refused with the place and the right word."""

from __future__ import annotations

from typing import Any

import pytest

from epochal.errors import InvalidInput
from epochal.search.config import DEFAULT_COMMAND, Metric, SweepConfig
from epochal.search.parse import read_sweep

YAML = """\
program: train.py
method: bayes
metric:
  name: val/loss
  goal: minimize
parameters:
  lr:
    distribution: log_uniform_values
    min: 1e-5
    max: 0.1
  optimizer:
    parameters:
      name:
        values: [sgd, adam]
      momentum: {min: 0.0, max: 0.99}
  epochs: {value: 10}
early_terminate: {type: hyperband, min_iter: 3}
run_cap: 40
seed: 7
"""


def config(**changes: Any) -> dict[str, Any]:
    given = {"method": "random", "parameters": {"lr": {"min": 0.0, "max": 1.0}}}
    return {**given, **changes}


def test_a_yaml_text_is_read_with_all_that_stands_in_it() -> None:
    """Nested parameters keep their path, W&B's words their meaning."""
    found = read_sweep(YAML)
    assert [p.name for p in found.parameters] == [
        "lr",
        "optimizer.name",
        "optimizer.momentum",
        "epochs",
    ]
    assert found.parameters[0].low == 1e-5
    assert found.parameters[1].path == ("optimizer", "name")
    assert found.metric == Metric("val/loss", "minimize")
    assert found.stopping is not None
    assert found.stopping.bands[:3] == (3, 9, 27)
    assert (found.run_cap, found.seed, found.program) == (40, 7, "train.py")
    assert found.command == DEFAULT_COMMAND


def test_distributions_are_inferred_as_by_wandb() -> None:
    """`value`, `values`, whole and fractional ranges say what they are."""
    given = {
        "a": {"value": 1},
        "b": {"values": [1, 2]},
        "c": {"min": 1, "max": 5},
        "d": {"min": 1.0, "max": 5},
        "e": {"values": ["x", "y"], "probabilities": [0.25, 0.75]},
    }
    found = read_sweep(config(parameters=given))
    kinds = [p.distribution for p in found.parameters]
    expected = ["constant", "categorical", "int_uniform", "uniform", "categorical_w_probabilities"]
    assert kinds == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method: bays\nparameters: {a: {value: 1}}", "line 1: method.*did you mean 'bayes'"),
        ("method: random\n\nparamters: {}", "line 3: paramters: unknown key; did you mean 'para"),
        (
            "method: random\nparameters:\n  lr:\n    distribution: log_unifrom\n    min: 1\n",
            "line 4: parameters.lr.distribution: unknown distribution.*'log_uniform'",
        ),
        (
            "method: random\nparameters:\n  a: {value: 1}\n  lr:\n    mn: 0\n    max: 1\n",
            "line 5: parameters.lr.mn: unknown key of a parameter.*did you mean 'min'",
        ),
        ("method: grid\nparameters:\n  lr:\n    values: []\n", "line 4.*is empty"),
        ("method: grid\nparameters: {lr: {min: 0.0, max: 1.0}}", "lr: uniform has no list"),
        ("method: random\nmethod: grid\n", "line 2: method: stands here twice"),
        ("method: [", "line 1: no YAML"),
        ("- a\n- b\n", "must be a mapping, got list"),
        ("method: random\nparameters:\n  lr: 0.1\n", "line 3: parameters.lr.*write {value: 0.1}"),
        ("method: bayes\nparameters: {a: {min: 1, max: 2}}", "bayes needs a metric"),
        ("method: random\nparameters:\n  a: {value: 2020-01-01}\n", "a date is no plain value"),
        ("method: random\nparameters: &a {a: {value: *a}}\n", "nested too deeply"),
        (
            "method: random\nparameters: {a: {min: 1, max: 2}}\ncommand: ['${pyton}']\n",
            "line 3: command.0: unknown macro 'pyton'",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(text: str, message: str) -> None:
    """The message points at the line, and names the nearest right word where there is one."""
    with pytest.raises(InvalidInput, match=message):
        read_sweep(text)


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"min": 2, "max": 1}, "greater than max"),
        ({"min": 1, "max": 2**60}, "goes up to"),
        ({"min": 1, "max": 10**400}, "more than 64 bits"),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "min greater than 0"),
        ({"distribution": "log_uniform", "min": 1, "max": 1000}, "natural logarithms"),
        ({"distribution": "normal", "mu": 0, "sigma": 0}, "greater than 0"),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0}, "greater than 0"),
        ({"distribution": "uniform", "min": 0}, "needs max"),
        ({"distribution": "uniform", "min": 0, "max": float("nan")}, "finite number"),
        ({"distribution": "constant", "value": 1, "min": 2}, "does not take min"),
        ({"values": [1, 2], "probabilities": [0.5, 0.6]}, "add up to 1"),
        ({"values": [1, 2], "probabilities": [1.0]}, "one for each"),
        ({"parameters": {"x": {"value": 1}}, "value": 2}, "stand alone"),
        ({}, "it has no values"),
    ],
)
def test_a_parameter_that_cannot_be_drawn_is_refused(
    parameter: dict[str, Any], message: str
) -> None:
    """Before the first trial, not in the middle of the night."""
    with pytest.raises(InvalidInput, match=message):
        read_sweep(config(parameters={"lr": parameter}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": {}}, "there are none"),
        ({"parameters": {"a.b": {"value": 1}, "a": {"parameters": {"b": {"value": 1}}}}}, "name"),
        ({"run_cap": 0}, "run_cap"),
        ({"run_cap": True}, "run_cap"),
        ({"metric": {"name": "x", "goal": "minimise"}}, "did you mean 'minimize'"),
        ({"metric": {"goal": "minimize"}}, "must name a logged value"),
        ({"early_terminate": {"type": "hyperband"}, "metric": {"name": "x"}}, "needs min_iter"),
        ({"early_terminate": {"type": "median"}}, "early_terminate needs a metric"),
        ({"sampler": "tpe"}, "only method bayes"),
        ({"controller": {"type": "local"}}, "the server chooses"),
        (
            {"method": "grid", "parameters": {n: {"min": 1, "max": 999} for n in "abc"}},
            "the grid has",
        ),
    ],
)
def test_a_configuration_that_contradicts_itself_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    """With what to change."""
    with pytest.raises(InvalidInput, match=message):
        read_sweep(config(**changes))


def test_a_grid_past_its_bound_goes_with_a_cap() -> None:
    given = config(method="grid", run_cap=5)
    given["parameters"] = {name: {"min": 1, "max": 999} for name in "abc"}
    assert isinstance(read_sweep(given), SweepConfig)


def test_hyperband_takes_both_of_wandbs_forms() -> None:
    """Upwards from `min_iter`, or `s` brackets downwards from `max_iter`."""
    upwards = {"type": "hyperband", "min_iter": 2, "eta": 2, "max_iter": 16}
    downwards = {"type": "hyperband", "max_iter": 27, "s": 2, "eta": 3}
    metric = {"name": "loss"}
    one = read_sweep(config(early_terminate=upwards, metric=metric)).stopping
    two = read_sweep(config(early_terminate=downwards, metric=metric)).stopping
    assert one is not None
    assert two is not None
    assert one.bands == (2, 4, 8, 16)
    assert two.bands == (3, 9)


def test_aliases_cannot_make_a_short_text_endless() -> None:
    """Nine lines of nine aliases each would be a billion places."""
    lines = ["a0: &a0 [1, 2]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(InvalidInput, match="too large"):
        read_sweep("\n".join(lines))
