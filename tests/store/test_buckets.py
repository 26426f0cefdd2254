import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epochal.store.buckets import (
    Buckets,
    Grid,
    bucket_many,
    bucket_series,
    choose_grid,
    join_buckets,
    merge_buckets,
)
from epochal.store.smooth import debiased_average

EXACT = ("bucket", "n", "x_first", "x_last", "first", "last", "min", "max")
COUNTS = ("n_nan", "n_posinf", "n_neginf")
VALUE = st.one_of(
    st.floats(-1e6, 1e6),
    st.floats(),
    st.sampled_from([math.nan, math.inf, -math.inf, 1.7e308, -1.7e308, 5e-324]),
)
STEP = st.one_of(st.integers(-50, 3000), st.integers(-(2**63), 2**63 - 1))
METRIC = st.one_of(
    st.floats(-10, 10), st.floats(), st.sampled_from([math.nan, math.inf, 0.0, -0.0])
)


@st.composite
def series(draw, x_values=STEP, dtype=np.int64):
    size = draw(st.integers(0, 60))
    x = draw(st.lists(x_values, min_size=size, max_size=size))
    if draw(st.booleans()):
        x = sorted(x)
    value = draw(st.lists(VALUE, min_size=size, max_size=size))
    return np.array(x, dtype), np.array(value, np.float64)


def naive(x, value, grid):
    """Bucket by bucket, point by point, in exact arithmetic."""
    origin, width = Fraction(grid.origin), Fraction(grid.width)
    found: dict[int, list[tuple[Fraction, int, float]]] = {}
    for arrival, (place, v) in enumerate(zip(x.tolist(), value.tolist(), strict=True)):
        if math.isfinite(place):
            bucket = math.floor((Fraction(place) - origin) / width)
            if 0 <= bucket < grid.count:
                found.setdefault(bucket, []).append((Fraction(place), arrival, v))
    rows = []
    for bucket, points in sorted(found.items()):
        points.sort(key=lambda point: point[:2])
        values = [v for _, _, v in points]
        finite = [v for v in values if math.isfinite(v)]
        start = origin + bucket * width
        mean = float(sum(map(Fraction, finite)) / len(finite)) if finite else math.nan
        rows.append(
            {
                "bucket": bucket,
                "n": len(points),
                "x_first": float(points[0][0] - start),
                "x_last": float(points[-1][0] - start),
                "first": finite[0] if finite else math.nan,
                "last": finite[-1] if finite else math.nan,
                "min": min(finite, default=math.nan),
                "max": max(finite, default=math.nan),
                "mean": mean,
                "n_nan": sum(map(math.isnan, values)),
                "n_posinf": values.count(math.inf),
                "n_neginf": values.count(-math.inf),
            }
        )
    return rows


def assert_equals(found: Buckets, rows):
    assert len(found) == len(rows)
    for name in (*EXACT, *COUNTS):
        np.testing.assert_array_equal(getattr(found, name), [row[name] for row in rows], name)
    mean = np.array([row["mean"] for row in rows])
    spread = np.array([max(abs(row["min"]), abs(row["max"])) for row in rows])
    check_means(found, mean, spread)


def check_means(found: Buckets, mean, spread):
    """Within rounding of the exact mean, and never outside of the extremes."""
    some = ~np.isnan(mean)
    assert np.array_equal(np.isnan(found.mean), ~some)
    error = np.abs(found.mean[some] / 4 - mean[some] / 4)
    assert np.all(error <= spread[some] * 1e-13 + 1e-303)
    assert np.all((found.mean >= found.min)[some] & (found.mean <= found.max)[some])


@st.composite
def grids(draw, x, whole):
    finite = [place for place in x.tolist() if math.isfinite(place)]
    lo, hi = (min(finite), max(finite)) if finite else (0, 1)
    grid = choose_grid(lo, hi, draw(st.integers(1, 40)), whole=whole)
    first = draw(st.integers(0, grid.count - 1))
    last = draw(st.integers(first, grid.count - 1))
    origin = grid.origin + type(grid.origin)(first * grid.width)
    return Grid(origin, grid.width, last - first + 1)


@given(st.data())
@settings(max_examples=300)
def test_buckets_of_steps_are_those_of_brute_force(data):
    """Any order, duplicates, all of int64, NaN, infinities, huge values, any part of the range."""
    x, value = data.draw(series())
    grid = data.draw(grids(x, whole=True))
    assert_equals(bucket_series(x, value, grid), naive(x, value, grid))


@given(st.data())
@settings(max_examples=300)
def test_buckets_of_a_metric_are_those_of_brute_force(data):
    """Fractional and enormous widths; points whose x is not finite are left out."""
    x, value = data.draw(series(METRIC, np.float64))
    grid = data.draw(grids(x, whole=False))
    assert_equals(bucket_series(x, value, grid), naive(x, value, grid))


@given(series(st.integers(0, 200)), st.sampled_from([0.25, 0.5]))
def test_steps_on_a_fractional_grid_are_placed_too(points, width):
    """An int64 axis may meet a grid made for floats."""
    x, value = points
    grid = Grid(0.0, width, int(201 / width))
    assert_equals(bucket_series(x, value, grid), naive(x, value, grid))


@given(st.lists(series(st.integers(0, 300)), min_size=1, max_size=6), st.data())
def test_many_series_at_once_are_each_series_alone(many, data):
    """Stacking shares work, never values; equal axes are found whether shared or copied."""
    x = many[0][0]
    for _ in range(data.draw(st.integers(0, 4))):
        value = np.array(data.draw(st.lists(VALUE, min_size=len(x), max_size=len(x))))
        many.append((data.draw(st.sampled_from([x, x.copy()])), value.astype(np.float64)))
    grid = choose_grid(0, 300, data.draw(st.integers(1, 64)))
    for (x, value), found in zip(many, bucket_many(many, grid), strict=True):
        assert_equals(found, naive(x, value, grid))


@given(series(st.integers(-300, 3000)), st.integers(0, 6), st.integers(0, 6))
def test_merged_buckets_are_those_of_the_points(points, fine, levels):
    """Doubling the width joins two neighbors into exactly the bucket that the points give."""
    x, value = points
    small = Grid((-300 >> fine) << fine, 2.0**fine, (3000 >> fine) - (-300 >> fine) + 1)
    wide = fine + levels
    target = Grid((-300 >> wide) << wide, 2.0**wide, (3000 >> wide) - (-300 >> wide) + 1)
    merged = merge_buckets(bucket_series(x, value, small), small, target)
    assert_equals(merged, naive(x, value, target))


def test_buckets_cannot_be_split():
    """Asking for a finer grid is a mistake of the caller."""
    grid = Grid(0, 4.0, 4)
    buckets = bucket_series(np.arange(16), np.arange(16.0), grid)
    with pytest.raises(ValueError, match="cannot be split"):
        merge_buckets(buckets, grid, Grid(0, 2.0, 8))


@given(st.lists(st.integers(0, 200), min_size=1, max_size=60, unique=True), st.data())
def test_parts_joined_are_the_whole(steps, data):
    """A series cut anywhere along x gives the same buckets, the shared one included."""
    x = np.array(sorted(steps))
    value = np.array(data.draw(st.lists(VALUE, min_size=len(x), max_size=len(x))))
    grid = choose_grid(0, 200, data.draw(st.integers(1, 50)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(x)), max_size=3)))
    edges = [0, *cuts, len(x)]
    pieces = [bucket_series(x[a:b], value[a:b], grid) for a, b in pairwise(edges)]
    assert_equals(join_buckets(pieces), naive(x, value, grid))


def test_joining_nothing_is_nothing():
    """A run without points has no buckets."""
    assert len(join_buckets([])) == 0


def test_one_planted_spike_and_one_nan_survive_any_zoom():
    """A single point of a million is the extreme of its bucket; a single NaN is counted."""
    value = np.random.default_rng(1).standard_normal(1_000_000)
    value[123_457], value[777_777] = 1e6, np.nan
    for buckets in (1, 7, 400, 1500, 8192):
        grid = choose_grid(0, 999_999, buckets)
        found = bucket_series(np.arange(1_000_000), value, grid)
        assert found.max.max() == 1e6
        assert found.n_nan.sum() == 1
        assert found.n.sum() == 1_000_000


@given(series(st.integers(0, 100)), st.integers(20, 80))
def test_smoothing_sees_points_outside_of_the_grid(points, start):
    """The average at a bucket's last point is that of the full data, whatever is in view."""
    x, value = points
    value = np.where(np.abs(value) < 1e300, value, 1.0)
    grid = Grid(start, 1.0, 101 - start)
    found = bucket_series(x, value, grid, smooth=0.9)
    order = np.argsort(x, kind="stable")
    smooth = debiased_average(value[order], 0.9, x[order].astype(np.float64))
    full = dict(zip(x[order].tolist(), smooth.tolist(), strict=True))
    assert found.smooth is not None
    np.testing.assert_array_equal(found.smooth, [full[b + start] for b in found.bucket.tolist()])
