"""Media that lie in no file of their run: found by key and step, remembered until it changes."""

from __future__ import annotations

from epochal.domain.record import BlobRef, File, MediaItem
from epochal.journal.blobs import Blobs
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.unfiled import unfiled_media
from tests.store.journals import Writing
from tests.store.test_media import image, log


def test_media_of_no_file_are_told_without_what_needs_none(home):
    """A file of the same bytes takes a medium out; small and absent ones were never in."""
    w = Writing(home)
    for step in range(2):
        log(w, "b", step, image(home, b"%d" % step))
    log(w, "a", 3, image(home, b"1"), image(home, b"2"), many=True)
    log(w, "h", 1, MediaItem("histogram", {"edges": [0.0, 1.0], "counts": [1]}))
    log(w, "awaited", 1, MediaItem("image", {}, {"data": BlobRef("f" * 64, 5, "image/png")}))

    def told(store) -> list[tuple[str, int, int]]:
        ingest_home(store)
        return [(e.key, e.step, len(e.items)) for e in unfiled_media(store, w.uid)]

    with open_store(home) as store:
        assert told(store) == [("a", 3, 2), ("b", 0, 1), ("b", 1, 1)]
        assert unfiled_media(store, w.uid)[0].items[0].meta == {}
        w.fact(File(w.now, "one.png", Blobs(home).put(b"1")))
        assert told(store) == [("a", 3, 1), ("b", 0, 1)]


def test_a_run_that_rests_is_not_read_again(home):
    """And one that goes on is."""
    w = Writing(home)
    log(w, "a", 0, image(home, b"0"))
    with open_store(home) as store:
        ingest_home(store)
        first = unfiled_media(store, w.uid)
        assert unfiled_media(store, w.uid) is first
        log(w, "a", 1, image(home, b"1"))
        ingest_home(store)
        assert [entry.step for entry in unfiled_media(store, w.uid)] == [0, 1]
