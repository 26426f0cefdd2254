"""Decoded coarse copies are kept, the recent ones only, and give the same charts."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from epochal.domain.view import BucketQuery, SeriesRef
from epochal.store import mips
from epochal.store.buckets import bucket_series
from epochal.store.grid import Grid
from epochal.store.ingest import ingest_home
from epochal.store.mip import Mip
from epochal.store.mips import RecentMips
from epochal.store.owner import open_store
from epochal.store.series import query_buckets
from tests.store.journals import Writing


def make_mip(cells):
    grid = Grid(0, 1.0, cells)
    return Mip(grid, bucket_series(np.arange(cells), np.arange(cells) / 2, grid))


def refuse():
    raise AssertionError("it is kept, nobody has to decode it")


def test_what_was_used_last_is_kept_within_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(mips, "KEPT_CELLS", 100)
    recent: RecentMips[Mip] = RecentMips()
    made = [make_mip(40) for _ in range(3)]
    for number in (0, 1):
        assert recent.get((tmp_path, 0, number), partial(made.__getitem__, number)) is made[number]
    assert recent.get((tmp_path, 0, 0), refuse) is made[0]
    assert recent.get((tmp_path, 0, 2), lambda: made[2]) is made[2]
    assert recent.weight == 80
    assert recent.get((tmp_path, 0, 0), refuse) is made[0]
    assert recent.get((tmp_path, 0, 2), refuse) is made[2]
    again = make_mip(40)
    assert recent.get((tmp_path, 0, 1), lambda: again) is again


def test_a_mip_beyond_the_limit_is_given_but_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(mips, "KEPT_CELLS", 10)
    recent: RecentMips[Mip] = RecentMips()
    assert len(recent.get((tmp_path, 0, 0), lambda: make_mip(40)).cells) == 40
    assert recent.weight == 0


def test_a_failure_to_decode_is_told_and_not_kept(tmp_path):
    recent: RecentMips[Mip] = RecentMips()

    def fail():
        raise ValueError("damaged")

    for _ in range(2):
        with pytest.raises(ValueError, match="damaged"):
            recent.get((tmp_path, 0, 0), fail)


def test_a_chart_is_the_same_the_second_time(home):
    """Zoomed or not, the kept arrays are never changed by who draws them."""
    w = Writing(home)
    w.line(0, 20_000)
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        queries = [
            BucketQuery([SeriesRef(w.uid, "loss")], buckets=count, lo=lo, hi=hi)
            for count, lo, hi in ((100, None, None), (50, 1000, 9000), (300, None, None))
        ]
        first = [bytes(query_buckets(store, query)) for query in queries]
        assert [bytes(query_buckets(store, query)) for query in queries] == first
    with open_store(home) as store:
        assert [bytes(query_buckets(store, query)) for query in reversed(queries)] == first[::-1]
