"""Stores that the real MLflow wrote, once each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

RECIPE = Path(__file__).with_name("recipe.py")


class Written(NamedTuple):
    """A store and what is known to be in it."""

    path: Path
    facts: dict[str, Any]


def run_recipe(uri: str, folder: Path) -> dict[str, Any]:
    """Write a store in a process of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(RECIPE), uri, str(folder)],
        cwd=folder,
        env={**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


Make = Callable[[str], Written]


@pytest.fixture(scope="session")
def make_pristine(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Writes a store of a kind at its first use."""
    known: dict[str, Written] = {}

    def make(kind: str) -> Written:
        if kind not in known:
            folder = tmp_path_factory.mktemp("store") / "at home"
            path = folder / ("mlruns" if kind == "files" else "mlflow.db")
            uri = path.as_uri() if kind == "files" else f"sqlite:///{path}"
            known[kind] = Written(path, run_recipe(uri, folder / "artifacts"))
        return known[kind]

    return make


@pytest.fixture(params=["files", "sqlite"])
def store(request: pytest.FixtureRequest, make_pristine: Make, tmp_path: Path) -> Written:
    """A copy of a store, elsewhere than where it was written."""
    written = make_pristine(request.param)
    folder = tmp_path / "moved"
    shutil.copytree(written.path.parent, folder)
    return Written(folder / written.path.name, written.facts)
