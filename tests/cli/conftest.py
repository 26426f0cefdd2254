from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from epochal.api import connect
from tests.api.recorded import record
from tests.api.things import record_things
from tests.conftest import Server, end_process, start_server

Result = subprocess.CompletedProcess[str]
Cli = Callable[..., Result]


def run_cli(*arguments: str, home: Path | None = None, **variables: str) -> Result:
    """``epochal ...`` as a user would run it, without a terminal."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EPOCHAL_")} | variables
    if home is not None:
        environment["EPOCHAL_HOME"] = str(home)
    return subprocess.run(
        [sys.executable, "-m", "epochal", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded home, read once; no test may change it, so each uses a copy."""
    home = tmp_path_factory.mktemp("recorded") / "home"
    home.mkdir(mode=0o700)
    record(home)
    assert len(connect(home=home).projects()) == 2
    return home


@pytest.fixture(scope="session")
def shared(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy for tests that only read."""
    home = tmp_path_factory.mktemp("shared") / "home"
    shutil.copytree(pristine, home)
    return home


@pytest.fixture
def recorded(pristine: Path, tmp_path: Path) -> Path:
    """A copy for tests that change it."""
    return Path(shutil.copytree(pristine, tmp_path / "recorded"))


@pytest.fixture(scope="session")
def served(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a copy of the recorded home, for tests that only read."""
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(pristine, home)
    running = start_server(home, log=home.parent / "server.log")
    yield running
    end_process(running.process)


@pytest.fixture(scope="session")
def pristine_things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with media, files, artifacts and models; no test may change it."""
    home = tmp_path_factory.mktemp("things") / "home"
    record_things(home)
    return home


@pytest.fixture
def things(pristine_things: Path, tmp_path: Path) -> Path:
    """A copy for tests that change it."""
    return Path(shutil.copytree(pristine_things, tmp_path / "things"))


@pytest.fixture(params=["alone", "served"])
def shop(request: pytest.FixtureRequest, things: Path, tmp_path: Path) -> Iterator[Path]:
    """The same home, once alone and once with a server running on it."""
    if request.param == "alone":
        yield things
        return
    running = start_server(things, log=tmp_path / "server.log")
    yield things
    end_process(running.process)
