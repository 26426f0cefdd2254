"""The demo's training is a real one: it learns, and the recipe meant to fail does fail."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import epochal
from epochal.demo.recipes import RECIPES, Recipe
from epochal.demo.train import Network, warm_cosine

DIGITS = "from epochal.demo import folder; folder.SYSTEM_FOLDER = folder.Path('nowhere');"


def train(recipe: Recipe, home: Path, epochs: int) -> epochal.api.RunView:
    """Train on the digits in a process of its own, and read the run back."""
    arguments = [*recipe.arguments(), f"--epochs={epochs}", "--batch-size=32"]
    code = f"{DIGITS} from epochal.demo.train import main; main({arguments!r})"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "EPOCHAL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (run,) = epochal.runs("demo", home=home)
    return run


@pytest.mark.parametrize("side", [8, 28])
def test_the_network_takes_both_sizes_of_image(side: int) -> None:
    assert Network(4, side)(torch.zeros(3, 1, side, side)).shape == (3, 10)


def test_the_learning_rate_warms_up_and_then_falls_to_nothing() -> None:
    factors = [warm_cosine(step, 100, warmup=10) for step in range(100)]
    assert factors[0] == 0.1
    assert max(factors) == factors[9] == 1.0
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[-1] < 0.01


def test_the_baseline_learns_and_records_what_it_did(home: Path) -> None:
    """Each step's loss, each epoch's validation, config, tags, console, mistakes and the model."""
    run = train(RECIPES[0], home, epochs=6)
    assert (run.state, run.name) == ("finished", "baseline")
    assert run.config.model.width == RECIPES[0].width
    assert {"demo", "digits", "baseline"} <= set(run.tags)
    assert run.metrics["train/loss"].count == 6 * (1437 // 32)
    assert run.metrics["val/acc"].count == 6
    assert run.summary["val/acc"] > 0.8
    assert run.summary["val/acc"] == run.metrics["val/acc"].max
    assert any("accuracy" in line for line in run.logs())
    kept = {media.key for media in run.media_keys()}
    assert {"val/mistakes", "val/confusion", "gradients/head.weight"} <= kept
    model = epochal.load_model("models:/digits-classifier/1")
    assert model.predict(torch.zeros(3, 1, 8, 8)).shape == (3, 10)


def test_the_recipe_that_is_too_hot_becomes_nan_and_says_so(home: Path) -> None:
    """The page needs a real NaN to show; it must not be smoothed away on the road."""
    hot = next(recipe for recipe in RECIPES if recipe.name == "too-hot")
    run = train(hot, home, epochs=5)
    loss = run.metrics["train/loss"]
    assert loss.n_nan > 0
    assert run.summary["diverged"] is True
    values = run.series("train/loss").value
    assert math.isfinite(values[0])
    assert math.isnan(values[-1])
