"""What watching a model costs a training step, beside wandb's, on small models on the CPU.

Called as ``python -P watch.py PEER DIRECTORY STEPS MODEL`` in the peer's own environment, where
PyTorch is taken from ours. Each process trains copies of a model in turns, single-threaded and in
CPU time: an unwatched one beside one at the default of a record in 1,000 passes, then beside one
with a record in every pass. The overhead at the default is what the former costs between records
plus a thousandth of a record.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from typing import Any

PEERS = ("epochal", "wandb")
MODELS = ("cnn", "mlp", "resnet")
BLOCK = 5
STEPS = {"cnn": 100, "mlp": 300, "resnet": 30}  # per cent: small steps need more of them
LOG_FREQ = 1000  # the default of both
HERE = os.path.dirname(os.path.abspath(__file__))


def build(name: str) -> tuple[Any, Any, Any]:
    """A model, a batch and its labels."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(1)
    labels = torch.randint(10, (32,))
    if name == "mlp":
        widths = [784, 512, 512, 512, 10]
        layers = [x for a, b in itertools.pairwise(widths) for x in (nn.Linear(a, b), nn.ReLU())]
        return nn.Sequential(*layers[:-1]), torch.randn(32, 784), labels
    if name == "cnn":
        model = nn.Sequential(
            nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(800, 64), nn.ReLU(), nn.Linear(64, 10),
        )  # fmt: skip
        return model, torch.randn(32, 1, 28, 28), labels

    class Block(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
                nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width),
            )  # fmt: skip

        def forward(self, x: Any) -> Any:
            return torch.relu(x + self.body(x))

    blocks = [Block(32) for _ in range(8)]
    ends = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)]
    model = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), *blocks, *ends)
    return model, torch.randn(32, 3, 16, 16), labels


def train(peer: str, directory: str, steps: int, name: str) -> dict[str, float]:
    """Copies of the model train in turns, ``BLOCK`` steps at a time."""
    import torch

    spec = importlib.util.spec_from_file_location(
        "peer", os.path.join(HERE, "peers", f"{peer}.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.start(directory)
    copies = {}
    for kind in ("plain", "watched", "always"):
        model, batch, labels = build(name)
        copies[kind] = model, torch.optim.SGD(model.parameters(), lr=0.01), batch, labels
    module.tracker.watch(copies["watched"][0])
    module.tracker.watch(copies["always"][0], log_freq=1, idx=1)

    def block(kind: str) -> float:
        model, optimizer, batch, labels = copies[kind]
        begun = time.process_time()
        for _ in range(BLOCK):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(batch), labels).backward()
            optimizer.step()
        return (time.process_time() - begun) / BLOCK

    turns = itertools.count()

    def compare(kind: str) -> tuple[float, float]:
        """Median of a plain step, and of the difference of a ``kind`` step to it."""
        pairs = []
        for number in range(-2, steps // BLOCK):
            times = {k: block(k) for k in (("plain", kind) if number % 2 else (kind, "plain"))}
            module.log({"loss": 0.5}, next(turns))
            if number >= 0:
                pairs.append((times["plain"], times[kind] - times["plain"]))
        return statistics.median(p for p, _ in pairs), statistics.median(d for _, d in pairs)

    plain, between = compare("watched")
    _, record = compare("always")
    module.finish()
    return {
        "step_us": plain * 1e6,
        "between_us": between * 1e6,
        "record_us": record * 1e6,
        "percent": (between + record / LOG_FREQ) / plain * 100,
    }


def _python_of(peer: str) -> str:
    from bench.environments import python_of

    return python_of(peer)


def watch(quick: bool) -> dict[str, Any]:
    """Every model with every peer, peers in turns."""
    steps, rounds = (200, 1) if quick else (600, 3)
    found: dict[str, Any] = {}
    for name in MODELS:
        results: dict[str, list[dict[str, float]]] = {peer: [] for peer in PEERS}
        for _ in range(rounds):
            for peer in PEERS:
                results[peer].append(_run(peer, steps * STEPS[name] // 100, name))
        found[name] = {
            peer: {
                field: statistics.median(one[field] for one in runs) for field in runs[0]
            }
            for peer, runs in results.items()
        }  # fmt: skip
    return found


def _run(peer: str, steps: int, name: str) -> dict[str, float]:
    steering = ("EPOCHAL_", "WANDB_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(steering)}
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            [_python_of(peer), "-P", __file__, peer, directory, str(steps), name],
            capture_output=True,
            text=True,
            env={**environment, "BENCH_TORCH": sysconfig.get_paths()["purelib"]},
            cwd=directory,
            check=False,
            timeout=900,
        )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line[7:])
    raise RuntimeError(f"{peer}: {done.stderr[-1000:]}")


if __name__ == "__main__":
    sys.path.append(os.environ["BENCH_TORCH"])  # after the peer's own packages
    print("RESULT " + json.dumps(train(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])))
