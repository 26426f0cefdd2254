"""What a Trainer's logger costs a training step, beside Lightning's own loggers.

Called as ``python lightning.py PEER WORK DIRECTORY COUNT`` in a process of its own; Lightning and
PyTorch are ours, wandb is the peer's own. ``train``: a tiny model trains with a logger that is
told five values at every step; counted is the time inside of the logger's ``log_metrics`` and
``save``. ``calls``: the same values in a bare loop; counted is the CPU time of all threads and
children, and start and end of the run are taken out by running it with few calls, too.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from typing import Any

PEERS = ("csv", "tensorboard", "wandb", "epochal")
QUIET = {"console": False, "git": False, "environment": False, "system_interval": 0}


def make(peer: str, directory: str) -> Any:
    """The peer's logger, with its capture switched off where it can be."""
    from lightning.pytorch import loggers

    if peer == "epochal":
        from epochal.integrations.lightning import EpochalLogger

        os.environ["EPOCHAL_HOME"] = os.path.join(directory, "home")
        return EpochalLogger(save_dir=directory, settings={**QUIET, "silent": True})
    if peer == "wandb":
        import wandb

        settings = wandb.Settings(
            silent=True, console="off", disable_git=True, x_disable_stats=True, x_disable_meta=True
        )
        return loggers.WandbLogger(offline=True, save_dir=directory, settings=settings)
    if peer == "tensorboard":
        return loggers.TensorBoardLogger(directory)
    return loggers.CSVLogger(directory)


def model() -> Any:
    """One linear layer that logs five values at each step."""
    import torch
    from lightning.pytorch import LightningModule

    class Line(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(8, 1)

        def training_step(self, batch: Any) -> Any:
            loss = self.layer(batch).pow(2).mean()
            self.log_dict({f"train/value_{n}": loss.detach() * n for n in range(4)})
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.001)

    return Line()


class Clock:
    """Measures what a Trainer's loop spends inside of a logger."""

    def __init__(self, logger: Any) -> None:
        self.times: list[int] = []
        self._inner = logger.log_metrics
        self._save = logger.save
        logger.log_metrics, logger.save = self.log_metrics, self.save

    def log_metrics(self, *values: Any, **named: Any) -> None:
        begun = time.perf_counter_ns()
        self._inner(*values, **named)
        self.times.append(time.perf_counter_ns() - begun)

    def save(self) -> None:
        begun = time.perf_counter_ns()
        self._save()
        if self.times:
            self.times[-1] += time.perf_counter_ns() - begun


def cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def train(peer: str, directory: str, steps: int) -> dict[str, float]:
    """A training, and how long it waits for its logger."""
    import torch
    from lightning.pytorch import Trainer

    torch.set_num_threads(1)
    logger = make(peer, directory)
    clock = Clock(logger)
    data = torch.utils.data.DataLoader(torch.randn(steps, 8), batch_size=1)
    trainer = Trainer(
        logger=logger, accelerator="cpu", max_epochs=1, log_every_n_steps=1,
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
    )  # fmt: skip
    trainer.fit(model(), data)
    end(peer, logger)
    times = sorted(clock.times[10:])
    return {
        "p50_us": times[len(times) // 2] / 1e3,
        "p99_us": times[len(times) * 99 // 100] / 1e3,
        "mean_us": statistics.fmean(times) / 1e3,
    }


def calls(peer: str, directory: str, count: int) -> dict[str, float]:
    """A bare loop, and all CPU time until the run is closed."""
    logger = make(peer, directory)
    _ = logger.experiment
    begun = cpu()
    for step in range(count):
        values = {f"train/value_{n}": step * 0.5 + n for n in range(4)}
        logger.log_metrics({**values, "epoch": 0}, step)
        logger.save()
    end(peer, logger)
    return {"cpu_s": cpu() - begun}


def end(peer: str, logger: Any) -> None:
    if peer in ("wandb", "epochal"):
        logger.experiment.finish()
    elif peer == "tensorboard":
        logger.experiment.close()


def lightning(quick: bool) -> dict[str, Any]:
    """Every logger in turns; medians over the rounds."""
    steps, count, rounds = (500, 2000, 1) if quick else (3000, 20_000, 3)
    results: dict[str, list[dict[str, float]]] = {peer: [] for peer in PEERS}
    for number in range(rounds):
        for peer in PEERS:
            print(f"round {number + 1}: lightning {peer}", file=sys.stderr)
            cost = _run(peer, "train", steps)
            few, many = (_run(peer, "calls", n)["cpu_s"] for n in (100, 100 + count))
            results[peer].append({**cost, "cpu_us": (many - few) / count * 1e6})
    return {
        peer: {field: statistics.median(one[field] for one in runs) for field in runs[0]}
        for peer, runs in results.items()
    }


def _run(peer: str, work: str, count: int) -> dict[str, float]:
    from bench.environments import python_of

    steering = ("EPOCHAL_", "WANDB_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(steering)}
    python = python_of(peer) if peer == "wandb" else sys.executable
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            [python, "-P", __file__, peer, work, directory, str(count)],
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
    work = {"train": train, "calls": calls}[sys.argv[2]]
    print("RESULT " + json.dumps(work(sys.argv[1], sys.argv[3], int(sys.argv[4]))))
