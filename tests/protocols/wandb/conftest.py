"""The real client of wandb, in processes of its own, against a real server process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.processes import Running, serving

KEY = "local-" + "0" * 40
Script = Callable[..., Any]


def environment(server: Running, directory: Path, **more: str) -> dict[str, str]:
    """The environment of a client, with every directory of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return {
        **kept,
        "WANDB_BASE_URL": server.address.url, "WANDB_API_KEY": KEY, "WANDB_SILENT": "true",
        "WANDB_DIR": str(directory), "WANDB_CONFIG_DIR": str(directory / "config"),
        "WANDB_CACHE_DIR": str(directory / "cache"), "WANDB_DATA_DIR": str(directory / "data"),
        "WANDB_ARTIFACT_DIR": str(directory / "artifacts"), "WANDB_DISABLE_GIT": "true",
        "HOME": str(directory),
        **more,
    }  # fmt: skip


def run_script(
    server: Running, directory: Path, code: str, *arguments: str, ok: bool = True, **more: str
) -> Any:
    """Run a script in a process of its own.

    Returns:
        What its last line holds when that is JSON; all it printed when ``ok`` is false.
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=environment(server, directory, **more), cwd=directory, capture_output=True,
        text=True, timeout=150, check=False,
    )  # fmt: skip
    if not ok:
        return done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if lines and lines[-1][0] in "[{" else None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server on an empty home, for the tests of one module."""
    with serving(tmp_path_factory.mktemp("wandb") / "home", quiet=True) as running:
        yield running


@pytest.fixture
def script(server: Running, tmp_path: Path) -> Script:
    """Runs a script with the server's address."""

    def run(code: str, *arguments: str, **more: Any) -> Any:
        return run_script(server, tmp_path, code, *arguments, **more)

    return run


class Seen:
    """A run as Epochal's own API shows it.

    Args:
        server: where.
        project: of the run.
        run_id: of the run.
    """

    def __init__(self, server: Running, project: str, run_id: str) -> None:
        self.server = server
        self.detail = server.json("GET", f"/api/v1/runs/resolve?project={project}&id={run_id}")
        self.uid: str = self.detail["uid"]

    def get(self, path: str) -> Any:
        """A part of the run."""
        return self.server.json("GET", f"/api/v1/runs/{self.uid}/{path}")

    def lines(self) -> list[str]:
        """The console."""
        return [line["text"] for line in self.get("logs?limit=5000")["lines"]]

    def metric(self, key: str) -> dict[str, Any]:
        """What is known of a series."""
        found: dict[str, Any] = next(m for m in self.detail["metrics"] if m["key"] == key)
        return found

    def media(self, *keys: str) -> list[dict[str, Any]]:
        """All media under some keys."""
        query = {"runs": [self.uid], "keys": list(keys)}
        entries: list[dict[str, Any]] = self.server.json("POST", "/api/v1/media/query", query)[
            "entries"
        ]
        return entries


def write_elsewhere(directory: Path, code: str, **environment: str) -> str:
    """Run a script of another client than wandb's in a process of its own; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "HOME": str(directory), **environment}, cwd=directory,
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
