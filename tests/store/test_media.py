"""Media and files: by key and step, hidden by cuts, awaited, resolved from spools."""

from __future__ import annotations

import itertools

import pytest

from epochal.domain.objects import MediaQuery
from epochal.domain.record import BlobRef, File, Media, MediaItem, Stored
from epochal.errors import InvalidInput, NotFound
from epochal.journal.blobs import Blobs
from epochal.journal.spool import spool_directory
from epochal.store.contents import run_blob_content, run_file
from epochal.store.files import list_files
from epochal.store.follow import Follower
from epochal.store.ingest import ingest_home
from epochal.store.media import media_keys, query_media
from epochal.store.owner import open_store
from epochal.store.recover import rebuild
from epochal.store.runs import delete_run, get_run
from epochal.store.schema_objects import run_blob
from tests.store.journals import Writing


def image(home, data: bytes = b"png") -> MediaItem:
    return MediaItem("image", {"width": 1}, {"data": Blobs(home).put(data, "image/png")})


def log(w: Writing, key: str, step: int, *items: MediaItem, many: bool = False) -> None:
    w.now += 1000
    w.fact(Media(key, step, w.now, list(items), many))


def steps(store, uid, **given):
    page = query_media(store, MediaQuery([uid], **given))
    return [(entry.key, entry.step) for entry in page.entries]


def references(store) -> int:
    with store.database.read() as connection:
        return sum(row.uses for row in connection.execute(run_blob.select()))


def test_media_are_found_by_key_and_step(home):
    w = Writing(home)
    for step in range(5):
        log(w, "a", step, image(home, b"%d" % step))
    log(w, "b", 7, image(home), image(home, b"2"), many=True)
    log(w, "h", 1, MediaItem("histogram", {"edges": [0.0, float("nan")], "counts": [1]}))
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        keys = {key.key: key for key in media_keys(store, w.uid).keys}
        assert keys["a"].steps == [0, 1, 2, 3, 4]
        assert (keys["b"].kind, keys["h"].kind, keys["a"].count) == ("image", "histogram", 5)
        assert steps(store, w.uid, keys=["a"], lo=1, hi=2) == [("a", 1), ("a", 2)]
        assert steps(store, w.uid, at=3) == [("a", 3), ("h", 1)]
        assert steps(store, w.uid, at=100) == [("a", 4), ("b", 7), ("h", 1)]
        entry = query_media(store, MediaQuery([w.uid], keys=["b"])).entries[0]
        assert entry.many
        assert [item.blobs["data"].present for item in entry.items] == [True, True]
        found, cursor = [], None
        while True:
            page = query_media(store, MediaQuery([w.uid], limit=2, cursor=cursor))
            found += [(entry.key, entry.step) for entry in page.entries]
            cursor = page.cursor
            if cursor is None:
                break
        assert found == steps(store, w.uid)
        for bad in ("x", "[1]", '["a","b",1,2]', "\ud800"):
            with pytest.raises(InvalidInput, match="cursor"):
                query_media(store, MediaQuery([w.uid], cursor=bad))


def test_of_many_steps_some_are_chosen_evenly_with_the_first_and_the_last(home):
    w = Writing(home)
    for step in range(1000):
        log(w, "w", step * 3, MediaItem("histogram", {"edges": [0.0, 1.0], "counts": [step]}))
    for step in range(4):
        log(w, "few", step, MediaItem("histogram", {"edges": [0.0, 1.0], "counts": [step]}))
    log(w, "one", 5, MediaItem("text", {"text": "x"}))
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        found = steps(store, w.uid, most=7)
        assert found[:5] == [*(("few", step) for step in range(4)), ("one", 5)]
        chosen = [step for key, step in found if key == "w"]
        assert (len(chosen), chosen[0], chosen[-1]) == (7, 0, 2997)
        gaps = [after - before for before, after in itertools.pairwise(chosen)]
        assert max(gaps) - min(gaps) <= 3
        some = steps(store, w.uid, keys=["w"], lo=30, hi=60, most=3)
        assert some == [("w", 30), ("w", 45), ("w", 60)]
        first = query_media(store, MediaQuery([w.uid], keys=["w"], most=7, limit=4))
        rest = query_media(
            store, MediaQuery([w.uid], keys=["w"], most=7, limit=4, cursor=first.cursor)
        )
        assert [e.step for e in (*first.entries, *rest.entries)] == chosen
        assert rest.cursor is None


def test_a_cut_hides_media_as_it_hides_points(home):
    """Of its own writer before it, of earlier writers also when they are read later."""
    first, second = Writing(home), Writing(home, second=5)
    for step in range(4):
        log(first, "a", step, image(home, b"%d" % step))
    second.cut(2)
    log(second, "a", 2, image(home, b"new"))
    with open_store(home) as store:
        ingest_home(store)
        assert steps(store, first.uid) == [("a", 0), ("a", 1), ("a", 2)]
        assert references(store) == 3
        log(first, "a", 3, image(home, b"late"))
        log(first, "a", 1, image(home, b"1"))
        log(second, "a", 3, image(home, b"x"))
        second.cut(3)
        ingest_home(store)
        assert steps(store, first.uid) == [("a", 0), ("a", 1), ("a", 1), ("a", 2)]
        assert references(store) == 4


def test_files_are_the_last_record_of_each_path(home):
    """Whatever the order of reading; a removed file is gone, its bytes unreferenced."""
    late, early = Writing(home), Writing(home, second=1)
    blobs = Blobs(home)
    late.fact(File(late.now + 9_000_000, "a.txt", blobs.put(b"new"), "live"))
    early.fact(File(early.now, "a.txt", blobs.put(b"old")))
    early.fact(File(early.now, "b/c.txt", blobs.put(b"old")))
    early.fact(File(early.now + 1, "b/c.txt", None))
    early.fact(File(early.now, "../up", blobs.put(b"old")))
    early.fact(File(early.now, "d", BlobRef("zz", 1)))
    for w in (late, early):
        w.finish()
    with open_store(home) as store:
        ingest_home(store)
        found = list_files(store, late.uid)
        assert [(row.path, row.size, row.policy, row.present) for row in found.files] == [
            ("a.txt", 3, "live", True), ("d", 0, "now", False),
        ]  # fmt: skip
        assert references(store) == 1
        assert run_file(store, late.uid, "a.txt").path.read_bytes() == b"new"
        for path in ("b/c.txt", "d", "nothing"):
            with pytest.raises(NotFound):
                run_file(store, late.uid, path)
        assert [event.level for event in get_run(store, late.uid).events] == ["warning"]


def test_a_blob_is_read_through_a_reference_only(home):
    """AU-05: another run of the same home does not open it."""
    w, other = Writing(home), Writing(home, "r2", second=1)
    log(w, "a", 0, image(home))
    digest = Blobs(home).put(b"png").digest
    with open_store(home) as store:
        ingest_home(store)
        assert run_blob_content(store, w.uid, digest).size == 3
        with pytest.raises(NotFound):
            run_blob_content(store, other.uid, digest)
        with pytest.raises(NotFound):
            run_blob_content(store, w.uid, Blobs(home).put(b"other").digest)


def test_spool_names_become_blobs_when_the_writer_says_so(home):
    """In the same transaction or a later one; until then the item shows no digest."""
    w = Writing(home)
    blob = Blobs(home).put(b"encoded", "image/png")
    names = {"data": "0-npy", "mask:x": "1-npy"}
    log(w, "a", 0, MediaItem("image", {}, dict(names)))
    w.fact(File(w.now, "f.txt", "2-bin"))
    with open_store(home) as store:
        ingest_home(store)
        shown = query_media(store, MediaQuery([w.uid])).entries[0].items[0].blobs["data"]
        assert (shown.digest, shown.present) == ("", False)
        w.fact(Stored(w.now + 5, {"0-npy": blob, "2-bin": blob, "unknown": blob}))
        w.fact(Stored(w.now + 6, {"1-npy": blob}))
        w.fact(Stored(w.now + 7, {"1-npy": blob}))
        ingest_home(store)
        item = query_media(store, MediaQuery([w.uid])).entries[0].items[0]
        assert {role: view.digest for role, view in item.blobs.items()} == {
            "data": blob.digest, "mask:x": blob.digest,
        }  # fmt: skip
        assert [(row.path, row.present) for row in list_files(store, w.uid).files] == [
            ("f.txt", True)
        ]
        assert references(store) == 3


def test_the_spool_of_a_dead_writer_is_finished_before_its_journal_is_read(home):
    """A killed process left raw bytes: they are stored, by whoever reads the home next."""
    dead, followed = Writing(home), Writing(home, "r2", second=1)
    for w in (dead, followed):
        spool = home / "runs" / w.uid / f"{w.writer}.spool"
        assert str(spool) == spool_directory(w.path)
        spool.mkdir()
        (spool / "0-bin").write_bytes(b"raw bytes")
        w.fact(File(w.now, "left.bin", "0-bin"))
    dead.die()
    with open_store(home) as store:
        follower = Follower(store)
        for _ in range(3):
            follower.poll()
        assert list_files(store, followed.uid).files[0].present is False
        followed.die()
        ingest_home(store)
        for w in (dead, followed):
            assert [row.size for row in list_files(store, w.uid).files] == [9]
            assert not (home / "runs" / w.uid / f"{w.writer}.spool").exists()


def test_a_deleted_run_takes_its_media_and_files_along(home):
    w = Writing(home)
    log(w, "a", 0, image(home))
    w.fact(File(w.now, "f", Blobs(home).put(b"x")))
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        delete_run(store, w.uid)
        assert references(store) == 0


def test_media_and_files_come_back_with_a_rebuilt_database(home):
    w = Writing(home)
    log(w, "a", 0, image(home))
    log(w, "a", 1, image(home))
    w.cut(1)
    w.fact(File(w.now, "f", Blobs(home).put(b"x")))
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
    rebuild(home)
    with open_store(home) as store:
        assert steps(store, w.uid) == [("a", 0)]
        assert [row.path for row in list_files(store, w.uid).files] == ["f"]
        assert references(store) == 2
