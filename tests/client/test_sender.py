"""Replication to a server: exactly the journal's bytes, whatever the network and the server do
(P5, F09-F15).
"""

from __future__ import annotations

import itertools
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
from epochal.client.replicate import sync_journals
from epochal.client.sender import MAX_BACKOFF_S, Sender
from epochal.client.transport import Transport
from epochal.errors import EpochalWarning, InvalidInput
from tests.client.faulty import FAULTS, FaultyServer
from tests.client.journals import content, drive, journal_of
from tests.ports import free_port

Begin = Callable[..., epochal.Run]
pytestmark = pytest.mark.filterwarnings("ignore::epochal.errors.EpochalWarning")
SEED = int(os.environ.get("EPOCHAL_TEST_SEED", "0")) or int.from_bytes(os.urandom(4), "little")


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
    server = FaultyServer(faults, free_port())
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
