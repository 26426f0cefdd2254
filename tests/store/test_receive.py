"""Receiving journals: what is acknowledged is durable, whole and the right one.

Nothing else is kept.
"""

from __future__ import annotations

import errno
import os
import threading
from types import SimpleNamespace

import pytest

from epochal.domain.names import new_uid, run_uid
from epochal.domain.record import Header
from epochal.domain.run import RunState
from epochal.errors import InvalidInput, OffsetMismatch, StorageFull
from epochal.journal.frame import FILE_HEADER_SIZE, FileHeader, pack_file_header, scan_frames
from epochal.journal.writer import open_journal
from epochal.store.ingest import ingest_home
from epochal.store.receive import origin_of, read_origin, receive, received
from epochal.store.runs import get_run
from epochal.store.series import series_points
from tests.store.journals import Writing


@pytest.fixture
def sender(tmp_path):
    """A writer on another machine."""
    w = Writing(tmp_path / "elsewhere")
    w.line(0, 100)
    return w


def copy_of(store, w) -> bytes:
    return (store.home / "runs" / w.uid / f"{w.writer}.ej").read_bytes()


def frame_ends(data: bytes) -> list[int]:
    ends, position = [FILE_HEADER_SIZE], FILE_HEADER_SIZE
    while position < len(data):
        position += scan_frames(data[position:], 0, 1).end
        ends.append(position)
    return ends


def test_a_journal_arrives_in_stretches_and_is_ingested(store, sender):
    data = sender.data()
    ends = frame_ends(data)
    at = 0
    for end in [*ends[5::20], len(data)]:
        assert receive(store, sender.uid, sender.writer, at, data[at:end]) == end
        at = received(store, sender.uid, sender.writer)
    assert copy_of(store, sender) == data
    ingest_home(store)
    assert series_points(store, sender.uid, "loss").step.tolist() == list(range(100))
    assert get_run(store, sender.uid).state == RunState.RUNNING


def test_sending_twice_is_harmless_and_a_gap_is_refused(store, sender):
    data = sender.data()
    ends = frame_ends(data)
    receive(store, sender.uid, sender.writer, 0, data[: ends[10]])
    assert receive(store, sender.uid, sender.writer, 0, data[: ends[10]]) == ends[10]
    assert receive(store, sender.uid, sender.writer, ends[3], data[ends[3] : ends[20]]) == ends[20]
    with pytest.raises(OffsetMismatch) as caught:
        receive(store, sender.uid, sender.writer, ends[30], data[ends[30] :])
    assert caught.value.expected == ends[20]
    assert copy_of(store, sender) == data[: ends[20]]


def test_a_writer_on_the_home_itself_is_answered_and_its_file_left_alone(store):
    """Its server is that of its own home: cutting the file would end the writer with SIGBUS."""
    own = Writing(store.home)
    own.line(0, 100)
    path = store.home / "runs" / own.uid / f"{own.writer}.ej"
    for begin in (100, 200):
        data, size = own.data(), path.stat().st_size
        assert receive(store, own.uid, own.writer, 0, data) == len(data)
        assert receive(store, own.uid, own.writer, len(data), b"") == len(data)
        assert received(store, own.uid, own.writer) == len(data) < size, "not what is preallocated"
        assert path.stat().st_size == size
        ingest_home(store)
        assert received(store, own.uid, own.writer) == len(data)
        assert not path.with_suffix(".remote").exists()
        own.line(begin, 100)
    ingest_home(store)
    assert series_points(store, own.uid, "loss").step.tolist() == list(range(300))


def test_only_whole_sound_frames_of_this_very_journal_are_taken(store, sender, tmp_path):
    data = sender.data()
    ends = frame_ends(data)
    other = Writing(tmp_path / "other", "r2")
    other.line(0, 5)
    flipped = bytearray(data)
    flipped[ends[5] + 10] ^= 1
    wrong_record = bytes(flipped[:64]) + data[ends[1] :]
    liar = open_journal(
        str(tmp_path / "liar"), sender.uid, sender.writer, Header("local", "p", "someone else", 1)
    ).read(0, 10_000)
    refused = [
        b"hello",
        data[:64],
        data[: ends[3] - 8],
        data[: ends[3]] + b"\0" * 8,
        bytes(flipped),
        other.data(),
        wrong_record,
        pack_file_header(FileHeader(run=sender.uid, writer=new_uid(), created_us=1)) + data[64:],
        liar,
    ]
    for body in refused:
        with pytest.raises(InvalidInput):
            receive(store, sender.uid, sender.writer, 0, body)
    assert received(store, sender.uid, sender.writer) == 0
    assert not (store.home / "runs" / sender.uid / f"{sender.writer}.ej").exists()
    receive(store, sender.uid, sender.writer, 0, data[: ends[3]])
    with pytest.raises(InvalidInput):
        receive(store, sender.uid, sender.writer, ends[3], bytes(flipped[ends[3] :]))
    assert received(store, sender.uid, sender.writer) == ends[3]


@pytest.mark.parametrize("uid", ["../../etc", "A" * 32, "", "0" * 31])
def test_names_that_could_be_paths_are_refused(store, sender, uid):
    for call in (
        lambda: receive(store, uid, sender.writer, 0, sender.data()),
        lambda: receive(store, sender.uid, uid, 0, sender.data()),
        lambda: received(store, uid, sender.writer),
    ):
        with pytest.raises(InvalidInput):
            call()


def test_an_empty_body_is_a_sign_of_life(store, sender):
    data = sender.data()
    assert receive(store, sender.uid, sender.writer, 0, b"") == 0
    assert list((store.home / "runs").iterdir()) == [], "nothing is known of it yet"
    receive(store, sender.uid, sender.writer, 0, data)
    mark = store.home / "runs" / sender.uid / f"{sender.writer}.remote"
    os.utime(mark, (1, 1))
    assert receive(store, sender.uid, sender.writer, len(data), b"") == len(data)
    assert mark.stat().st_mtime > 1


def test_senders_that_race_leave_one_whole_journal(store, sender):
    """A sender that timed out may still be sending.

    Both write the same bytes to the same place.
    """
    sender.line(100, 3000)
    data = sender.data()
    ends = frame_ends(data)
    failures: list[Exception] = []

    def send(stride: int) -> None:
        try:
            at = 0
            while at < len(data):
                end = next(end for end in ends[1:] if end >= min(at + stride, len(data)))
                try:
                    at = receive(store, sender.uid, sender.writer, at, data[at:end])
                except OffsetMismatch as error:
                    at = error.expected
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=send, args=(stride,)) for stride in (3000, 7000, 20_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert copy_of(store, sender) == data


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
@pytest.mark.parametrize("first", [True, False])
def test_a_full_disk_leaves_the_copy_as_it_was(store, sender, monkeypatch, call, first):
    data = sender.data()
    half = 0 if first else frame_ends(data)[50]
    if half:
        receive(store, sender.uid, sender.writer, 0, data[:half])
    real = getattr(os, call)
    calls = []

    def failing(descriptor, *rest):
        calls.append(call)
        if call == "pwrite" and len(calls) == 1:
            return real(descriptor, rest[0][:100], rest[1])
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(StorageFull, match="no room"):
        receive(store, sender.uid, sender.writer, half, data[half:])
    monkeypatch.undo()
    assert received(store, sender.uid, sender.writer) == half
    assert receive(store, sender.uid, sender.writer, half, data[half:]) == len(data)
    assert copy_of(store, sender) == data


def test_some_room_is_kept_for_index_and_segments(store, sender, monkeypatch):
    room = SimpleNamespace(f_bavail=10_000, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda path: room)
    with pytest.raises(StorageFull, match="bytes left"):
        receive(store, sender.uid, sender.writer, 0, sender.data())


def test_a_journal_that_was_given_up_is_still_known_to_be_held(store, sender):
    """A sender that lost the last answer must not start over."""
    sender.finish()
    data = sender.path.read_bytes()
    receive(store, sender.uid, sender.writer, 0, data)
    ingest_home(store)
    assert list((store.home / "runs" / sender.uid).glob("*.ej")) == []
    assert received(store, sender.uid, sender.writer) == len(data)
    assert receive(store, sender.uid, sender.writer, len(data) - 8, data[-8:]) == len(data)
    ingest_home(store)
    assert get_run(store, sender.uid).metrics[0].count == 100


def test_the_origin_is_known_for_the_permission_check(store, sender):
    data = sender.data()
    origin = read_origin(data)
    assert (origin.entity, origin.project, origin.run_id) == ("local", "p", "r1")
    assert origin_of(store, sender.uid, sender.writer) is None
    receive(store, sender.uid, sender.writer, 0, data)
    assert origin_of(store, sender.uid, sender.writer) == origin
    assert run_uid(origin.entity, origin.project, origin.run_id) == sender.uid
    with pytest.raises(InvalidInput, match="not the beginning"):
        read_origin(b"x" * 100)
