"""Blobs on disk: whole or not there, whatever the file system does."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time

import pytest

from epochal.errors import Conflict, CorruptFile, InvalidInput, NotFound, StorageFull
from epochal.journal import blobs as module
from epochal.journal import syncing
from epochal.journal.blobs import Blobs

DIGEST = hashlib.sha256(b"hello").hexdigest()


def files(home):
    return sorted(
        str(path.relative_to(home)) for path in (home / "blobs").rglob("*") if path.is_file()
    )


def test_a_blob_is_named_by_its_digest_and_cannot_be_written(home):
    blobs = Blobs(home)
    ref = blobs.put(b"hello", "text/plain")
    assert (ref.digest, ref.size, ref.type) == (DIGEST, 5, "text/plain")
    assert files(home) == [f"blobs/{DIGEST[:2]}/{DIGEST}"]
    assert stat.S_IMODE(blobs.path(DIGEST).stat().st_mode) == 0o444
    assert stat.S_IMODE(blobs.root.stat().st_mode) == 0o700
    assert blobs.put(b"hello") == blobs.put_many([b"hello", b"hello"])[1]
    assert (blobs.read(DIGEST), blobs.size(DIGEST), blobs.has(DIGEST)) == (b"hello", 5, True)
    assert list(blobs.digests()) == [DIGEST]
    for bad in ("", "../../x", DIGEST.upper(), DIGEST[:-1], DIGEST + "0"):
        with pytest.raises(InvalidInput):
            blobs.path(bad)


def test_damage_is_told(home):
    blobs = Blobs(home)
    blobs.put(b"hello")
    with pytest.raises(NotFound):
        blobs.read("0" * 64)
    os.chmod(blobs.path(DIGEST), 0o600)
    blobs.path(DIGEST).write_bytes(b"hellO")
    with pytest.raises(CorruptFile):
        blobs.read(DIGEST)
    assert not blobs.is_sound(DIGEST)
    assert not blobs.is_sound("0" * 64)


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS])
def test_without_hard_links_blobs_are_renamed(home, monkeypatch, code):
    """FAT, some network and FUSE file systems."""

    def link(_source, _target):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", link)
    blobs = Blobs(home)
    blobs.put(b"hello")
    blobs.put_many([b"a", b"b"])
    part = blobs.temporary("x.part")
    part.write_bytes(b"part")
    blobs.adopt(part, hashlib.sha256(b"part").hexdigest())
    assert len(files(home)) == 4
    assert all(blobs.is_sound(digest) for digest in blobs.digests())


@pytest.mark.parametrize("call", ["link", "fsync", "chmod"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failure_leaves_nothing_behind(home, monkeypatch, call, code):
    def fail(*_arguments, **_given):
        raise OSError(code, os.strerror(code))

    blobs = Blobs(home)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StorageFull if code == errno.ENOSPC else OSError):
            blobs.put(b"hello")
    assert files(home) == []
    assert blobs.put(b"hello").digest == DIGEST


def test_only_files_that_hold_still_are_stored(home, tmp_path, monkeypatch):
    """F35: directories, pipes and devices are refused at once; a file that grows is too."""
    blobs = Blobs(home)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, tmp_path / "nothing"):
        with pytest.raises(InvalidInput):
            blobs.put_file(path)
    source = tmp_path / "file"
    source.write_bytes(b"hello")
    assert blobs.put_file(source).digest == DIGEST
    (tmp_path / "empty").write_bytes(b"")
    assert blobs.put_file(tmp_path / "empty").size == 0
    real = os.fstat
    calls = iter(range(1000))

    def moving(descriptor):
        with open(source, "ab") as file:
            file.write(b"%d" % next(calls))
        return real(descriptor)

    monkeypatch.setattr(os, "fstat", moving)
    with pytest.raises(Conflict, match="changes"):
        blobs.put_file(source)
    assert [name for name in files(home) if "tmp" in name] == []


def test_bytes_are_adopted_only_with_the_right_digest(home):
    blobs = Blobs(home)
    part = blobs.temporary("x.part")
    part.write_bytes(b"hello")
    with pytest.raises(CorruptFile):
        blobs.adopt(part, "0" * 64)
    assert files(home) == []
    part.write_bytes(b"hello")
    blobs.adopt(part, DIGEST)
    assert blobs.read(DIGEST) == b"hello"
    for bad in ("../x", "a/b", ""):
        with pytest.raises(InvalidInput):
            blobs.temporary(bad)


def test_storing_again_makes_young_and_only_the_old_is_removed(home):
    blobs = Blobs(home)
    blobs.put(b"hello")
    old = time.time() - 1000
    os.utime(blobs.path(DIGEST), (old, old))
    assert blobs.remove(DIGEST, before=old - 1) == 0
    blobs.put(b"hello")
    assert blobs.remove(DIGEST, before=old + 10) == 0
    assert blobs.read(DIGEST) == b"hello"
    os.utime(blobs.path(DIGEST), (old, old))
    assert blobs.remove(DIGEST, before=old + 10) == 5
    assert (blobs.keep(DIGEST), blobs.remove(DIGEST), files(home)) == (False, 0, [])


def test_what_a_crash_set_aside_comes_back(home):
    blobs = Blobs(home)
    blobs.put(b"hello")
    os.rename(blobs.path(DIGEST), blobs.temporary(f"trash.{DIGEST}"))
    blobs.temporary("trash.nonsense").write_bytes(b"x")
    blobs.restore()
    assert blobs.read(DIGEST) == b"hello"
    Blobs(home / "empty").restore()


def test_many_blobs_are_named_after_they_are_synced(home, monkeypatch):
    """Two syncs of the file system for any number of blobs, the first before any name."""
    seen = []
    blobs = Blobs(home)
    monkeypatch.setattr(
        module, "sync_file_system", lambda _path: seen.append(len(list(blobs.digests())))
    )
    blobs.put_many([b"%d" % n for n in range(50)])
    assert seen == [0, 50]


def test_a_few_blobs_are_synced_side_by_side_before_they_are_named(home, monkeypatch):
    """The bytes, then the names, each at the cost of about one sync."""
    seen = []
    blobs = Blobs(home)

    def together(paths):
        seen.append((sorted(os.path.isdir(path) for path in paths), len(list(blobs.digests()))))

    monkeypatch.setattr(module, "sync_together", together)
    blobs.put_many([b"hello", b"you", b"hello"])
    assert seen == [([False, False], 0), ([True, True], 2)]


def test_what_cannot_be_synced_side_by_side_is_told(tmp_path):
    (tmp_path / "there").write_bytes(b"x")
    paths = [str(tmp_path / name) for name in ("there", "gone", "there")]
    with pytest.raises(FileNotFoundError, match="gone"):
        syncing.sync_together(paths)


def test_one_file_system_is_synced_with_or_without_syncfs(home, monkeypatch):
    Blobs(home).put(b"x", sync=False)
    Blobs(home).sync_all()
    synced = []
    monkeypatch.setattr(os, "sync", lambda: synced.append(1))
    monkeypatch.setattr(syncing, "_syncfs", lambda: None)
    Blobs(home).sync_all()
    Blobs(home / "nothing").sync_all()
    assert synced == [1]
