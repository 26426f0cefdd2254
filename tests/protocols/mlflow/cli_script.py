"""What `test_cli` runs in a process of its own: commands of MLflow's, one after the other.

The arguments are experiment, run, folder for results and model URI. Prints one JSON object: what
each command printed.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path

from mlflow.cli import cli


def printed(*arguments: str) -> str:
    """What a command prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        cli.main(arguments, prog_name="mlflow", standalone_mode=False)
    return out.getvalue()


def main(experiment: str, run: str, folder: str, model: str) -> dict[str, str]:
    """Every command that talks to a tracking server and is asked for by people who train."""
    table, scores = Path(folder, "runs.csv"), Path(folder, "scores.json")
    rows = Path(folder, "rows.csv")
    rows.write_text("x\n1.0\n2.0\n")
    told = {
        "experiments": printed("experiments", "search"),
        "renamed": printed("experiments", "rename", "-x", experiment, "--new-name", "renamed"),
        "runs": printed("runs", "list", "--experiment-id", experiment),
        "described": printed("runs", "describe", "--run-id", run),
        "csv": printed("experiments", "csv", "-x", experiment, "-o", str(table)),
        "files": printed("artifacts", "list", "--run-id", run),
        "logged": printed("artifacts", "log-artifact", "-l", str(rows), "-r", run, "-a", "in"),
        "got": printed("artifacts", "download", "-r", run, "-a", "in", "-d", folder),
        "scored": printed(
            "models", "predict", "-m", model, "-i", str(rows), "-o", str(scores), "-t", "csv",
            "--env-manager", "local",
        ),
        "deleted": printed("runs", "delete", "--run-id", run),
        "restored": printed("runs", "restore", "--run-id", run),
        "gone": printed("experiments", "delete", "-x", experiment),
        "back": printed("experiments", "restore", "-x", experiment),
    }  # fmt: skip
    return told | {"table": table.read_text(), "scores": scores.read_text()}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
