"""A received copy that a crash tore: the torn end goes, the sender goes on, nothing is lost."""

from __future__ import annotations

import bisect
import http.client
import os
import threading
import time
from typing import NamedTuple

import msgspec
import pytest

from epochal.errors import CorruptFile, OffsetMismatch
from epochal.journal.frame import FILE_HEADER_SIZE, scan_frames
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.receive import receive, received
from epochal.store.series import series_points
from tests.server.processes import start
from tests.store.journals import Writing

ROWS = 20
KILLS = 5
POINTS = 40_000
STRETCH = 8192


class Sent(NamedTuple):
    """A journal on another machine, as its sender reads it."""

    uid: str
    writer: str
    bytes: bytes


@pytest.fixture
def sender(tmp_path):
    """A finished journal of another machine."""
    w = Writing(tmp_path / "elsewhere")
    for step in range(ROWS):
        w.row(step, loss=step / 8, **{"a" * (step % 7 + 1): step})
    w.finish()
    return Sent(w.uid, w.writer, w.path.read_bytes())


def ends_of(data: bytes) -> list[int]:
    ends, position = [FILE_HEADER_SIZE], FILE_HEADER_SIZE
    while position < len(data):
        position = scan_frames(data, position, 1).end
        ends.append(position)
    return ends


def path_of(home, w):
    return home / "runs" / w.uid / f"{w.writer}.ej"


def send_rest(store, w) -> None:
    """What a client does: ask, be told where to go on, go on."""
    try:
        at = receive(store, w.uid, w.writer, len(w.bytes), b"")
    except OffsetMismatch as mismatch:
        at = mismatch.expected
    while at < len(w.bytes):
        end = next(end for end in ends_of(w.bytes)[1:] if end > at)
        at = receive(store, w.uid, w.writer, at, w.bytes[at:end])


def test_a_copy_torn_at_any_byte_is_completed_by_its_sender(tmp_path, sender):
    """Cut anywhere in the last frames, after a part was applied: never lost, never doubled."""
    ends = ends_of(sender.bytes)
    home = tmp_path / "home"
    with open_store(home) as store:
        receive(store, sender.uid, sender.writer, 0, sender.bytes[: ends[-8]])
        ingest_home(store)
    for size in range(ends[-8], len(sender.bytes)):
        path_of(home, sender).write_bytes(sender.bytes[:size])
        with open_store(home) as store:
            assert received(store, sender.uid, sender.writer) == max(e for e in ends if e <= size)
            send_rest(store, sender)
        assert path_of(home, sender).read_bytes() == sender.bytes
        # The next copy is torn before anything more of it is applied.
    with open_store(home) as store:
        ingest_home(store)
        found = series_points(store, sender.uid, "loss")
        assert found.step.tolist() == list(range(ROWS))
        assert found.value.tolist() == [step / 8 for step in range(ROWS)]


@pytest.mark.parametrize("looked_first", [True, False])
def test_a_copy_that_is_torn_in_its_first_frame_begins_anew(tmp_path, sender, looked_first):
    home = tmp_path / "home"
    with open_store(home) as store:
        receive(store, sender.uid, sender.writer, 0, sender.bytes)
    for size in [0, 8, 63, 64, 70, ends_of(sender.bytes)[1] - 1]:
        path_of(home, sender).write_bytes(sender.bytes[:size])
        (home / "runs" / sender.uid / f"{sender.writer}.remote").write_bytes(b"")
        with open_store(home) as store:
            if looked_first:
                assert received(store, sender.uid, sender.writer) == 0
            send_rest(store, sender)
        assert path_of(home, sender).read_bytes() == sender.bytes


def test_holes_of_a_power_loss_come_again_from_the_sender(tmp_path, sender):
    """A page that never reached the disk, in front of one that did, and nobody was told."""
    home = tmp_path / "home"
    ends = ends_of(sender.bytes)
    with open_store(home) as store:
        receive(store, sender.uid, sender.writer, 0, sender.bytes[: ends[10]])
    torn = bytearray(sender.bytes)
    torn[ends[12] + 9 : ends[12] + 20] = bytes(11)
    path_of(home, sender).write_bytes(torn)
    with open_store(home) as store:
        assert ingest_home(store).problems == []
        assert received(store, sender.uid, sender.writer) == ends[12]
        send_rest(store, sender)
        ingest_home(store)
        assert series_points(store, sender.uid, "loss").step.tolist() == list(range(ROWS))


def test_acknowledged_bytes_are_never_cut_off(tmp_path, sender):
    """Damage in them is told, and what can be read is read."""
    home = tmp_path / "home"
    ends = ends_of(sender.bytes)
    with open_store(home) as store:
        receive(store, sender.uid, sender.writer, 0, sender.bytes)
    damaged = bytearray(sender.bytes)
    damaged[ends[-3] :] = b"\xff" * (len(damaged) - ends[-3])
    path_of(home, sender).write_bytes(damaged)
    with open_store(home) as store:
        ingest_home(store)
        for _ in range(2):
            with pytest.raises(CorruptFile, match=f"byte {ends[-3]} is damaged"):
                received(store, sender.uid, sender.writer)
        assert path_of(home, sender).read_bytes() == bytes(damaged)
        assert len(series_points(store, sender.uid, "loss").step) >= ROWS - 3


def test_one_bad_frame_among_acknowledged_ones_is_stepped_over(tmp_path, sender):
    home = tmp_path / "home"
    ends = ends_of(sender.bytes)
    with open_store(home) as store:
        receive(store, sender.uid, sender.writer, 0, sender.bytes)
    damaged = bytearray(sender.bytes)
    damaged[ends[5] + 9] ^= 1
    path_of(home, sender).write_bytes(damaged)
    with open_store(home) as store:
        assert received(store, sender.uid, sender.writer) == len(damaged)
        assert ingest_home(store).problems == []


def test_applied_bytes_that_power_loss_took_come_again(tmp_path, sender):
    """The index was faster than the journal's way to the disk."""
    home = tmp_path / "home"
    ends = ends_of(sender.bytes)
    with open_store(home) as store:
        receive(store, sender.uid, sender.writer, 0, sender.bytes)
        ingest_home(store)
    path_of(home, sender).write_bytes(sender.bytes[: ends[-4] + 5])
    (home / "runs" / sender.uid / f"{sender.writer}.remote").write_bytes(b"")
    with open_store(home) as store:
        assert received(store, sender.uid, sender.writer) == ends[-4]
        send_rest(store, sender)
        ingest_home(store)
        assert series_points(store, sender.uid, "loss").step.tolist() == list(range(ROWS))


def test_a_journal_of_this_machine_is_never_cut(home):
    w = Writing(home)
    w.line(0, 3)
    size = os.stat(w.path).st_size
    with open_store(home) as store:
        received(store, w.uid, w.writer)
    assert os.stat(w.path).st_size == size
    w.line(3, 1)


class Upload(threading.Thread):
    """Sends a journal in small stretches until all of it is held or the server is gone."""

    def __init__(self, port: int, w: Sent, ends: list[int]) -> None:
        super().__init__()
        self.port, self.w, self.ends = port, w, ends
        self.acknowledged = 0
        self.errors: list[bytes] = []

    def run(self) -> None:
        path = f"/api/v1/runs/{self.w.uid}/journals/{self.w.writer}"
        headers = {"Content-Type": "application/vnd.epochal.journal"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            self.acknowledged = msgspec.json.decode(connection.getresponse().read())["offset"]
            while self.acknowledged < len(self.w.bytes):
                at = self.acknowledged
                end = self.ends[bisect.bisect_right(self.ends, at + STRETCH) - 1]
                connection.request("PUT", f"{path}?offset={at}", self.w.bytes[at:end], headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200:
                    self.errors.append(text)
                    return
                self.acknowledged = msgspec.json.decode(text)["offset"]
        except (OSError, http.client.HTTPException, msgspec.DecodeError):
            pass  # the server was killed
        finally:
            connection.close()


def test_a_server_killed_in_the_middle_of_uploads_holds_every_point_once(tmp_path):
    """SIGKILL while stretches are under way, several times; then every point is compared."""
    writing = Writing(tmp_path / "elsewhere")
    writing.line(0, POINTS)
    writing.finish()
    w = Sent(writing.uid, writing.writer, writing.path.read_bytes())
    ends = ends_of(w.bytes)
    home = tmp_path / "home"
    acknowledged = 0
    for kill in range(KILLS):
        server = start(home)
        upload = Upload(server.port, w, ends)
        upload.start()
        goal = len(w.bytes) * (kill + 1) // (KILLS + 2)
        deadline = time.monotonic() + 60
        while upload.acknowledged < goal and upload.is_alive() and time.monotonic() < deadline:
            time.sleep(0.001)
        server.kill()
        upload.join()
        assert upload.errors == []
        assert acknowledged < upload.acknowledged < len(w.bytes)
        acknowledged = upload.acknowledged
        held = path_of(home, w).stat().st_size
        assert held >= acknowledged
        with path_of(home, w).open("ab") as file:  # as if the kill had hit a write
            file.write(w.bytes[held : held + 13 + kill])
    server = start(home)
    try:
        upload = Upload(server.port, w, ends)
        upload.start()
        upload.join(60)
    finally:
        server.kill()
    assert upload.errors == []
    assert upload.acknowledged == len(w.bytes)
    with open_store(home) as store:
        ingest_home(store)
        found = series_points(store, w.uid, "loss")
    assert found.step.tolist() == list(range(POINTS))
    assert found.value.tolist() == [step / 8 for step in range(POINTS)]
