"""The contract of every journal: what `append` took can be read, whatever holds the bytes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from epochal.domain.record import Event, Finish, Header
from epochal.journal.frame import (
    FILE_HEADER_SIZE,
    MAX_PAYLOAD,
    FileHeader,
    pack_frame,
    scan_frames,
)
from epochal.journal.reader import JournalReader
from epochal.journal.writer import (
    BufferedJournal,
    Journal,
    JournalClosed,
    MappedJournal,
    NullJournal,
    open_journal,
)

RUN, WRITER = "ab" * 16, "cd" * 16
HEADER = Header("local", "p", "r", started_us=5)

Make = Callable[[], Journal]


@pytest.fixture(params=["mapped", "buffered", "roomy", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    def create() -> Journal:
        header = FileHeader(RUN, WRITER, 5)
        if request.param == "mapped":
            return MappedJournal(str(tmp_path), header)
        if request.param == "buffered":
            return BufferedJournal(str(tmp_path), header)
        if request.param == "roomy":
            return BufferedJournal(str(tmp_path), header, 4096)
        return BufferedJournal(None, header)

    return create


def payloads_of(journal: Journal) -> list[bytes]:
    journal.maintain()
    data = journal.read(0, journal.size)
    assert len(data) == journal.size
    scan = scan_frames(data, FILE_HEADER_SIZE)
    assert scan.end == len(data)
    return scan.payloads


def test_records_are_read_back_in_order(make: Make) -> None:
    journal = make()
    records = [bytes([i % 251 + 1]) * (i % 97 + 1) for i in range(5000)]
    for record in records:
        journal.append(record)
    assert payloads_of(journal) == records
    journal.close()
    assert payloads_of(journal) == records


def test_a_journal_grows_past_its_first_allocation(make: Make) -> None:
    journal = make()
    records = [os.urandom(300_000) for _ in range(30)]
    for record in records:
        journal.append(record)
    assert payloads_of(journal) == records
    assert journal.problem is None
    journal.close()


def test_after_close_a_record_is_refused_and_not_lost_in_silence(make: Make) -> None:
    journal = make()
    journal.append(b"one")
    journal.close(Finish(7, "finished", 0))
    with pytest.raises(JournalClosed):
        journal.append(b"two")
    assert len(payloads_of(journal)) == 2
    journal.close()


def test_a_key_set_gets_one_number(make: Make) -> None:
    journal = make()
    assert journal.declare(("a", "b"), ["a", "b"]) == journal.declare(("a", "b"), ["a", "b"]) == 1
    assert journal.declare(("b", "a"), ["b", "a"]) == 2
    assert len(payloads_of(journal)) == 2
    journal.close()


def test_an_append_may_interrupt_an_append(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal handler that logs in the middle of a write harms neither record (F22)."""
    journal = make()
    put = journal._put
    inside: list[bytes] = [b"from the handler"]

    def interrupted(payload: bytes) -> None:
        if inside:
            journal.append(inside.pop())
        put(payload)

    monkeypatch.setattr(journal, "_put", interrupted)
    journal.append(b"from the program")
    assert payloads_of(journal) == [b"from the program", b"from the handler"]
    journal.close()


def test_real_signals_in_the_middle_of_writes_lose_nothing(make: Make) -> None:
    """An interval timer interrupts wherever the interpreter allows."""
    journal = make()
    count = 0

    def handler(*_: object) -> None:
        nonlocal count
        count += 1
        journal.append(b"signal")

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for i in range(40_000):
            journal.append(b"program %d" % i)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    payloads = payloads_of(journal)
    assert count > 3
    assert payloads.count(b"signal") == count
    assert [p for p in payloads if p != b"signal"] == [b"program %d" % i for i in range(40_000)]
    journal.close()


def test_threads_keep_their_own_order(make: Make) -> None:
    journal = make()

    def write(name: int) -> None:
        for i in range(500):
            journal.append(b"%d:%d" % (name, i))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        journal.maintain()
    for thread in threads:
        thread.join()
    payloads = payloads_of(journal)
    for name in range(8):
        mine = [p for p in payloads if p.startswith(b"%d:" % name)]
        assert mine == [b"%d:%d" % (name, i) for i in range(500)]
    journal.close()


def test_an_oversized_fact_is_counted_and_leaves_the_journal_whole(make: Make) -> None:
    journal = make()
    journal.append_fact(Event(1, "info", "x" * (MAX_PAYLOAD + 1)))
    journal.append(b"\x91\x01")
    assert (journal.dropped, payloads_of(journal)) == (1, [b"\x91\x01"])
    journal.close()


def test_a_copy_can_be_saved_and_never_overwrites(make: Make, tmp_path: Path) -> None:
    journal = make()
    journal.append_fact(HEADER)
    journal.maintain()
    copy = tmp_path / "copy.ej"
    journal.save(str(copy))
    assert JournalReader(str(copy)).read().facts == [HEADER]
    with pytest.raises(FileExistsError):
        journal.save(str(copy))
    journal.close()


def test_sync_is_true_on_a_file_and_false_in_memory(make: Make) -> None:
    journal = make()
    journal.append(b"x")
    assert journal.sync() == (journal.path is not None)
    journal.close()


def test_an_abandoned_journal_leaves_the_file_alone(make: Make) -> None:
    journal = make()
    journal.append(b"x")
    journal.maintain()
    before = None if journal.path is None else Path(journal.path).read_bytes()
    journal.abandon()
    with pytest.raises(JournalClosed):
        journal.append(b"y")
    if journal.path is not None:
        assert Path(journal.path).read_bytes() == before


def test_the_null_journal_takes_all_and_keeps_nothing() -> None:
    journal = NullJournal(FileHeader(RUN, WRITER, 1))
    journal.append(b"x")
    assert journal.declare(("a",), ["a"]) == 1
    assert journal.read(0, 100) == b""
    journal.close()
    with pytest.raises(JournalClosed):
        journal.append(b"x")


def test_open_journal_writes_the_header_first_and_is_private(tmp_path: Path) -> None:
    journal = open_journal(str(tmp_path / "run"), RUN, WRITER, HEADER)
    assert journal.path is not None
    assert JournalReader(journal.path).read().facts == [HEADER]
    assert os.stat(journal.path).st_mode & 0o777 == 0o600
    assert os.stat(tmp_path / "run").st_mode & 0o777 == 0o700
    journal.close()
    assert os.stat(journal.path).st_size == journal.size


def test_memory_is_released_up_to_what_a_server_holds() -> None:
    journal = BufferedJournal(None, FileHeader(RUN, WRITER, 1))
    for i in range(10):
        journal.append(b"%d" % i)
    held = journal.size
    journal.release(held)
    journal.append(b"new")
    assert scan_frames(journal.read(held, 1000)).payloads == [b"new"]


def test_whole_frames_are_appended_at_once_but_not_after_the_end(tmp_path) -> None:
    """In a file of their own order; none is taken that would not be written."""
    journal = BufferedJournal(str(tmp_path), FileHeader(RUN, WRITER, 1))
    journal.append(b"first")
    journal.append_frames(pack_frame(b"second") + pack_frame(b"third"), 2)
    journal.append(b"fourth")
    journal.maintain()
    found = scan_frames(journal.read(FILE_HEADER_SIZE, 1000)).payloads
    assert found == [b"first", b"second", b"third", b"fourth"]
    journal.close()
    with pytest.raises(JournalClosed):
        journal.append_frames(pack_frame(b"late"), 1)


def test_a_journal_with_room_ends_after_its_last_frame_once_it_is_closed(tmp_path) -> None:
    """While it is open, zeros follow from the fourth write on, which readers take for no frame."""
    journal = BufferedJournal(str(tmp_path), FileHeader(RUN, WRITER, 1), 4096)
    assert journal.path is not None
    for number in range(200):
        journal.append_fact(Event(number, "info", "t" * 40))
        assert journal.sync()
        size = os.stat(journal.path).st_size
        assert size == journal.size if number < 3 else size % 4096 == 0
        reader = JournalReader(journal.path)
        assert len(reader.read().facts) == number + 1
        assert reader.offset == journal.size
    journal.close()
    assert os.stat(journal.path).st_size == journal.size
