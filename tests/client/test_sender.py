"""Replication to a server: exactly the journal's bytes, whatever the network and the server do
(P5, F09-F15).
"""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

import epochal
from epochal.client import sender as sender_module
from epochal.client import silence
from epochal.client.replicate import Progressed, sync_journals
from epochal.client.sender import MAX_BACKOFF_S, Sender
from epochal.client.transport import Transport
from epochal.domain.record import Header
from epochal.errors import EpochalWarning, InvalidInput
from epochal.journal.writer import Journal, open_journal
from tests.client.faulty import FAULTS, FaultyServer
from tests.client.scripts import read_home, run_script

Begin = Callable[..., epochal.Run]
pytestmark = pytest.mark.filterwarnings("ignore::epochal.errors.EpochalWarning")
SEED = int(os.environ.get("EPOCHAL_TEST_SEED", "0")) or int.from_bytes(os.urandom(4), "little")


@pytest.fixture
def faulty() -> Iterator[FaultyServer]:
    server = FaultyServer()
    yield server
    server.close()


def journal_of(tmp_path: Path, rows: int, name: int = 1) -> Journal:
    journal = open_journal(
        str(tmp_path / "runs" / ("ab" * 16)),
        "ab" * 16,
        f"{name:032x}",
        Header("local", "p", "r", started_us=name),
    )
    key_set = journal.declare(("a",), ["a"])
    for i in range(rows):
        journal.append(msgspec.msgpack.encode((key_set, i, i, [i * 0.5])))
    return journal


def content(journal: Journal) -> bytes:
    return journal.read(0, journal.size)


def drive(sender: Sender, seconds: float = 20.0) -> None:
    """Step without waiting between failures, as if the clock were fast."""
    deadline = time.monotonic() + seconds
    while sender.waiting and sender.refused is None:
        assert time.monotonic() < deadline, "the journal was not sent in time"
        sender.step()


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_of_each_kind_loses_and_doubles_nothing(
    fault: str, faulty: FaultyServer, tmp_path: Path
) -> None:
    faulty.faults = iter([fault, None, fault, fault])
    journal = journal_of(tmp_path, 500)
    sender = Sender(faulty.url, None)
    sender.add(journal)
    drive(sender)
    for i in range(500, 900):
        journal.append(msgspec.msgpack.encode((1, i, i, [0.5])))
    drive(sender)
    journal.close()
    drive(sender)
    assert bytes(faulty.held[journal.writer]) == content(journal)
    assert faulty.problems == []


def test_a_storm_of_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small stretches, every other exchange goes wrong, the server restarts, two journals grow
    meanwhile.
    """
    monkeypatch.setattr("epochal.client.replica.STRETCH", 512)
    monkeypatch.setattr("epochal.client.transport.TIMEOUT_S", 0.5)
    rng = random.Random(SEED)
    faults = (rng.choice(FAULTS) if rng.random() < 0.5 else None for _ in itertools.count())
    server = FaultyServer(faults)
    journals = [journal_of(tmp_path, 50, name) for name in (1, 2)]
    sender = Sender(server.url, None)
    for journal in journals:
        sender.add(journal)
    for round_number in range(60):
        for journal in journals:
            for i in range(rng.randrange(40)):
                journal.append(msgspec.msgpack.encode((1, i, i, [rng.random()])))
        sender.step()
        if round_number == 30:
            held, port = server.held, server.port
            server.close()
            sender.step()
            server = FaultyServer(faults, port)
            server.held = held
    for journal in journals:
        journal.close()
    drive(sender)
    problems = server.problems
    server.close()
    assert problems == [], f"seed {SEED}"
    for journal in journals:
        assert bytes(server.held[journal.writer]) == content(journal), f"seed {SEED}"


def test_a_new_process_goes_on_exactly_where_the_server_is(
    faulty: FaultyServer, tmp_path: Path
) -> None:
    journal = journal_of(tmp_path, 300)
    first = Sender(faulty.url, None)
    first.add(journal)
    drive(first)
    sent = len(faulty.requests)
    held = journal.size
    for i in range(300):
        journal.append(msgspec.msgpack.encode((1, i, i, [0.5])))
    journal.close()
    second = Sender(faulty.url, None)
    second.add(journal)
    drive(second)
    assert [offset for _, offset, _ in faulty.requests[sent:]] == [held]
    assert bytes(faulty.held[journal.writer]) == content(journal)


@pytest.mark.parametrize("ack", [b"", b"{", b'{"url": "http://elsewhere", "offset": 99}', None])
def test_a_lost_or_foreign_ack_file_costs_only_a_question(
    ack: bytes | None, faulty: FaultyServer, tmp_path: Path
) -> None:
    journal = journal_of(tmp_path, 100)
    journal.close()
    sync_journals(tmp_path, faulty.url)
    (path,) = tmp_path.glob("runs/*/*.ack")
    path.unlink() if ack is None else path.write_bytes(ack)
    report = sync_journals(tmp_path, faulty.url)
    assert (report.complete, report.problems) == (1, [])
    assert bytes(faulty.held[journal.writer]) == content(journal)
    assert faulty.problems == []


def test_a_server_that_lost_its_data_gets_it_again(faulty: FaultyServer, tmp_path: Path) -> None:
    journal = journal_of(tmp_path, 100)
    sender = Sender(faulty.url, None)
    sender.add(journal)
    drive(sender)
    faulty.held.clear()
    journal.append(msgspec.msgpack.encode((1, 1, 1, [0.5])))
    drive(sender)
    journal.close()
    assert bytes(faulty.held[journal.writer]) == content(journal)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_ends_sending_with_one_message(
    status: int, faulty: FaultyServer, tmp_path: Path
) -> None:
    """A revoked key in mid-run: the journal stays, nothing is tried again (F14)."""
    faulty.status_for_all = status
    journal = journal_of(tmp_path, 10)
    sender = Sender(faulty.url, "key")
    sender.add(journal)
    with pytest.warns(EpochalWarning, match=r"refuses.*epochal sync") as caught:
        sender.step()
    assert sender.refused == "because the test says so"
    assert len(caught) == 1
    journal.close()
    faulty.status_for_all = None
    assert sync_journals(tmp_path, faulty.url, "new key").complete == 1
    assert bytes(faulty.held[journal.writer]) == content(journal)
    assert faulty.authorization == {"Bearer key", "Bearer new key"}


def test_waiting_grows_to_a_minute_and_honors_retry_after(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, 10)
    sender = Sender("http://127.0.0.1:9", None, jitter=lambda: 1.0)
    sender.add(journal)
    with pytest.warns(EpochalWarning, match="kept here"):
        waits = [sender.step() for _ in range(10)]
    assert waits == [
        1,
        2,
        4,
        8,
        16,
        32,
        MAX_BACKOFF_S,
        MAX_BACKOFF_S,
        MAX_BACKOFF_S,
        MAX_BACKOFF_S,
    ]
    assert sender._back_off("busy", 120.0) == 120.0
    assert 0.5 <= sender_module.jitter() < 1.0
    journal.close()


class Clock:
    """The time of day, and what is added to it."""

    added = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.added

    sleep = staticmethod(time.sleep)


def test_a_failure_after_a_long_wait_is_tried_again(
    faulty: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that took a long time and then had no answer is slow, not unreachable."""
    clock = Clock()
    monkeypatch.setattr(sender_module, "time", clock)
    monkeypatch.setattr(silence, "PATIENCE_S", 60.0)

    def faults() -> Iterator[str | None]:
        clock.added += 100.0
        yield "drop request"

    faulty.faults = faults()
    journal = journal_of(tmp_path, 10)
    journal.close()
    sender = Sender(faulty.url, None)
    sender.add(journal)
    sender.start()
    assert sender.drain(1000.0)
    assert bytes(faulty.held[journal.writer]) == content(journal)
    sender.stop()


def test_a_frame_larger_than_a_stretch_is_sent_whole(
    faulty: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("epochal.client.replica.STRETCH", 4096)
    journal = journal_of(tmp_path, 10)
    journal.append(msgspec.msgpack.encode((-7, "k", 0, 0, "x" * 100_000)))
    journal.append(msgspec.msgpack.encode((1, 1, 1, [0.5])))
    sender = Sender(faulty.url, None)
    sender.add(journal)
    drive(sender)
    assert bytes(faulty.held[journal.writer]) == content(journal)
    assert faulty.problems == []
    journal.close()


def test_bodies_are_compressed_for_servers_elsewhere_until_one_refuses(
    faulty: FaultyServer, tmp_path: Path
) -> None:
    journal = journal_of(tmp_path, 500)
    sender = Sender(faulty.url, None)
    sender.add(journal)
    sender._adopt()
    assert sender._transport is not None
    assert not sender._transport.compresses, "the server is on this machine"
    sender._transport.compresses = True
    drive(sender)
    assert bytes(faulty.held[journal.writer]) == content(journal)
    journal.close()


@pytest.mark.parametrize(
    "url", ["localhost:80", "ftp://x", "http://", "http://x:99999", "http://[::1"]
)
def test_an_unusable_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="https://host:port"):
        Transport(url, None)


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
