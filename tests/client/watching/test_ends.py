"""A watch ends and leaves nothing behind; what cannot be watched is refused."""

from __future__ import annotations

import copy
import gc
import io
import warnings
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import epochal
from epochal.errors import EpochalWarning, InvalidInput, RunStateError
from tests.client.watching.watched import Begin, backward, hooks, recorded, small, steps


def test_unwatch_takes_every_hook_away(begin: Begin, home: Path) -> None:
    """All of them, or those of the models named."""
    run, one, two = begin(), small(), small()
    run.watch([one, two], log_freq=1)
    epochal.unwatch(one)
    assert (hooks(one), hooks(two) > 0) == (0, True)
    epochal.unwatch()
    assert hooks(two) == 0
    backward(one)
    backward(two)
    run.finish()
    assert recorded(home) == {}


def test_watching_again_replaces_the_first_watch(begin: Begin, home: Path) -> None:
    run, model = begin(), small()
    run.watch(model, log_freq=1)
    run.watch(model, log_freq=1)
    backward(model)
    run.finish()
    assert steps(home, "gradients/0.weight") == [0]


def test_the_end_of_the_run_takes_every_hook_away(begin: Begin) -> None:
    run, model = begin(), small()
    run.watch(model)
    run.finish()
    assert hooks(model) == 0
    backward(model)


def test_a_watched_model_can_go(begin: Begin, home: Path) -> None:
    """With its gradients and graph, without the garbage collector's help, before and after."""
    run, model = begin(), small()
    run.watch(model, log="all", log_freq=1)
    backward(model)
    kept = [weakref.ref(model), weakref.ref(model[0].weight), weakref.ref(model[0].weight.grad)]
    gc.disable()
    try:
        del model
        assert [ref() for ref in kept] == [None] * 3
    finally:
        gc.enable()
    other = small()
    run.watch(other, log_freq=1)
    backward(other)
    run.finish()
    assert steps(home, "gradients/0.weight") == [0, 0]


def test_an_output_kept_by_nobody_frees_its_graph(begin: Begin) -> None:
    """No hook holds on to the graph of a pass."""
    run, model = begin(), small()
    run.watch(model, log_freq=1)
    output = model(torch.randn(2, 4))
    saved = weakref.ref(output)
    loss = (output * output).sum()
    loss.backward(retain_graph=True)
    del output, loss
    assert saved() is None
    run.finish()


def test_a_watched_model_can_be_copied_and_saved(begin: Begin) -> None:
    run, model = begin(), small()
    run.watch(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other = copy.deepcopy(model)
        torch.save(model, io.BytesIO())
    assert hooks(other) == 0
    run.finish()


@pytest.mark.parametrize(
    "arguments",
    [
        {"models": object()},
        {"models": []},
        {"models": [nn.Linear(1, 1), "model"]},
        {"models": nn.Linear(1, 1), "log": "weights"},
        {"models": nn.Linear(1, 1), "log_freq": 0},
        {"models": nn.Linear(1, 1), "log_freq": 2.5},
    ],
    ids=["an object", "no model", "a text among models", "a word", "never", "half a pass"],
)
def test_what_cannot_be_watched_is_refused(begin: Begin, arguments: dict[str, Any]) -> None:
    run = begin()
    with pytest.raises(InvalidInput, match=r"watch\(\)"):
        run.watch(**arguments)
    run.finish()


def test_watch_without_a_run_says_what_to_do() -> None:
    with pytest.raises(RunStateError, match=r"epochal\.init"):
        epochal.watch(small())
    epochal.unwatch()


def test_a_disabled_run_leaves_the_model_alone(begin: Begin) -> None:
    run, model = begin(mode="disabled"), small()
    run.watch(model)
    assert hooks(model) == 0


def test_trouble_in_a_record_never_reaches_training(
    begin: Begin, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One warning; the gradients are there."""

    def twice() -> None:
        backward(model)
        backward(model)

    run, model = begin(), small()
    run.watch(model, log_freq=1)
    monkeypatch.setattr(torch, "histc", lambda *a: (_ for _ in ()).throw(RuntimeError("broken")))
    with pytest.warns(EpochalWarning, match=r"watch\(\).*broken") as told:
        twice()
    assert len(told) == 1
    assert model[0].weight.grad is not None
    run.finish()
