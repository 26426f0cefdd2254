"""`watch()` records the right figures at the right step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import epochal
from tests.client.watching.watched import Begin, backward, hooks, recorded, small, steps


def test_gradients_are_recorded_at_the_first_pass_and_every_nth(begin: Begin, home: Path) -> None:
    """At the step that the next log() gets, one histogram per parameter."""
    run, model = begin(), small()
    epochal.watch(model, log_freq=3)
    for _ in range(7):
        backward(model)
        run.log({"loss": 1.0})
    run.finish()
    found = recorded(home)
    assert list(found) == [f"gradients/{name}" for name, _ in model.named_parameters()]
    assert {tuple(step for step, _ in series) for series in found.values()} == {(0, 3, 6)}


def test_gradients_stand_at_the_step_that_the_user_gives_afterwards(
    begin: Begin, home: Path
) -> None:
    """As in W&B's tutorial: log(..., step=examples seen) after the backward pass."""
    run, model = begin(), small()
    epochal.watch(model, log_freq=1)
    for batch in range(1, 4):
        backward(model)
        run.log({"loss": 1.0}, step=32 * batch)
    run.finish()
    assert steps(home, "gradients/0.weight") == [32, 64, 96]


def test_the_figures_are_those_of_the_gradient_at_that_moment(begin: Begin, home: Path) -> None:
    """Whatever the optimizer does to it afterwards."""
    run, model = begin(), small()
    run.watch(model, log="all", log_freq=1)
    backward(model)
    gradient, weight = model[0].weight.grad.clone(), model[0].weight.detach().clone()
    torch.optim.SGD(model.parameters(), 0.5).step()
    model.zero_grad()
    run.finish()
    for key, tensor in (("gradients/0.weight", gradient), ("parameters/0.weight", weight)):
        stats = recorded(home)[key][0][1]
        assert stats["norm"] == pytest.approx(float(tensor.norm()))
        assert stats["mean"] == pytest.approx(float(tensor.mean()), abs=1e-8)
        assert (stats["min"], stats["max"]) == (float(tensor.min()), float(tensor.max()))
        assert stats["zeros"] == int((tensor == 0).sum())


def test_the_update_ratio_is_the_way_since_the_last_record(begin: Begin, home: Path) -> None:
    run, model = begin(), nn.Linear(3, 1)
    run.watch(model, log="parameters", log_freq=1)
    before = model.weight.detach().clone()
    backward(model, 3)
    with torch.no_grad():
        model.weight.add_(0.25)
    backward(model, 3)
    run.finish()
    first, second = (stats for _, stats in recorded(home)["parameters/weight"])
    assert "update_ratio" not in first
    assert second["update_ratio"] == pytest.approx(0.25 * 3**0.5 / float((before + 0.25).norm()))


def test_parameters_alone_and_nothing_at_all(begin: Begin, home: Path) -> None:
    run, one, two = begin(), nn.Linear(4, 1), nn.Linear(4, 1)
    run.watch(one, log="parameters", log_freq=1)
    run.watch(two, log=None)
    assert hooks(two) == 0
    backward(one)
    backward(two)
    run.finish()
    assert sorted(recorded(home)) == ["parameters/bias", "parameters/weight"]


def test_several_models_get_their_number_into_their_keys(begin: Begin, home: Path) -> None:
    """A loss with parameters of its own is watched, too."""
    run, one, two, loss = begin(), nn.Linear(4, 4), nn.Linear(4, 4), nn.PReLU()
    run.watch([one, two], criterion=loss, log_freq=1)
    backward(nn.Sequential(one, two, loss))
    run.finish()
    assert sorted(recorded(home)) == [
        "gradients/bias",
        "gradients/criterion.weight",
        "gradients/model_1.bias",
        "gradients/model_1.weight",
        "gradients/weight",
    ]


def test_accumulated_gradients_are_recorded_as_they_add_up(begin: Begin, home: Path) -> None:
    """Every backward pass counts, and sees the sum so far."""
    run, model = begin(), nn.Linear(2, 1, bias=False)
    run.watch(model, log_freq=1)
    for _ in range(3):
        model(torch.ones(1, 2)).sum().backward()
    run.finish()
    norms = [stats["norm"] for _, stats in recorded(home)["gradients/weight"]]
    assert norms == pytest.approx([2**0.5, 2 * 2**0.5, 3 * 2**0.5])


def test_a_parameter_used_twice_counts_one_pass_and_has_one_key(begin: Begin, home: Path) -> None:
    run = begin()
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    run.watch(model, log_freq=2)
    for _ in range(4):
        backward(model)
        run.log({"loss": 0})
    run.finish()
    assert steps(home, "gradients/0.weight") == [0, 2]
    assert "gradients/2.weight" not in recorded(home)


def test_a_frozen_parameter_is_left_out_until_it_thaws(begin: Begin, home: Path) -> None:
    run, model = begin(), small()
    model[0].requires_grad_(False)
    run.watch(model, log_freq=1)
    for step in range(3):
        model[0].requires_grad_(step > 0)
        model.zero_grad()
        backward(model)
        run.log({"loss": 0})
    run.finish()
    assert steps(home, "gradients/0.weight") == [1, 2]
    assert steps(home, "gradients/2.weight") == [0, 1, 2]


def test_a_wide_model_is_watched_whole_through_a_few_hooks(begin: Begin, home: Path) -> None:
    run = begin()
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(100)))
    run.watch(model, log_freq=1)
    assert 0 < hooks(model) <= 33
    backward(model)
    run.finish()
    assert len(recorded(home)) == 200


def test_a_sparse_gradient_is_recorded(begin: Begin, home: Path) -> None:
    run, model = begin(), nn.Embedding(50, 4, sparse=True)
    run.watch(model, log_freq=1)
    model(torch.tensor([3, 3, 7])).sum().backward()
    run.finish()
    stats = recorded(home)["gradients/weight"][0][1]
    assert (stats["n"], stats["zeros"], stats["max"]) == (200, 192, 2.0)


def test_half_precision_with_nan_and_inf_is_counted(begin: Begin, home: Path) -> None:
    run, model = begin(), nn.Linear(3, 1, bias=False).bfloat16()
    run.watch(model, log_freq=1)
    row = torch.tensor([[float("nan"), float("inf"), 2.0]], dtype=torch.bfloat16)
    model(row).sum().backward()
    run.finish()
    stats = recorded(home)["gradients/weight"][0][1]
    assert (stats["nan"], stats["inf"], stats["max"], stats["norm"]) == (1, 1, 2.0, 2.0)
