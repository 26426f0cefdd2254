"""`watch()` on real models: right figures at the right step, and nothing left behind."""

from __future__ import annotations

import copy
import gc
import io
import os
import socket
import subprocess
import sys
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import epochal
from epochal.domain.health import State, diagnose
from epochal.domain.record import Event, Media
from epochal.errors import EpochalWarning, InvalidInput, RunStateError
from tests.client.scripts import PRELUDE, read_home, run_script

Begin = Callable[..., epochal.Run]
Series = dict[str, list[tuple[int, dict[str, Any]]]]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def small() -> Any:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def backward(model: Any, width: int = 4) -> None:
    model(torch.randn(16, width)).square().mean().backward()


def recorded(home: Path) -> Series:
    """Steps and stats by key, in recorded order."""
    found: Series = {}
    for journal in read_home(home):
        for media in journal.all(Media):
            for item in media.items:
                assert item.kind in {"histogram", "plot"}
                found.setdefault(media.key, []).append((media.step, item.meta.get("stats")))
    return found


def steps(home: Path, key: str) -> list[int]:
    return [step for step, _ in recorded(home).get(key, [])]


def alarms(home: Path) -> list[Event]:
    return [e for j in read_home(home) for e in j.all(Event) if e.level == "warning"]


def hooks(model: nn.Module) -> int:
    """How many hooks of any kind lie on a model."""
    on_parameters = sum(len(p._post_accumulate_grad_hooks or ()) for p in model.parameters())
    return on_parameters + sum(len(m._forward_hooks) for m in model.modules())


# ----------------------------------------------------------------------------------- what and when
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


# ----------------------------------------------------------------------------------------- health
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


# --------------------------------------------------------------------------------------- together
@pytest.mark.parametrize("watch_first", [True, False])
@pytest.mark.parametrize("backend", ["eager", "aot_eager", "inductor"])
def test_it_survives_compilation(
    begin: Begin, home: Path, backend: str, watch_first: bool
) -> None:
    """In one graph, without a recompilation; keys are those of the model itself."""
    torch.compiler.reset()
    run, model = begin(), small()
    if watch_first:
        run.watch(model, log_freq=2)
    compiled = torch.compile(model, backend=backend, fullgraph=True)
    if not watch_first:
        run.watch(compiled, log_freq=2)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for _ in range(4):
            backward(compiled)
            run.log({"loss": 0})
    run.finish()
    assert steps(home, "gradients/0.weight") == [0, 2]
    assert hooks(model) == 0


def test_autocast_changes_nothing(begin: Begin, home: Path) -> None:
    """Even where the backward pass itself runs under it."""
    run, model = begin(), small()
    run.watch(model, log_freq=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        backward(model)
    run.finish()
    stats = recorded(home)["gradients/0.weight"][0][1]
    assert stats["norm"] == pytest.approx(float(model[0].weight.grad.norm()), rel=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_lazy_modules_are_watched_when_they_have_their_shape(
    begin: Begin, home: Path, compiled: bool
) -> None:
    """At once; if they were compiled before, after their first optimizer step."""
    torch.compiler.reset()
    run = begin()
    model = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(2))
    run.watch(model, log_freq=1, log_graph=True)
    copied = copy.deepcopy(model)
    torch.save(model, io.BytesIO())
    called = torch.compile(model, backend="eager") if compiled else model
    with torch.no_grad():
        called(torch.randn(2, 4))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(3):
        backward(called)
        optimizer.step()
        run.log({"loss": 0})
    run.finish()
    assert steps(home, "gradients/0.weight") == [0, 1, 2][compiled:]
    assert hooks(model) == 0
    backward(copied)
    tree = next(m for j in read_home(home) for m in j.all(Media) if m.key == "model/graph")
    assert tree.items[0].meta["parameters"] == 4 * 8 + 8 + 8 * 2 + 2


DISTRIBUTED = """
import os, sys
import torch, torch.distributed as dist, torch.multiprocessing as mp
from torch import nn

def train(rank, port):
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    run = epochal.init(project="tests", id=f"rank{rank}", settings={**QUIET, "ranks": "each"})
    torch.manual_seed(0)
    model = nn.parallel.DistributedDataParallel(nn.Linear(2, 1, bias=False))
    run.watch(model, log_freq=1)
    for step in range(2):
        model.zero_grad()
        model(torch.full((1, 2), float(rank + step))).sum().backward()
        run.log({"gradient": float(model.module.weight.grad[0, 0])})
    run.finish()
    dist.destroy_process_group()

if __name__ == "__main__":
    mp.spawn(train, args=(sys.argv[1],), nprocs=2)
"""


def test_distributed_gradients_are_seen_after_their_reduction(home: Path, tmp_path: Path) -> None:
    """Two processes over gloo with different data record the same, averaged gradient."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        free_port = free.getsockname()[1]
    script = tmp_path / "train.py"
    script.write_text(PRELUDE + DISTRIBUTED)
    done = subprocess.run(
        [sys.executable, str(script), str(free_port)],
        env={**os.environ, "EPOCHAL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    journals = read_home(home)
    assert len(journals) == 2
    for journal in journals:
        found = [(m.step, m.items[0].meta["stats"]["max"]) for m in journal.all(Media)]
        assert found == [(0, 0.5), (1, 1.5)]
        assert [value for _, value in journal.points("gradient")] == [0.5, 1.5]


# ------------------------------------------------------------------------------------ end of watch
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


# ------------------------------------------------------------------------------------- bad input
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


# ------------------------------------------------------------------------------------------- tree
def test_the_tree_names_modules_classes_and_shapes(begin: Begin, home: Path) -> None:
    run = begin()
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(4, 1))
    model[2] = nn.Sequential(shared)
    model[3].requires_grad_(False)
    run.watch(model, log=None, log_graph=True)
    run.finish()
    (media,) = read_home(home)[0].all(Media)
    meta = media.items[0].meta
    assert (media.key, media.step, meta["type"]) == ("model/graph", 0, "modules")
    assert (meta["parameters"], meta["trainable"]) == (25, 20)
    nodes = {node["name"]: node for node in meta["spec"]["nodes"]}
    assert (nodes[""]["class"], nodes[""]["parent"]) == ("Sequential", None)
    assert nodes["0"]["parameters"][0] == {
        "name": "weight",
        "shape": [4, 4],
        "dtype": "float32",
        "count": 16,
        "trainable": True,
    }
    assert (nodes["3"]["parent"], nodes["1"]["class"]) == ("", "ReLU")


def test_a_large_tree_lies_in_a_blob(begin: Begin, home: Path) -> None:
    run = begin()
    run.watch(nn.Sequential(*(nn.Linear(2, 2) for _ in range(300))), log=None, log_graph=True)
    run.finish()
    item = read_home(home)[0].all(Media)[0].items[0]
    assert "spec" not in item.meta
    blob = item.blobs["data"]
    assert (home / "blobs" / blob.digest[:2] / blob.digest).stat().st_size == blob.size > 32_768


def test_importing_epochal_loads_neither_torch_nor_watch(home: Path) -> None:
    code = "import sys; print([m for m in sys.modules if m in ('torch', 'epochal.client.watch')])"
    assert run_script(code, home).stdout.strip() == "[]"
    assert "torch" in sys.modules
