"""A group is the mean of all of its runs with the band of all of them: against brute force."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epochal.domain.columns import unpack_columns
from epochal.domain.view import BucketQuery, SeriesRef
from epochal.store.bands import combine
from epochal.store.buckets import bucket_many
from epochal.store.grid import choose_grid
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.series import query_buckets
from tests.store.journals import Writing

VALUES = st.one_of(
    st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e300, -1e300])
)
RUNS = st.lists(st.dictionaries(st.integers(0, 40), VALUES, max_size=25), min_size=1, max_size=6)


def brute(runs: list[dict[int, float]], width: int) -> dict[int, tuple[float, ...]]:
    """For each bucket with a point: mean, std, min, max, runs that count, points, NaN points."""
    per_run: list[dict[int, list[float]]] = []
    for points in runs:
        cells: dict[int, list[float]] = {}
        for step, value in sorted(points.items()):
            cells.setdefault(step // width, []).append(value)
        per_run.append(cells)
    answer: dict[int, tuple[float, ...]] = {}
    for bucket in sorted({b for cells in per_run for b in cells}):
        counted = [found for cells in per_run if (found := in_bucket(cells, bucket))]
        means = [mean for mean, _, _ in counted]
        every = [value for cells in per_run for value in cells.get(bucket, [])]
        average = math.fsum(value / len(means) for value in means) if means else math.nan
        spread = statistics.stdev(means) if len(means) > 1 else 0.0 if means else math.nan
        answer[bucket] = (
            average,
            spread,
            min((low for _, low, _ in counted), default=math.nan),
            max((high for _, _, high in counted), default=math.nan),
            len(counted),
            len(every),
            sum(map(math.isnan, every)),
        )
    return answer


def in_bucket(cells: dict[int, list[float]], bucket: int) -> tuple[float, float, float] | None:
    """Mean, least and greatest of one run in a bucket; None where it does not count."""
    finite = {b: [v for v in values if math.isfinite(v)] for b, values in cells.items()}
    if bucket in cells:
        values = finite[bucket]
        if not values:
            return None
        return math.fsum(v / len(values) for v in values), min(values), max(values)
    before = max((b for b in cells if b < bucket), default=None)
    after = min((b for b in cells if b > bucket), default=None)
    if before is None or after is None or not finite[before] or not finite[after]:
        return None
    left, right = (math.fsum(v / len(finite[b]) for v in finite[b]) for b in (before, after))
    part = (bucket - before) / (after - before)
    value = left + (right - left) * part
    return value, value, value


def near(found: float, expected: float, tolerance: float) -> bool:
    """Equal but for rounding; NaN equals NaN."""
    both_nan = math.isnan(found) and math.isnan(expected)
    return both_nan or math.isclose(found, expected, rel_tol=1e-9, abs_tol=tolerance)


@settings(max_examples=150, deadline=None)
@given(runs=RUNS, buckets=st.integers(2, 50))
def test_every_run_of_a_group_counts(runs: list[dict[int, float]], buckets: int) -> None:
    """Mean, deviation, extremes and counts are those of the definition, NaN and gaps included."""
    grid = choose_grid(0, 40, buckets)
    series = [
        (np.array(sorted(points), np.int64), np.array([points[s] for s in sorted(points)]))
        for points in runs
    ]
    group = combine(bucket_many(series, grid))
    expected = brute(runs, int(grid.width))
    assert group.bucket.tolist() == list(expected)
    assert group.std is not None
    assert group.runs is not None
    for row, (mean, std, low, high, counted, points, nans) in enumerate(expected.values()):
        wide = max(1e-6, 1e-9 * max(abs(low), abs(high)))
        assert near(group.mean[row], mean, wide)
        if max(abs(low), abs(high)) < 1e150:  # squares beyond have no float
            assert near(group.std[row], std, wide)
        assert near(group.min[row], low, wide)
        assert near(group.max[row], high, wide)
        assert (group.runs[row], group.n[row], group.n_nan[row]) == (counted, points, nans)
        real = [v for p in runs for s, v in p.items() if s // int(grid.width) == group.bucket[row]]
        real = [v for v in real if math.isfinite(v)]
        if real:
            assert group.min[row] <= min(real)
            assert group.max[row] >= max(real)


def test_a_group_of_one_run_is_that_run() -> None:
    """Its mean, its extremes, no deviation."""
    x, y = np.arange(100), np.sin(np.arange(100) / 5)
    (alone,) = bucket_many([(x, y)], choose_grid(0, 99, 20), smooth=0.6)
    group = combine([alone])
    for name in ("bucket", "n", "min", "max", "mean", "smooth", "x_first", "x_last"):
        assert np.array_equal(getattr(group, name), getattr(alone, name)), name
    assert group.std is not None
    assert not group.std.any()


def test_a_group_is_asked_for_beside_single_runs(home) -> None:
    """On their grid, with its columns, in one answer; a run named twice counts once."""
    with open_store(home) as store:
        writers = [Writing(home, f"r{n}", second=n) for n in range(4)]
        for n, w in enumerate(writers):
            w.rows(list(range(n, 60)), [{"loss": float(n + step)} for step in range(n, 60)])
        ingest_home(store)
        uids = [w.uid for w in writers]
        refs = [
            SeriesRef(runs=[*uids, uids[0]], key="loss"),
            SeriesRef(uids[0], "loss"),
            SeriesRef(runs=uids[:2], key="no/such"),
            SeriesRef(runs=uids[:2], formula="loss * 2"),
        ]
        head, columns = unpack_columns(query_buckets(store, BucketQuery(refs, buckets=64)))
    assert [one["run"] for one in head["series"]] == ["", uids[0], "", ""]
    assert [one["count"] for one in head["series"]] == [60, 60, 0, 60]
    assert columns["runs"][:5].tolist() == [1, 2, 3, 4, 4]
    assert columns["mean"][:5].tolist() == [0.0, 1.5, 3.0, 4.5, 5.5]
    assert columns["std"][3] == pytest.approx(statistics.stdev([3, 4, 5, 6]))
    assert columns["max"][4] == 7.0
    assert columns["std"][60:120].tolist() == [0.0] * 60
    assert columns["mean"][121] == 3.0  # (1 + 2) * 2 / 2


@pytest.mark.parametrize("x", ["wall", "relative"])
def test_groups_stand_on_times_too(home, x) -> None:
    """Whichever axis, no point is lost."""
    with open_store(home) as store:
        writers = [Writing(home, f"r{n}") for n in range(3)]
        for w in writers:
            w.line(0, 50)
        ingest_home(store)
        query = BucketQuery([SeriesRef(runs=[w.uid for w in writers], key="loss")], x=x)
        head, columns = unpack_columns(query_buckets(store, query))
    assert head["series"][0]["points"] == 150
    assert (columns["min"].min(), columns["max"].max()) == (0.0, 49 / 8)
