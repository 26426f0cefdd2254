from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from epochal.api import Reader, connect
from tests.api.recorded import record
from tests.api.things import record_things
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


@pytest.fixture(scope="session")
def pristine_things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with media, files, artifacts and models; no test may change it."""
    home = tmp_path_factory.mktemp("things") / "home"
    record_things(home)
    return home


@pytest.fixture
def things(pristine_things: Path, home: Path) -> Path:
    """A copy of it, which ``EPOCHAL_HOME`` names."""
    home.rmdir()
    shutil.copytree(pristine_things, home)
    return home


@pytest.fixture(scope="session")
def served_things(
    pristine_things: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server on a copy of it, for tests that only read."""
    home = tmp_path_factory.mktemp("served-things") / "home"
    shutil.copytree(pristine_things, home)
    running = start_server(home, log=home.parent / "server.log")
    yield running
    end_process(running.process)


@pytest.fixture(params=["local", "http"])
def shop(request: pytest.FixtureRequest) -> Reader:
    """A reader of that home, once from its files and once through a server."""
    if request.param == "http":
        return connect(request.getfixturevalue("served_things").url)
    return connect(home=request.getfixturevalue("things"))


@pytest.fixture(params=["local", "http"])
def own(request: pytest.FixtureRequest, things: Path, tmp_path: Path) -> Iterator[Reader]:
    """As `shop`, on a copy that the test may change."""
    if request.param == "local":
        yield connect(home=things)
        return
    running = start_server(things, log=tmp_path / "server.log")
    yield connect(running.url)
    end_process(running.process)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty directory to download to."""
    path = tmp_path / "place"
    path.mkdir()
    return path
