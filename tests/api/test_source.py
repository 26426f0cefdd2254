from __future__ import annotations

import os
import signal
from pathlib import Path

import msgspec
import pytest

from epochal import api
from epochal.api.local import LocalSource
from epochal.api.question import ListProjects
from epochal.api.remote import HttpSource
from epochal.api.source import HomeSource, choose_source
from epochal.client.credentials import store_key
from epochal.errors import InvalidInput, NotFound, StoreLocked
from epochal.journal.home import SERVER, ServerAddress, read_server_address
from epochal.store.owner import open_store
from tests.api.recorded import record
from tests.conftest import Server, end_process, start_server


def test_the_address_wins_over_the_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argument, then a named home, then EPOCHAL_URL, then the home that is found."""
    monkeypatch.setenv("EPOCHAL_URL", "http://127.0.0.1:1")
    assert choose_source().page_url() == "http://127.0.0.1:1"
    assert choose_source("http://other:2/").page_url() == "http://other:2"
    assert isinstance(choose_source(home=home), HomeSource)
    monkeypatch.delenv("EPOCHAL_URL")
    found = choose_source()
    assert isinstance(found, HomeSource)
    assert found.home == home


@pytest.mark.parametrize("url", ["localhost:1", "ftp://host", "http://", "nonsense"])
def test_what_is_no_address_is_refused(url: str) -> None:
    """The message shows how one looks."""
    with pytest.raises(InvalidInput, match="http://host:port"):
        choose_source(url)


def test_a_stored_key_is_used_for_its_server(home: Path) -> None:
    """What `epochal.login` stored; a given key wins."""
    store_key(home, "http://127.0.0.1:1", "stored")
    stored, given = (
        choose_source("http://127.0.0.1:1"),
        choose_source("http://127.0.0.1:1", "mine"),
    )
    assert isinstance(stored, HttpSource)
    assert isinstance(given, HttpSource)
    assert stored._headers["Authorization"] == "Bearer stored"
    assert given._headers["Authorization"] == "Bearer mine"


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A typo in --home must not make a directory."""
    with pytest.raises(NotFound, match="epochal init"):
        api.projects(home=tmp_path / "typo")
    assert not (tmp_path / "typo").exists()


def test_a_reader_notices_a_server_that_starts_and_one_that_dies(
    recorded: Path, tmp_path: Path
) -> None:
    """The same reader answers without, with, and again without a server, even after SIGKILL."""
    reader = api.connect(home=recorded)
    before = reader.run("mnist/beta").detail
    assert reader.source.page_url() is None
    server = start_server(recorded, log=tmp_path / "server.log")
    try:
        assert reader.run(before.uid).detail == before
        assert reader.source.page_url() == server.url
        assert reader.run(before.uid).url == f"{server.url}/p/mnist/r/beta"
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait()
        assert (recorded / SERVER).exists()
        assert reader.run(before.uid).detail == before
        assert reader.source.page_url() is None
    finally:
        end_process(server.process)


def test_the_server_of_another_home_is_not_believed(recorded: Path, served: Server) -> None:
    """A stale server.json whose port another home's server took leads to the files."""
    address = read_server_address(served.home)
    assert address is not None
    stale = ServerAddress(address.url, 1, address.version, 0, address.token)
    (recorded / SERVER).write_bytes(msgspec.json.encode(stale))
    assert api.connect(home=recorded).source.page_url() is None
    assert len(api.projects(home=recorded)) == 2


def test_a_held_lock_is_named_after_the_wait(recorded: Path) -> None:
    """With the process that holds it; and the home is let go between questions."""
    source = LocalSource(recorded, wait=0.1)
    with open_store(recorded), pytest.raises(StoreLocked, match=f"process {os.getpid()}"):
        source.ask(ListProjects())
    assert len(source.ask(ListProjects())) == 2
    open_store(recorded, wait=0).close()


def test_what_was_logged_before_the_question_is_in_the_answer(recorded: Path) -> None:
    """Journals are taken in first."""
    reader = api.connect(home=recorded)
    assert len(reader.runs("mnist")) == 3
    record(
        recorded,
        "import epochal\n"
        "with epochal.init(project='mnist', id='new', settings=epochal.Settings(silent=True,"
        "system_interval=0)) as run: run.log({'loss': 5.0}, step=7)",
    )
    assert reader.run("mnist/new").series("loss").value.tolist() == [5.0]


def test_changes_reach_the_store_through_either_door(recorded: Path, tmp_path: Path) -> None:
    """Update and delete, first on the files, then through a server."""
    reader = api.connect(home=recorded)
    run = reader.run("mnist/beta").update(name="new name", tags=["x", "y"], notes="n", group="g")
    assert (run.name, run.tags, run.notes, run.group) == ("new name", ["x", "y"], "n", "g")
    server = start_server(recorded, log=tmp_path / "server.log")
    try:
        again = reader.run("mnist/beta")
        assert (again.name, again.tags) == ("new name", ["x", "y"])
        assert again.update(tags=[], archived=True).tags == []
        assert "beta" not in [run.id for run in reader.runs("mnist")]
        assert "beta" in [run.id for run in reader.runs("mnist", archived=True)]
        with pytest.raises(InvalidInput):
            again.update(name=" ")
        reader.run("mnist/gamma").delete()
        with pytest.raises(NotFound):
            reader.run("mnist/gamma")
    finally:
        end_process(server.process)
    with pytest.raises(NotFound):
        reader.run("mnist/gamma")
    reader.run("mnist/beta").delete()
    assert [run.id for run in reader.runs("mnist", archived=True)] == ["alpha"]
