"""What goes wrong inside of a watched model is told at its step."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from epochal.domain.health import State, diagnose
from tests.client.watching.watched import Begin, alarms, backward, recorded, small


def test_a_net_made_to_explode_is_found_at_the_right_step(begin: Begin, home: Path) -> None:
    """From step 8 on the loss is a million times as steep; from step 11 on it is NaN."""
    run, model = begin(), small()
    run.watch(model, log_freq=1)
    for step in range(13):
        model.zero_grad()
        loss = model(torch.randn(16, 4)).square().mean()
        (loss * (1e6 if step >= 8 else 1.0) * (float("nan") if step >= 11 else 1.0)).backward()
        run.log({"loss": loss.item()})
    run.finish()
    for diagnosis in diagnose(recorded(home)).values():
        assert diagnosis.first == {State.EXPLODING: 8, State.NAN: 11}
    titles = [event.title for event in alarms(home)]
    assert titles == [
        "Explosion in the gradients of 0, 2 at step 8",
        "NaN in the gradients of 0, 2 at step 11",
    ]
    assert {event.text for event in alarms(home)} == {""}, "the title names them all"


def test_dead_relus_are_found_at_the_right_step(begin: Begin, home: Path) -> None:
    """From step 4 on no input reaches the second layer: the first gets no gradient at all."""
    run, model = begin(), small()
    run.watch(model, log_freq=1)
    for step in range(10):
        if step == 4:
            with torch.no_grad():
                model[0].bias.fill_(-1e6)
        model.zero_grad()
        backward(model)
        run.log({"loss": 0})
    run.finish()
    found = diagnose(recorded(home))
    assert found["gradients/0.weight"].first == {State.DEAD: 4}
    assert found["gradients/2.bias"].first == {}
    assert alarms(home) == []


def test_a_nan_in_the_weights_is_told(begin: Begin, home: Path) -> None:
    run, model = begin(), small()
    run.watch(model, log="parameters", log_freq=1)
    with torch.no_grad():
        model[2].weight[0, 0] = float("nan")
    backward(model)
    run.finish()
    assert [e.title for e in alarms(home)] == ["NaN in the parameters of 2 at step 0"]


def test_the_scale_of_a_known_scaler_is_taken_out(begin: Begin, home: Path) -> None:
    """And what it overflows is its own business: no alarm."""
    run, one = begin(), nn.Linear(4, 1)
    two = copy.deepcopy(one)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    run.watch(one, log_freq=1)
    run.watch(two, log_freq=1, scaler=scaler)
    data = torch.rand(8, 4)
    one(data).sum().backward()
    scaler.scale(two(data).sum()).backward()
    two.zero_grad()
    scaler.scale(two(data).sum() * float("inf")).backward()
    run.finish()
    plain = recorded(home)["gradients/weight"][0][1]
    scaled, overflown = (stats for _, stats in recorded(home)["gradients/model_1.weight"])
    for name in ("min", "max", "mean", "std", "norm"):
        assert scaled[name] == pytest.approx(plain[name], rel=1e-5), name
    assert overflown["inf"] == 4
    assert alarms(home) == []
