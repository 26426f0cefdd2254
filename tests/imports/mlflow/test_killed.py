"""An import of MLflow's stores that is killed midway goes on: nothing twice, nothing lost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from epochal.api import connect
from epochal.store.experiments import list_experiments
from epochal.store.owner import open_store as open_home
from tests.cli.conftest import run_cli
from tests.imports.mlflow.conftest import Written, write_by_recipe
from tests.imports.mlflow.door import door_to
from tests.imports.mlflow.original import Original
from tests.server.processes import Running, start

PROJECT = "digits: first"
LONGEST_S = 120.0
UNAVAILABLE = 6


def kill_when(home: Path, store: object, reached: Callable[[], bool]) -> None:
    """Import in a process of its own, and SIGKILL it there, or let it end when it is faster."""
    command = [sys.executable, "-m", "epochal", "import", "mlflow", str(store)]
    process = subprocess.Popen([*command, "--home", str(home)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + LONGEST_S
    while not reached() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait()


def told(home: Path) -> dict[str, Any]:
    """Everything that came over, without the times at which it did."""
    reader = connect(home=home)
    runs: dict[str, Any] = {}
    for run in [*reader.runs(PROJECT), *reader.runs("old")]:
        points = {key: _points(run.series(key)) for key in run.metrics}
        files = sorted((file.path, file.size) for file in run.files())
        assert run.name not in runs
        runs[run.name] = [run.uid, str(run.state), dict(run.config), points, files]
    archived = json.loads(run_cli("ls", PROJECT, "--archived", "--json", home=home).stdout)
    runs["archived"] = sorted(run["name"] for run in archived["runs"])
    versions = reader.registered_model("clf").versions()
    runs["registry"] = [
        [one.version, one.stage, sorted(one.aliases), dict(one.tags), one.digest]
        for one in sorted(versions, key=lambda one: one.version)
    ]
    with open_home(home) as opened:
        runs["experiments"] = sorted(
            [one.name, one.project, one.deleted, sorted(one.tags.items()), one.created_us]
            for one in list_experiments(opened)
            if one.tags or one.deleted
        )
    return runs


def _points(series: Any) -> list[Any]:
    columns = series.step.tolist(), series.time.tolist(), map(repr, series.value.tolist())
    return sorted(zip(*columns, strict=True))


def test_a_killed_import_goes_on_where_it_was(tmp_path: Path, home: Path, store: Written) -> None:
    """While runs come over, and while models are registered."""
    for moment in (
        lambda: len(list(home.glob("runs/*/*.ej"))) >= 4,
        lambda: bool(list(home.glob("kept/*.records"))),
    ):
        kill_when(home, store.path, moment)
    check_whole(store.path, home, tmp_path)


def ours(place: Path) -> Running:
    """A server of ours."""
    return start(place, quiet=True)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("begin", [ours, Original], ids=["epochal", "mlflow"])
def test_an_import_from_a_server_that_is_killed_goes_on(
    begin: Callable[[Path], Running | Original], tmp_path: Path, home: Path
) -> None:
    """The server is killed while runs come over; then the import, while models are registered."""
    source = tmp_path / "source"
    server = begin(source)
    with door_to(server.port) as door:
        try:
            write_by_recipe(tmp_path, door.url, "unused")
            door.light(lambda: bool(list(home.glob("runs/*/*.ej"))), server.kill)
            broken = run_cli("import", "mlflow", door.url, home=home)
            assert broken.returncode == UNAVAILABLE, broken.stderr
            assert "is it running?" in broken.stderr or "try again" in broken.stderr
            assert "Traceback" not in broken.stderr
            server = begin(source)
            door.light(lambda: False, server.kill)
            door.port = server.port
            kill_when(home, door.url, lambda: bool(list(home.glob("kept/*.records"))))
            check_whole(door.url, home, tmp_path)
        finally:
            server.kill()


def check_whole(store: object, home: Path, tmp_path: Path) -> None:
    """Once more, and all is as after an import that nobody disturbed."""
    done = run_cli("import", "mlflow", str(store), home=home)
    assert done.returncode == 0, done.stderr
    undisturbed = tmp_path / "undisturbed"
    clean = run_cli("import", "mlflow", str(store), home=undisturbed)
    assert clean.returncode == 0, clean.stderr
    found = told(home)
    assert found == told(undisturbed)
    assert len(found["registry"]) == 2
    assert [one[0] for one in found["experiments"]] == [PROJECT, "empty", "given up", "old"]
    assert {name for name in found if name.islower()} > {"parent", "child", "model", "running"}
