"""Few points have a bucket each; many keep the grid that the screen asks for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.domain.columns import unpack_columns
from epochal.domain.view import BucketQuery, MetricAxis, SeriesRef
from epochal.store.apart import FINENESS, MOST_POINTS, grid_apart
from epochal.store.buckets import bucket_many
from epochal.store.grid import choose_grid
from epochal.store.ingest import ingest_home
from epochal.store.series import query_buckets
from tests.store.journals import Writing

STEPS = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=40)
REALS = st.lists(st.floats(allow_nan=True, width=64), min_size=1, max_size=40)


@given(axes=st.lists(STEPS, min_size=1, max_size=4), buckets=st.integers(1, 64))
def test_whole_places_that_are_apart_never_share_a_bucket(axes, buckets):
    """Law: on a grid of the width that was found two points share a bucket only where it may."""
    xs = [np.array(axis, np.int64) for axis in axes]
    lo, hi = min(map(min, axes)), max(map(max, axes))
    grid = grid_apart(xs, (lo, hi), buckets, 40, whole=True)
    assert grid is not None
    plain = choose_grid(lo, hi, buckets)
    assert grid.width <= plain.width
    assert grid.count <= FINENESS * buckets + 2
    finest = choose_grid(lo, hi, FINENESS * buckets + 2)
    for x, found in zip(xs, bucket_many([(x, x) for x in xs], grid), strict=True):
        assert found.n.sum() == len(x)
        if len(set(x.tolist())) == len(x) and grid.width > finest.width:
            assert (found.n == 1).all()


@given(axes=st.lists(REALS, min_size=1, max_size=4), buckets=st.integers(1, 64))
def test_any_places_have_a_grid(axes, buckets):
    xs = [np.array(axis) for axis in axes]
    known = [value for axis in axes for value in axis if math.isfinite(value)]
    if known:
        grid = grid_apart(xs, (min(known), max(known)), buckets, 40, whole=False)
        assert grid is not None
        assert grid.count <= FINENESS * buckets + 2


@pytest.mark.parametrize("most", [99, 100])
def test_only_points_in_view_count(most):
    x = np.arange(1000)
    found = grid_apart([x], (400, 499), 10, most, whole=True)
    assert found == (None if most < 100 else choose_grid(400, 499, 100))


def test_all_series_together_have_a_limit():
    x = np.arange(1024)
    fits = MOST_POINTS // 1024
    assert grid_apart([x] * fits, (0, 1023), 64, 2048, whole=True) is not None
    assert grid_apart([x] * (fits + 1), (0, 1023), 64, 2048, whole=True) is None


@pytest.mark.parametrize("x", ["step", "wall", "relative", MetricAxis("epoch")])
@pytest.mark.parametrize("stride", [1, 10])
def test_a_short_series_comes_point_by_point(store, x, stride):
    """The case that was seen: 900 points answered as 450 buckets of two."""
    w = Writing(store.home)
    for step in range(900):
        w.row(step * stride, loss=math.sin(step), epoch=step / 7)
    ingest_home(store)
    query = BucketQuery([SeriesRef(w.uid, "loss")], x=x, buckets=512, points=2048)
    head, columns = unpack_columns(query_buckets(store, query))
    assert head["series"][0]["exact"] is True
    assert columns["last"].tolist() == pytest.approx([math.sin(n) for n in range(900)], abs=1e-6)


def test_what_is_long_or_a_group_keeps_its_grid(store):
    w = Writing(store.home)
    w.line(0, 5000)
    ingest_home(store)
    alone, group = SeriesRef(w.uid, "loss"), SeriesRef(runs=[w.uid], key="loss")
    for ref, points in ((alone, 4999), (group, 8192)):
        asked = BucketQuery([ref], buckets=100, points=points)
        assert query_buckets(store, asked) == query_buckets(store, BucketQuery([ref], buckets=100))
    log = BucketQuery([alone], buckets=100, scale="log")
    asked = BucketQuery([alone], buckets=100, scale="log", points=8192)
    assert query_buckets(store, asked) == query_buckets(store, log)
