"""Garbage collection: shown first, never what is needed, also while others store."""

from __future__ import annotations

import contextlib
import os
import threading
import time

from epochal.domain.artifact import read_reference
from epochal.domain.objects import VersionChanges
from epochal.domain.record import File, ModelLink
from epochal.journal.blobs import Blobs
from epochal.store import curation
from epochal.store.artifacts import list_versions
from epochal.store.collect import collect
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.runs import delete_run
from epochal.store.soundness import check_blobs
from tests.store.journals import Writing
from tests.store.objects import commit

DAY = 24 * 3600


def age(home, days: float = 2) -> None:
    """Make everything among the blobs look old."""
    moment = time.time() - days * DAY
    for path in Blobs(home).root.rglob("*"):
        if path.is_file():
            os.utime(path, (moment, moment))


def test_a_dry_run_tells_and_removes_nothing(home):
    """Unreferenced and old goes; referenced or young stays; unfinished uploads go after a day."""
    w = Writing(home)
    blobs = Blobs(home)
    used = blobs.put(b"used")
    w.fact(File(w.now, "a", used))
    garbage = blobs.put(b"garbage")
    blobs.temporary("ab.part").write_bytes(b"half")
    age(home)
    young = blobs.put(b"young")
    with open_store(home) as store:
        shown = collect(store)
        assert (shown.blobs, shown.blob_bytes, shown.kept_bytes) == (1, 7, 5)
        assert (shown.leftovers, shown.leftover_bytes, shown.dry_run) == (1, 4, True)
        assert len(list(blobs.digests())) == 3
        done = collect(store, dry_run=False)
        assert (done.blobs, done.blob_bytes, done.leftover_bytes) == (1, 7, 4)
        assert set(blobs.digests()) == {used.digest, young.digest}
        assert not blobs.has(garbage.digest)
        assert list(blobs.temporaries()) == []
        assert collect(store, dry_run=False).blobs == 0


def test_what_a_deleted_run_alone_referred_to_goes_and_versions_stay(home):
    w = Writing(home)
    blobs = Blobs(home)
    w.fact(File(w.now, "a", blobs.put(b"mine")))
    commit(w, {"x": b"version"})
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        delete_run(store, w.uid)
        age(home)
        assert collect(store, dry_run=False).blob_bytes == 4
        assert check_blobs(store, deep=True) == []
        ref = read_reference("data", "p")
        curation.delete_version(store, ref)
        done = collect(store, dry_run=False)
        assert (done.blobs, list(blobs.digests())) == (2, [])


def test_expired_versions_go_unless_somebody_named_them(home):
    """A time to live ends a version, but none with an alias or under a model."""
    w = Writing(home)
    commit(w, {"x": b"old"}, "plain", ttl_s=60)
    commit(w, {"x": b"named"}, "named", ttl_s=60, aliases=["best"])
    linked = commit(w, {"x": b"linked"}, "linked", ttl_s=60)
    w.fact(ModelLink(w.now, "m", "local/p/linked", linked.digest))
    commit(w, {"x": b"for ever"}, "plain")
    commit(w, {"x": b"later"}, "later", ttl_s=100 * 365 * DAY)
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        shown = collect(store)
        assert shown.versions == ["local/p/plain:v0"]
        assert shown.version_bytes > 3
        states = list_versions(store, read_reference("plain", "p"), 9, 0).versions
        assert [row.version for row in states] == [1, 0]
        assert collect(store, dry_run=False).versions == ["local/p/plain:v0"]
        rows = list_versions(store, read_reference("plain", "p"), 9, 0).versions
        assert [(row.version, row.aliases) for row in rows] == [(1, ["latest"])]
        changes = VersionChanges(remove_aliases=["best"])
        curation.update_version(store, read_reference("named:best", "p"), changes)
        assert collect(store).versions == ["local/p/named:v0"]


def test_a_journal_that_cannot_be_read_keeps_all_blobs(home):
    """It may name any of them."""
    w = Writing(home)
    w.finish()
    Blobs(home).put(b"garbage")
    age(home)
    (home / "runs" / w.uid / f"{'0' * 32}.ej").write_bytes(b"no journal at all" * 10)
    with open_store(home) as store:
        done = collect(store, dry_run=False)
        assert (done.blobs, len(done.problems)) == (0, 1)
        assert len(list(store.blobs.digests())) == 1


def test_what_is_stored_again_is_never_collected(home):
    """F39: the file is old and unreferenced when a writer stores the same bytes once more."""
    blobs = Blobs(home)
    ref = blobs.put(b"again")
    age(home)
    with open_store(home) as store:
        assert collect(store).blobs == 1
        blobs.put(b"again")
        done = collect(store, dry_run=False)
        assert (done.blobs, done.kept_bytes) == (0, 5)
        w = Writing(home)
        w.fact(File(w.now, "a", ref))
        w.finish()
        age(home)
        assert collect(store, dry_run=False).blobs == 0
        assert blobs.read(ref.digest) == b"again"


def test_a_writer_and_the_collector_race(home):
    """F39: whatever the interleaving, a blob that `put` returned for is there afterwards."""
    blobs = Blobs(home)
    ref = blobs.put(b"contended")
    stop = threading.Event()

    def collecting():
        while not stop.is_set():
            blobs.remove(ref.digest, time.time() - DAY)

    thread = threading.Thread(target=collecting)
    thread.start()
    try:
        for _ in range(300):
            moment = time.time() - 2 * DAY
            with contextlib.suppress(FileNotFoundError):
                os.utime(blobs.path(ref.digest), (moment, moment))
            blobs.put(b"contended", sync=False)
            deadline = time.monotonic() + 60
            while not blobs.has(ref.digest):  # set aside for a moment, and put back
                assert time.monotonic() < deadline
    finally:
        stop.set()
        thread.join()


def test_a_crash_while_removing_is_made_good(home):
    """A blob that was set aside is put back before anything is collected."""
    blobs = Blobs(home)
    w = Writing(home)
    ref = blobs.put(b"needed")
    w.fact(File(w.now, "a", ref))
    w.finish()
    os.rename(blobs.path(ref.digest), blobs.temporary(f"trash.{ref.digest}"))
    with open_store(home) as store:
        collect(store, dry_run=False)
        assert blobs.read(ref.digest) == b"needed"


def test_damage_among_the_blobs_is_told(home):
    """Missing, cut short, changed; only reading all of them finds every change."""
    w = Writing(home)
    blobs = Blobs(home)
    refs = [blobs.put(b"blob %d" % n) for n in range(3)]
    for n, ref in enumerate(refs):
        w.fact(File(w.now, f"f{n}", ref))
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        assert check_blobs(store, deep=True) == []
        blobs.remove(refs[0].digest)
        for ref, data in ((refs[1], b"x"), (refs[2], b"BLOB 2")):
            os.chmod(blobs.path(ref.digest), 0o600)
            blobs.path(ref.digest).write_bytes(data)
        found = "\n".join(check_blobs(store, deep=True))
        assert all(word in found for word in ("missing", "1 bytes", "damaged"))
        assert len(check_blobs(store, deep=True)) == 3
