"""Writes offline runs with the real wandb client; run as a program of its own: ``recipe.py DIR``.

Prints the directory of the first run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import wandb


def write(folder: Path) -> str:
    """A run with everything, which ends well, and one that fails."""
    saved = folder / "saved.txt"
    saved.write_text("saved file")
    run = wandb.init(
        project="digits", entity="team", name="first", notes="a note", tags=["a", "b"], group="g",
        job_type="train", dir=folder, id="abc123",
        config={"lr": 0.1, "opt": {"name": "adam", "betas": [0.9, 0.99]}},
    )  # fmt: skip
    run.define_metric("val/*", step_metric="epoch", summary="min")
    for step in range(50):
        print("epoch", step)
        row = {"loss": 1 / (step + 1), "epoch": step, "val/acc": step / 20, "word": f"w{step}"}
        run.log({**row, "flag": True, "nested": {"a": step, "b": {"c": float("nan")}}})
    print("progress 1\rprogress 2\rprogress 3")
    sys.stderr.write("an error line\n")
    pixels = np.zeros((4, 5, 3), np.uint8)
    run.log(
        {
            "hist": wandb.Histogram(list(range(100))),
            "image": wandb.Image(pixels, caption="black"),
            "many": [wandb.Image(pixels), wandb.Image(pixels + 1)],
            "table": wandb.Table(columns=["a", "b"], data=[[1, "x"], [2, "y"]]),
            "html": wandb.Html("<b>hi</b>"),
            "bars": wandb.plot.bar(wandb.Table(columns=["a", "b"], data=[["x", 1]]), "a", "b"),
        }
    )
    run.save(str(saved), base_path=str(folder))
    artifact = wandb.Artifact("ds", type="dataset", metadata={"n": 3}, description="d")
    artifact.add_file(str(saved))
    artifact.add_reference("https://example.invalid/key", name="ref", checksum=False)
    run.log_artifact(artifact, aliases=["best"])
    run.summary["best"] = 0.99
    run.config.update({"late": 5})
    run.alert("a title", "a text")
    place = Path(run.dir).parent
    run.finish()
    failed = wandb.init(project="digits", name="second", dir=folder, id="def456")
    failed.log({"loss": 1.0})
    failed.finish(exit_code=3)
    return str(place)


if __name__ == "__main__":
    os.environ["WANDB_MODE"] = "offline"
    print(write(Path(sys.argv[1])))
