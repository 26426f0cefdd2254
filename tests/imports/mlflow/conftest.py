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


def run_recipe(root: Path) -> dict[str, Written]:
    """Write a store of each kind, in one process of its own."""
    stores = {"files": root / "files" / "mlruns", "sqlite": root / "at home" / "mlflow.db"}
    arguments: list[str] = []
    for kind, path in stores.items():
        path.parent.mkdir()
        uri = path.as_uri() if kind == "files" else f"sqlite:///{path}"
        arguments += [uri, str(path.parent / "artifacts")]
    facts = write_by_recipe(root, *arguments)
    return {
        kind: Written(path, found)
        for (kind, path), found in zip(stores.items(), facts, strict=True)
    }


def write_by_recipe(root: Path, *arguments: str) -> list[dict[str, Any]]:
    """What the recipe says that it wrote to each URI; given are URIs and folders in turns."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(RECIPE), *arguments],
        cwd=root,
        env={**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true"},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


Make = Callable[[str], Written]


@pytest.fixture(scope="session")
def make_pristine(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Gives a store of a kind; no test may change it."""
    written = run_recipe(tmp_path_factory.mktemp("stores"))
    return written.__getitem__


@pytest.fixture(params=["files", "sqlite"])
def store(request: pytest.FixtureRequest, make_pristine: Make, tmp_path: Path) -> Written:
    """A copy of a store, elsewhere than where it was written."""
    written = make_pristine(request.param)
    folder = tmp_path / "moved"
    shutil.copytree(written.path.parent, folder)
    return Written(folder / written.path.name, written.facts)
