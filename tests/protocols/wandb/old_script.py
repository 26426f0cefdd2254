"""What `test_old` runs with old clients: the core of what people do with wandb.

Prints one JSON object.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import wandb

PROJECT = f"old-{wandb.__version__}"


def log() -> str:
    """Config, rows, a nested key, NaN, console, a table, a file, an alert."""
    run = wandb.init(project=PROJECT, config={"lr": 0.1, "net": {"depth": 3}}, tags=["a"])
    print("hello from the script")
    for step in range(20):
        run.log({"loss": 1 / (step + 1), "acc": {"val": step}, "bad": math.nan})
    run.log({"table": wandb.Table(columns=["x", "y"], data=[[1, "one"], [2, "two"]])})
    run.summary["best"] = 0.05
    Path("notes.txt").write_text("kept")
    run.save("notes.txt", policy="now")
    run.alert("done", "all rows are there")
    run.finish()
    return str(run.id)


def go_on(run_id: str) -> int:
    """Resume the run and log two more rows; the step they began at."""
    run = wandb.init(project=PROJECT, id=run_id, resume="must")
    first = int(run.starting_step)
    run.log({"loss": 0.5})
    run.log({"loss": 0.25})
    run.finish()
    return first


def hand_over() -> dict[str, Any]:
    """Log an artifact in one run, use and download it in another."""
    with wandb.init(project=PROJECT) as run:
        made = wandb.Artifact("data", type="dataset", metadata={"rows": 2})
        with made.new_file("part/a.txt") as file:
            file.write("contents")
        run.log_artifact(made, aliases=["best"])
        made.wait()
    with wandb.init(project=PROJECT) as run:
        used = run.use_artifact("data:best")
        text = Path(used.download(), "part", "a.txt").read_text()
    return {"version": used.version, "text": text, "metadata": used.metadata}


def search() -> list[float]:
    """A grid, run by an agent in this process."""
    found: list[float] = []

    def train() -> None:
        with wandb.init() as run:
            found.append(run.config.x)
            run.log({"loss": run.config.x})

    space = {"method": "grid", "parameters": {"x": {"values": [1, 2]}}}
    wandb.agent(wandb.sweep(space, project=PROJECT), function=train, project=PROJECT)
    return sorted(found)


def read(run_id: str) -> dict[str, Any]:
    """The run by the public API."""
    api = wandb.Api()
    run = api.run(f"{PROJECT}/{run_id}")
    try:
        refused = str(len(api.runs(PROJECT, filters={"$where": 1})))
    except Exception as error:  # noqa: BLE001 - what these clients raise
        refused = str(error)
    return {
        "refused": refused,
        "state": run.state, "config": run.config, "best": run.summary["best"],
        "rows": len(list(run.scan_history(keys=["loss"]))),
        "sampled": len(run.history(samples=5, keys=["loss"], pandas=False)),
        "file": run.file("notes.txt").size,
        "found": [one.id for one in api.runs(PROJECT, filters={"config.lr": 0.1})] == [run_id],
    }  # fmt: skip


def main() -> None:
    """All of it."""
    run_id = log()
    print(
        json.dumps(
            {
                "client": wandb.__version__, "run": run_id, "resumed_at": go_on(run_id),
                "artifact": hand_over(), "sweep": search(), "read": read(run_id),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
