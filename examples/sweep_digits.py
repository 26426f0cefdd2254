"""A search: learning rate, optimizer, width and dropout of a small network, with three agents.

`python examples/sweep_digits.py 48` tries 48 sets of values and the best one again with three
seeds: the sweep of the pictures in the docs. The images are scikit-learn's handwritten digits.
"""

import multiprocessing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

import epochal
from epochal.sweeps import open_sweep

AGENTS, EPOCHS = 3, 9
SWEEP = {
    "name": "digits",
    "description": "A small convolutional network on handwritten digits.",
    "method": "bayes",
    "metric": {"name": "val/loss", "goal": "minimize"},
    "early_terminate": {"type": "hyperband", "min_iter": 3, "eta": 3},
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 5e-4, "max": 0.5},
        "optimizer": {"values": ["adam", "sgd"]},
        "momentum": {"min": 0.0, "max": 0.99, "when": {"optimizer": "sgd"}},
        "width": {"distribution": "q_log_uniform_values", "min": 4, "max": 32},
        "dropout": {"min": 0.0, "max": 0.7},
    },
}


def train() -> None:
    """One trial: the values that the sweep chose are in the run's config."""
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    y = torch.tensor(digits.target)
    train_x, val_x, train_y, val_y = x[:1500], x[1500:], y[:1500], y[1500:]
    with epochal.init() as run:
        config = run.config
        torch.manual_seed(config.get("seed", 0))
        width = int(config.width)
        model = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(config.dropout),
            nn.Linear(width * 16, 10),
        )
        optimizer: torch.optim.Optimizer
        if config.optimizer == "sgd":
            optimizer = torch.optim.SGD(model.parameters(), config.lr, config.momentum)
        else:
            optimizer = torch.optim.Adam(model.parameters(), config.lr)
        for _ in range(EPOCHS):
            model.train()
            for chosen in torch.randperm(len(train_x)).split(100):
                loss = nn.functional.cross_entropy(model(train_x[chosen]), train_y[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                logits = model(val_x)
            run.log(
                {
                    "train/loss": loss,
                    "val/loss": nn.functional.cross_entropy(logits, val_y),
                    "val/acc": (logits.argmax(1) == val_y).float().mean(),
                }
            )


def work(sweep_id: str) -> None:
    """One agent: trials, one after another, until there are no more."""
    torch.set_num_threads(1)
    epochal.agent(sweep_id, train)


def search(sweep_id: str) -> None:
    """All agents, each a process of its own."""
    agents = [multiprocessing.Process(target=work, args=(sweep_id,)) for _ in range(AGENTS)]
    for agent in agents:
        agent.start()
    for agent in agents:
        agent.join()


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    sweep_id = epochal.sweep({**SWEEP, "run_cap": trials}, project="digits")
    search(sweep_id)
    sweep = open_sweep(sweep_id)
    sweep.repeat(3)  # how much of it was luck?
    search(sweep_id)
    best = sweep.best()
    print(f"best: {best.value:.4f} with {best.config}")
    print("again:", ", ".join(f"{trial.value:.4f}" for trial in best.repeats))
