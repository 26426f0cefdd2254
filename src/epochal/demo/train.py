"""One recorded training: the script that ``epochal demo`` starts once per run.

It is an ordinary user's script: everything that Epochal sees of it passes through ``init``,
``log``, ``watch``, ``summary`` and ``log_model``, so what the page shows of the demo it shows of
any training.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

import epochal
from epochal.demo.folder import find_folder
from epochal.demo.images import Images, load_images
from epochal.demo.outcome import keep_model, log_mistakes

PROJECT = "demo"
BAR = 24
WATCH_EVERY = 40
INTERRUPTED = 130


class Network(nn.Module):
    """Two convolutions and a linear layer; ``width`` channels, then twice as many."""

    def __init__(self, width: int, side: int, classes: int = 10) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.second = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.head = nn.Linear(2 * width * (side // 4) ** 2, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, shaped (n, classes), of images shaped (n, 1, side, side)."""
        x = functional.max_pool2d(functional.leaky_relu(self.first(x)), 2)
        x = functional.max_pool2d(functional.leaky_relu(self.second(x)), 2)
        return self.head(x.flatten(1))  # type: ignore[no-any-return]


def warm_cosine(step: int, steps: int, warmup: int) -> float:
    """The factor on the learning rate: up in a line over ``warmup`` steps, down in a cosine."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


class Learner:
    """The network, its optimizer and its learning-rate schedule."""

    def __init__(self, images: Images, options: argparse.Namespace) -> None:
        torch.manual_seed(options.seed)
        self.batches = len(images.train_y) // options.batch_size
        self.model = Network(options.width, images.side)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=options.lr, momentum=0.9)
        steps = self.batches * options.epochs
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: warm_cosine(step, steps, warmup=max(1, steps // 20))
        )


def loss_of(logits: Tensor, y: Tensor) -> Tensor:
    """Mean cross entropy, as the formula says it.

    That is how losses get their NaN: a probability that underflows to 0 has no logarithm.
    PyTorch's own `cross_entropy` avoids it; a demo of what NaN looks like does not.
    """
    return functional.nll_loss(logits.softmax(1).log(), y)


@torch.no_grad()
def evaluate(model: nn.Module, x: Tensor) -> Tensor:
    """Logits, shaped (n, classes), of a whole set."""
    model.eval()
    logits = torch.cat([model(part) for part in x.split(500)])
    model.train()
    return logits


def show_progress(epoch: int, epochs: int, batch: int, batches: int, loss: float) -> None:
    """One line that rewrites itself; the page folds it as a terminal would."""
    filled = BAR * (batch + 1) // batches
    bar = "█" * filled + "░" * (BAR - filled)
    end = "\n" if batch + 1 == batches else ""
    text = f"\repoch {epoch + 1}/{epochs} {bar} {batch + 1}/{batches} loss {loss:.4f}"
    print(text, end=end, flush=True)


def train_epoch(
    run: epochal.Run, learner: Learner, images: Images, epoch: int, options: argparse.Namespace
) -> None:
    """Every training image once, in a new order; the loss and the rate of each step."""
    started, order = time.perf_counter(), torch.randperm(len(images.train_y))
    for batch in range(learner.batches):
        chosen = order[batch * options.batch_size : (batch + 1) * options.batch_size]
        logits = learner.model(images.train_x[chosen])
        loss = loss_of(logits, images.train_y[chosen])
        learner.optimizer.zero_grad()
        loss.backward()
        learner.optimizer.step()
        run.log({"train/loss": loss, "train/lr": learner.schedule.get_last_lr()[0]})
        learner.schedule.step()
        if batch % 20 == 0 or batch + 1 == learner.batches:
            show_progress(epoch, options.epochs, batch, learner.batches, loss.item())
    speed = learner.batches * options.batch_size / (time.perf_counter() - started)
    run.log({"epoch": epoch + 1, "throughput/images_per_s": speed}, commit=False)


def train(run: epochal.Run, images: Images, options: argparse.Namespace) -> None:
    """Train one network and log as people do: loss per step, validation per epoch."""
    learner = Learner(images, options)
    run.watch(learner.model, log="all", log_freq=WATCH_EVERY)
    run.summary["parameters"] = sum(p.numel() for p in learner.model.parameters())
    for epoch in range(options.epochs):
        train_epoch(run, learner, images, epoch, options)
        logits = evaluate(learner.model, images.val_x)
        val_loss = float(loss_of(logits, images.val_y))
        val_acc = float((logits.argmax(1) == images.val_y).float().mean())
        log_mistakes(run, images, logits)
        run.log({"val/loss": val_loss, "val/acc": val_acc})
        print(f"epoch {epoch + 1}: validation loss {val_loss:.4f}, accuracy {val_acc:.2%}")
        if not math.isfinite(val_loss):
            run.summary["diverged"] = True
            print(
                f"Stopping: the loss is {val_loss}, a learning rate of {options.lr} is too high."
            )
            return
    keep_model(run, images, learner.model)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of one run."""
    parser = argparse.ArgumentParser(prog="epochal.demo.train", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of Fashion-MNIST")
    parser.add_argument("--name", help="name of the run")
    parser.add_argument("--tag", action="append", default=[], help="may be repeated")
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--images", type=int, default=10_000, help="training images to use")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Load, train, record."""
    options = parse(arguments)
    images = load_images(find_folder(options.data), options.images)
    config = {
        "data": images.name,
        "images": len(images.train_y),
        "lr": options.lr,
        "batch_size": options.batch_size,
        "epochs": options.epochs,
        "seed": options.seed,
        "model": {"name": "cnn", "width": options.width},
        "optimizer": {"name": "sgd", "momentum": 0.9},
    }
    tags = ["demo", images.name, *options.tag]
    with epochal.init(project=PROJECT, name=options.name, config=config, tags=tags) as run:
        run.define_metric("val/acc", summary="max")
        run.define_metric("val/loss", summary="min")
        train(run, images, options)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)  # told by the run; a trace of where would say nothing of the demo
