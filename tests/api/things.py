"""A home with media, files, artifacts and models as the real client leaves it.

Two runs of the project ``shop``: ``maker`` logs media at steps, keeps files and makes versions,
``user`` reads one of them. The registry has one model with two versions.
"""

from __future__ import annotations

from pathlib import Path

from epochal.api import connect
from tests.api.recorded import record

SCRIPT = """
import math, os
import numpy as np
import epochal

quiet = epochal.Settings(system_interval=0, silent=True, git=False, environment=False,
                         console=False)

def start(id, **options):
    return epochal.init(project="shop", id=id, settings=quiet, **options)

os.makedirs("data/inner", exist_ok=True)
open("data/a.txt", "w").write("alpha")
open("data/inner/b.bin", "wb").write(bytes(range(256)) * 8192)
open("notes.md", "w").write("# Notes")

with start("maker") as run:
    for step in range(3):
        picture = np.full((8, 12, 3), 40 * step, "uint8")
        run.log({"picture": epochal.Image(picture, caption=f"step {step}"),
                 "many": [epochal.Image(picture), epochal.Image(255 - picture)]}, step=step)
    run.log({"weights": epochal.Histogram([0.0, 1.0, 1.0, 2.0], num_bins=2),
             "words": epochal.Text("hello"),
             "table": epochal.Table(columns=["n", "word", "x"],
                                    data=[[1, "one", 0.5], [2, "NaN", math.nan]])}, step=1)
    run.save("notes.md", policy="now")
    run.save("data/inner/b.bin", policy="now")

    first = epochal.Artifact("digits", "dataset", description="first",
                             metadata={"rows": 3, "bad": math.nan})
    first.add_dir("data")
    first.add_reference("s3://bucket/far.bin", name="far.bin")
    first.add(epochal.Table(columns=["k"], data=[[7]]), "report")
    run.log_artifact(first, aliases=["best"], tags=["small"])
    open("data/a.txt", "w").write("alpha, changed")
    open("data/c.txt", "w").write("new")
    second = epochal.Artifact("digits", "dataset")
    second.add_dir("data")
    run.log_artifact(second)

    weights = epochal.Artifact("net", "model")
    with weights.new_file("net.txt") as file:
        file.write("weights 1")
    run.log_artifact(weights)
    run.link_artifact(weights, "classifier", aliases=["champion"])
    better = epochal.Artifact("net", "model")
    with better.new_file("net.txt") as file:
        file.write("weights 2")
    run.log_artifact(better)
    run.link_artifact(better, "classifier")

with start("user") as run:
    run.use_artifact("digits:v0", use_as="training data")
"""


def record_things(home: Path) -> None:
    """Record the home, and take its journals in once."""
    home.mkdir(mode=0o700)
    record(home, SCRIPT)
    versions = connect(home=home).artifact("digits", "shop")
    assert versions.state == "committed"
