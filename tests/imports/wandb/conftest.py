"""Offline runs that the real client wrote, once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = Path(__file__).with_name("recipe.py")


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the client ran."""
    folder = tmp_path_factory.mktemp("wandb")
    hidden = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(RECIPE), str(folder)],
        cwd=folder,
        env={
            **hidden,
            "WANDB_MODE": "offline",
            "WANDB_SILENT": "true",
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_DATA_DIR": str(folder / "data"),
            "WANDB_CACHE_DIR": str(folder / "cache"),
            "WANDB_CONFIG_DIR": str(folder / "config"),
        },
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.fixture
def runs(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the wandb directory; the staged bytes of its artifacts are where they were."""
    monkeypatch.setenv("WANDB_DATA_DIR", str(pristine / "data"))
    return Path(shutil.copytree(pristine / "wandb", tmp_path / "wandb", symlinks=True))


def file_of(runs: Path, id: str) -> Path:
    """The ``.wandb`` file of a run."""
    (found,) = runs.glob(f"offline-run-*-{id}/run-{id}.wandb")
    return found
