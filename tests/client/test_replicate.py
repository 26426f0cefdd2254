"""Runs send what they record, and `sync` what a process could not send."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import epochal
from epochal.client.replicate import Progressed, sync_journals
from epochal.errors import InvalidInput
from tests.client.faulty import FaultyServer
from tests.client.journals import content, journal_of
from tests.client.scripts import read_home, run_script

Begin = Callable[..., epochal.Run]
pytestmark = pytest.mark.filterwarnings("ignore::epochal.errors.EpochalWarning")


def test_a_run_sends_while_it_lives_and_at_its_end(
    begin: Begin, home: Path, faulty: FaultyServer
) -> None:
    run = begin(settings={"url": faulty.url, "api_key": "secret"})
    for i in range(100):
        run.log({"a": i})
    assert run.flush()
    (held,) = faulty.held.values()
    assert bytes(held) == content(run._session.recorder.journal)
    run.log({"a": 100})
    run.finish()
    (told,) = read_home(home)
    assert bytes(held) == Path(told.path).read_bytes()
    assert list(home.glob("runs/*/*.unsent")) == []
    assert faulty.authorization == {"Bearer secret"}
    assert run.url == f"{faulty.url}/p/tests/r/{run.id}"


def test_what_a_first_connection_imports_is_there_before_a_thread_makes_it(home: Path) -> None:
    """A child that is forked while another thread imports it could never connect."""
    source = """
    import sys
    from epochal.client.transport import Transport
    Transport("http://127.0.0.1:9", None)
    print("encodings.idna" in sys.modules)
    """
    assert run_script(source, home).stdout.strip() == "True"


def test_rotated_journals_and_children_are_all_sent(home: Path, faulty: FaultyServer) -> None:
    source = """
    import os
    run = epochal.init(project="send", settings=QUIET)
    for i in range(50): run.log({"a": i})
    run._session.rotate()
    child = os.fork()
    if child == 0:
        run.log({"child": 1}); assert run.flush(60.0); os._exit(0)
    os.waitpid(child, 0)
    for i in range(50): run.log({"a": i})
    """
    done = run_script(source, home, EPOCHAL_URL=faulty.url)
    assert done.returncode == 0, done.stderr
    assert faulty.problems == []
    journals = read_home(home)
    assert len(journals) == 3
    for told in journals:
        data = Path(told.path).read_bytes()
        held = bytes(faulty.held[Path(told.path).stem])
        assert data.startswith(held)
        assert not data[len(held) :].strip(b"\0")


def test_a_server_that_is_down_costs_no_call_and_the_rest_is_synced_later(home: Path) -> None:
    source = """
    import time
    run = epochal.init(project="down", settings=dict(QUIET, exit_timeout=1))
    longest = 0.0
    for i in range(2000):
        start = time.perf_counter()
        run.log({"a": i})
        longest = max(longest, time.perf_counter() - start)
    assert longest < 30, longest
    start = time.perf_counter(); run.finish(); assert time.perf_counter() - start < 30
    """
    done = run_script(source, home, EPOCHAL_URL="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    assert len(list(home.glob("runs/*/*.unsent"))) == 1, "a store may not give this journal up"
    server = FaultyServer()
    seen: list[Progressed] = []
    report = sync_journals(home, server.url, progress=seen.append)
    again = sync_journals(home, server.url)
    server.close()
    assert list(home.glob("runs/*/*.unsent")) == []
    (told,) = read_home(home)
    assert bytes(server.held[Path(told.path).stem]) == Path(told.path).read_bytes()
    assert (report.journals, report.complete, report.problems) == (1, 1, [])
    assert seen[-1].sent == seen[-1].total == report.sent_bytes
    assert (again.complete, again.sent_bytes) == (1, 0)


def test_what_a_killed_process_left_goes_with_the_next_one(
    begin: Begin, home: Path, faulty: FaultyServer
) -> None:
    """Resuming a run sends the journals of its earlier processes, too."""
    source = """
    import os, signal
    run = epochal.init(project="tests", id="r1", settings=QUIET)
    for i in range(100): run.log({"a": i})
    os.kill(os.getpid(), signal.SIGKILL)
    """
    run_script(source, home, EPOCHAL_URL="http://127.0.0.1:9")
    with begin(id="r1", settings={"url": faulty.url}) as run:
        run.log({"a": 100})
    first, second = read_home(home)
    assert len(first.points("a")) == 100
    for told in (first, second):
        data = Path(told.path).read_bytes()
        held = bytes(faulty.held[Path(told.path).stem])
        assert data.startswith(held)
        assert not data[len(held) :].strip(b"\0")
    assert list(home.glob("runs/*/*.unsent")) == []


def test_offline_sends_nothing(home: Path, faulty: FaultyServer) -> None:
    source = "epochal.init(project='off', mode='offline', settings=QUIET).log({'a': 1})"
    assert run_script(source, home, EPOCHAL_URL=faulty.url).returncode == 0
    assert faulty.requests == []
    assert len(read_home(home)) == 1
    assert len(list(home.glob("runs/*/*.unsent"))) == 1, "a store may not give this journal up"


def test_a_killed_run_is_sent_to_its_last_whole_record(home: Path, faulty: FaultyServer) -> None:
    source = """
    import os, signal
    run = epochal.init(project="kill", mode="offline", settings=QUIET)
    for i in range(500): run.log({"a": i})
    os.kill(os.getpid(), signal.SIGKILL)
    """
    run_script(source, home)
    report = sync_journals(home, faulty.url)
    assert (report.complete, faulty.problems) == (1, [])
    (told,) = read_home(home)
    held = bytes(faulty.held[Path(told.path).stem])
    assert Path(told.path).read_bytes().rstrip(b"\0").startswith(held.rstrip(b"\0"))
    assert len(told.points("a")) == 500


def test_sync_names_what_it_cannot_send(faulty: FaultyServer, tmp_path: Path) -> None:
    journal_of(tmp_path, 3).close()
    (tmp_path / "runs" / ("ab" * 16) / f"{'f' * 32}.ej").write_bytes(b"nonsense")
    report = sync_journals(tmp_path, faulty.url)
    assert (report.journals, report.complete) == (2, 1)
    assert "damaged" in report.problems[0]


def test_sync_gives_up_on_a_silent_server_after_a_few_tries(tmp_path: Path) -> None:
    journal_of(tmp_path, 3).close()
    waits: list[float] = []
    report = sync_journals(tmp_path, "http://127.0.0.1:9", sleep=waits.append)
    assert report.complete == 0
    assert len(report.problems) == 1
    assert waits == [1, 2, 4, 8]


def test_a_run_that_lives_on_another_machine_is_resumed(
    begin: Begin, faulty: FaultyServer
) -> None:
    faulty.resume = {
        "exists": True,
        "state": "crashed",
        "last_step": 9,
        "config": {"lr": 1},
        "summary": {},
        "name": "far",
    }
    run = begin(id="r1", resume="must", settings={"url": faulty.url})
    assert (run.step, run.name, run.config.lr) == (10, "far", 1)


def test_a_stored_key_is_used_and_private(home: Path, faulty: FaultyServer) -> None:
    assert epochal.login(key="k-123", host=faulty.url + "/")
    path = home / "credentials.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_bytes()) == {faulty.url: "k-123"}
    source = "epochal.init(project='key', settings=QUIET).log({'a': 1})"
    assert run_script(source, home, EPOCHAL_URL=faulty.url).returncode == 0
    assert faulty.authorization == {"Bearer k-123"}


def test_login_without_a_server_is_happy(home: Path) -> None:
    assert epochal.login()
    assert epochal.login("any-key-at-all", relogin=True)
    assert list(home.iterdir()) == []
    with pytest.raises(InvalidInput, match="http"):
        epochal.login(key="k", host="example.com")
