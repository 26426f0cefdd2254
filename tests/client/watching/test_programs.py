"""`watch()` beside compilation, autocast, lazy modules and distributed training."""

from __future__ import annotations

import copy
import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from epochal.domain.record import Media
from tests.client.scripts import PRELUDE, read_home
from tests.client.watching.watched import Begin, backward, hooks, recorded, small, steps

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
