from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from epochal.api import Reader, connect
from tests.api.recorded import record
from tests.conftest import Server, end_process, start_server


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded home; no test may change it, so none reads it in place."""
    home = tmp_path_factory.mktemp("recorded") / "home"
    home.mkdir(mode=0o700)
    record(home)
    return home


@pytest.fixture
def recorded(pristine: Path, home: Path) -> Path:
    """A copy of the recorded home, which ``EPOCHAL_HOME`` names."""
    home.rmdir()
    shutil.copytree(pristine, home)
    return home


@pytest.fixture(scope="session")
def served(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a copy of the recorded home, for tests that only read."""
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(pristine, home)
    running = start_server(home, log=home.parent / "server.log")
    yield running
    end_process(running.process)


@pytest.fixture(params=["local", "http"])
def reader(request: pytest.FixtureRequest) -> Reader:
    """A reader of the recorded home, once from its files and once through a server."""
    if request.param == "http":
        return connect(home=request.getfixturevalue("served").home)
    return connect(home=request.getfixturevalue("recorded"))
