"""Blobs that arrive in pieces: torn anywhere, resumed, lied about, refused."""

from __future__ import annotations

import hashlib
import os
import struct
import threading

import pytest

from epochal.domain.objects import HeldBlob
from epochal.domain.record import File, Media, MediaItem
from epochal.errors import InvalidInput, NotFound, OffsetMismatch, StorageFull, Unavailable
from epochal.journal.blobs import Blobs
from epochal.store import uploads
from epochal.store.artifacts import list_versions
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.uploads import receive_piece, receive_small, wanted_blobs
from tests.store.journals import Writing
from tests.store.objects import commit, forget, ref

DATA = bytes(range(256)) * 3
SIZE = len(DATA)


@pytest.fixture
def awaited(home):
    """A run that refers to one blob which is not here: the home's store, uid and digest."""
    w = Writing(home)
    blob = Blobs(home).put(DATA)
    w.fact(File(w.now, "a.bin", blob))
    forget(home, blob.digest)
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        yield store, w.uid, blob.digest


def piece(awaited, start, end, size=SIZE, data=DATA):
    store, uid, digest = awaited
    return receive_piece(store, uid, digest, offset=start, size=size, body=data[start:end])


def parts(store):
    return [path for path in store.blobs.temporaries() if path.name.endswith(".part")]


def test_a_blob_arrives_in_pieces_and_counts_once(awaited):
    store, uid, digest = awaited
    assert [b.digest for b in wanted_blobs(store, uid, 10).blobs] == [digest]
    assert piece(awaited, 0, 100) == HeldBlob(100, False)
    assert wanted_blobs(store, uid, 10).blobs[0].offset == 100
    assert not store.blobs.has(digest)
    assert piece(awaited, 100, len(DATA)) == HeldBlob(len(DATA), True)
    assert store.blobs.read(digest) == DATA
    assert wanted_blobs(store, uid, 10).total == 0
    assert store.take_news()[-1].what == ["media", "files"]
    assert piece(awaited, 0, 10) == HeldBlob(len(DATA), True)
    assert store.take_news() == []
    assert parts(store) == []


def test_pieces_that_end_anywhere_make_the_same_blob(home):
    """Every pair of cuts of a small blob, each piece also sent twice and overlapping."""
    data = b"0123456789"
    digest = hashlib.sha256(data).hexdigest()
    w = Writing(home)
    w.fact(File(w.now, "a", Blobs(home).put(data)))
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        for first in range(len(data) + 1):
            for second in range(first, len(data) + 1):
                store.blobs.remove(digest)
                for start, end in (
                    (0, first),
                    (0, first),
                    (first, second),
                    (max(0, first - 2), 10),
                ):
                    held = receive_piece(
                        store, w.uid, digest, offset=start, size=10, body=data[start:end]
                    )
                assert held.complete
                assert store.blobs.read(digest) == data


def test_a_gap_is_refused_with_the_offset_to_go_on_from(awaited):
    piece(awaited, 0, 50)
    for start in (51, 400):
        with pytest.raises(OffsetMismatch) as caught:
            piece(awaited, start, start + 10)
        assert caught.value.expected == 50


def test_a_part_file_survives_its_server_at_any_length(awaited, home):
    """The part file is the only truth: whatever a killed server had written is gone on from."""
    store, uid, digest = awaited
    part = store.blobs.temporary(f"{digest}.part")
    for held in (1, 255, 256, len(DATA) - 1):
        part.write_bytes(DATA[:held])
        uploads._hashes.clear()
        assert wanted_blobs(store, uid, 10).blobs[0].offset == held
        assert piece(awaited, held, len(DATA)).complete
        assert store.blobs.read(digest) == DATA
        with store.database.write() as connection:
            connection.exec_driver_sql("UPDATE blob SET present = 0")
        store.blobs.remove(digest)


def test_other_bytes_than_the_digest_says_leave_nothing(awaited):
    store, _, digest = awaited
    wrong = DATA[:-1] + b"!"
    piece(awaited, 0, 100)
    with pytest.raises(InvalidInput, match="offset 0"):
        piece(awaited, 100, len(DATA), data=wrong)
    assert parts(store) == []
    assert not store.blobs.has(digest)
    assert piece(awaited, 0, len(DATA)).complete


def test_lies_about_the_size_never_make_a_blob(awaited):
    """Too small: the digest is wrong. More than said: refused. Too large: it goes on when told."""
    store, _, digest = awaited
    with pytest.raises(InvalidInput, match="digest"):
        piece(awaited, 0, 100, size=100)
    with pytest.raises(InvalidInput, match="whole blob"):
        piece(awaited, 0, len(DATA), size=10)
    piece(awaited, 0, 60)
    with pytest.raises(OffsetMismatch) as caught:
        piece(awaited, 50, 60, size=55)  # more is held than there can be: it begins anew
    assert caught.value.expected == 0
    assert not piece(awaited, 0, len(DATA), size=len(DATA) + 5).complete
    assert not store.blobs.has(digest)
    assert piece(awaited, len(DATA), len(DATA)).complete
    assert store.blobs.read(digest) == DATA


def test_what_nothing_refers_to_is_refused(awaited):
    """AU-05, AU-06: neither another digest, nor the blob by way of another run."""
    store, uid, digest = awaited
    before = sorted(path.name for path in store.blobs.temporaries())
    other = hashlib.sha256(b"x").hexdigest()
    for run, name in ((uid, other), ("0" * 32, digest)):
        with pytest.raises(NotFound):
            receive_piece(store, run, name, offset=0, size=1, body=b"x")
        with pytest.raises(NotFound):
            receive_small(store, run, _frame(b"x" if name == other else DATA))
    assert sorted(path.name for path in store.blobs.temporaries()) == before


def _frame(data: bytes) -> bytes:
    return hashlib.sha256(data).digest() + struct.pack("<I", len(data)) + data


def test_many_small_blobs_commit_a_version_at_once(home):
    """Torn at any byte, or with one wrong byte, none of them is stored."""
    w = Writing(home)
    files = {f"f{n}": b"%d" % n * n for n in range(20)}
    commit(w, files)
    blobs = {data: hashlib.sha256(data).hexdigest() for data in files.values()}
    forget(home, *blobs.values())
    w.finish()
    body = b"".join(_frame(data) for data in files.values())
    with open_store(home) as store:
        ingest_home(store)
        assert wanted_blobs(store, w.uid, 100).total == 20
        ends: set[int] = set()
        for data in files.values():
            ends.add(max(ends, default=0) + len(_frame(data)))
        for cut in range(1, 200):
            if cut not in ends:
                with pytest.raises(InvalidInput):
                    receive_small(store, w.uid, body[:cut])
        for position in range(0, len(body), 17):
            broken = body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :]
            with pytest.raises(InvalidInput):
                receive_small(store, w.uid, broken)
        assert wanted_blobs(store, w.uid, 100).total == 20
        assert receive_small(store, w.uid, body) == 20
        assert wanted_blobs(store, w.uid, 100).total == 0
        assert list_versions(store, ref("data"), 1, 0).versions[0].state == "committed"


def test_manifests_are_wanted_first_and_add_what_they_name(home):
    w = Writing(home)
    image = Blobs(home).put(b"image")
    w.fact(Media("i", 0, w.now, [MediaItem("image", {}, {"data": image})]))
    manifest = commit(w, {"a": b"1", "b": b"2"})
    absent = forget(home, image.digest, manifest.digest, *(
        hashlib.sha256(data).hexdigest() for data in (b"1", b"2")
    ))  # fmt: skip
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        wanted = wanted_blobs(store, w.uid, 100)
        assert [(b.digest, b.manifest) for b in wanted.blobs] == [
            (manifest.digest, True), (image.digest, False),
        ]  # fmt: skip
        data = absent[manifest.digest]
        receive_piece(store, w.uid, manifest.digest, offset=0, size=len(data), body=data)
        assert wanted_blobs(store, w.uid, 100).total == 3
        assert wanted_blobs(store, w.uid, 1).total == 3
        assert len(wanted_blobs(store, w.uid, 1).blobs) == 1


def test_a_disk_that_fails_leaves_what_was_held(awaited, monkeypatch):
    """The n-th write fails, for every n: nothing half, and the next try goes on."""
    store, _, digest = awaited
    real = os.pwrite
    piece(awaited, 0, 100)

    def short_then_full(descriptor, data, offset):
        if offset > 100:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:7], offset)

    monkeypatch.setattr(os, "pwrite", short_then_full)
    with pytest.raises(StorageFull):
        piece(awaited, 100, 300)
    monkeypatch.setattr(os, "pwrite", real)
    assert wanted_blobs(store, awaited[1], 1).blobs[0].offset == 100
    for name in ("link", "chmod", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, _broken)
            with pytest.raises((Unavailable, StorageFull)):
                piece(awaited, wanted_blobs(store, awaited[1], 1).blobs[0].offset, len(DATA))
        assert not store.blobs.has(digest)
    assert piece(awaited, len(DATA), len(DATA)).complete
    assert store.blobs.read(digest) == DATA


def _broken(*_arguments, **_given):
    raise OSError(5, "Input/output error")


def test_a_crash_at_any_write_of_a_commit_is_made_good(home, monkeypatch):
    """The n-th statement of the index fails, for every n: the version commits at the next look."""
    import sqlalchemy as sa

    w = Writing(home)
    commit(w, {"a": b"1", "b": b"2"}, aliases=["best"])
    forget(home, hashlib.sha256(b"1").hexdigest())
    w.finish()
    digest = hashlib.sha256(b"1").hexdigest()
    with open_store(home) as store:
        ingest_home(store)
        store.blobs.put(b"1")
        real = sa.Connection.execute
        failed = 0
        for broken in range(200):
            count = 0

            def counted(self, *arguments, _real=real, _broken=broken, **given):
                nonlocal count
                count += 1
                if count == _broken + 1:
                    raise OSError(5, "Input/output error")
                return _real(self, *arguments, **given)

            with monkeypatch.context() as patch:
                patch.setattr(sa.Connection, "execute", counted)
                try:
                    uploads.note_arrivals(store, w.uid, [digest])
                except OSError:
                    failed += 1
                else:
                    break
            state = list_versions(store, ref("data"), 1, 0).versions[0]
            assert (state.state, state.missing, state.aliases) == ("pending", 1, [])
        assert failed > 5
        row = list_versions(store, ref("data"), 1, 0).versions[0]
        assert (row.state, row.aliases) == ("committed", ["best", "latest"])


def test_the_same_blob_from_many_senders_at_once(awaited):
    """Eight threads send the same blob piece by piece; each ends with a whole one."""
    store, _, digest = awaited
    problems = []

    def send():
        try:
            held = 0
            while held < len(DATA):
                try:
                    held = piece(awaited, held, held + 64).offset
                except OffsetMismatch as error:
                    held = error.expected
        except Exception as error:  # noqa: BLE001  # told by the assertion below
            problems.append(error)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert problems == []
    assert store.blobs.read(digest) == DATA
