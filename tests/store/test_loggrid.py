"""Buckets of a logarithmic axis: exact against the points, and never much wider than a pixel."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epochal.errors import InvalidInput
from epochal.store.buckets import bucket_series
from epochal.store.grid import Grid
from epochal.store.loggrid import LogGrid, choose_log_grid
from epochal.store.overview import bucket_steps, step_extent
from epochal.store.parts import Stretch
from epochal.store.points import WriterPoints, assemble
from tests.store.arrays import group_of
from tests.store.test_overview import EXACT, runs, segment_part


def brute(x, value, grid):
    """Each bucket as a loop over points finds it: (start, n, n_nan, min, max, first x, last x)."""
    order = sorted(range(len(x)), key=lambda i: x[i])
    first, end = (grid.lo, grid.hi)
    rows: dict[float, list[int]] = {}
    for i in order:
        at = x[i].item()
        if at <= 0:
            start = 0.0
        else:
            power = math.frexp(at)[1] - 1
            width = math.ldexp(1.0, power - grid.exponent)
            start = math.floor(at / width) * width
            low_power = math.frexp(first)[1] - 1
            low_width = math.ldexp(1.0, low_power - grid.exponent)
            low = math.floor(first / low_width) * low_width
            high_width = math.ldexp(1.0, math.frexp(end)[1] - 1 - grid.exponent)
            if start > math.floor(end / high_width) * high_width:
                continue
            start = max(start, low)
            if start == low and at < low and not grid.below:
                continue
        if at <= 0 and not grid.below:
            continue
        rows.setdefault(start, []).append(i)
    return [
        (
            start, len(rows[start]), sum(math.isnan(value[i]) for i in rows[start]),
            min((value[i] for i in rows[start] if math.isfinite(value[i])), default=math.nan),
            max((value[i] for i in rows[start] if math.isfinite(value[i])), default=math.nan),
            x[rows[start][0]].item(), x[rows[start][-1]].item(),
        )
        for start in sorted(rows)
    ]  # fmt: skip


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_each_bucket_holds_exactly_its_points(data):
    """Whole and fractional x, from below 0 to 2**50: nothing is lost, moved or counted twice."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    size = data.draw(st.sampled_from([1, 5, 300]))
    x = np.exp(random.uniform(-3, data.draw(st.sampled_from([3, 12, 34])), size))
    x[random.random(size) < 0.1] *= -1
    whole = data.draw(st.booleans())
    x = np.floor(x).astype(np.int64) if whole else x
    value = random.standard_normal(size)
    value[random.random(size) < 0.1] = math.nan
    lo, hi = sorted(np.exp(random.uniform(0, 20, 2)).tolist())
    if whole:
        lo, hi = math.floor(lo), math.ceil(hi)
    grid = choose_log_grid(
        lo,
        hi,
        data.draw(st.sampled_from([1, 7, 400])),
        whole=whole,
        below=data.draw(st.booleans()),
    )
    if isinstance(grid, Grid):
        return
    found = bucket_series(x, value, grid)
    starts = grid.starts(found.bucket)
    rows = brute(x, value, grid)
    np.testing.assert_array_equal(starts, [row[0] for row in rows])
    np.testing.assert_array_equal(found.n, [row[1] for row in rows])
    np.testing.assert_array_equal(found.n_nan, [row[2] for row in rows])
    np.testing.assert_array_equal(found.min, [row[3] for row in rows])
    np.testing.assert_array_equal(found.max, [row[4] for row in rows])
    np.testing.assert_allclose(
        starts + found.x_first, [row[5] for row in rows], rtol=1e-12, atol=1e-6
    )
    np.testing.assert_allclose(
        starts + found.x_last, [row[6] for row in rows], rtol=1e-12, atol=1e-6
    )


@given(runs(), st.data())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_mips_answer_exactly_what_the_points_answer(tmp_path, run, data):
    """At any zoom and under any cut, as on the linear grid."""
    writers: list[WriterPoints] = []
    for pieces, cuts in run:
        parts: list[Stretch] = []
        for number, (stored, group) in enumerate(pieces):
            name = f"{len(writers)}-{number}"
            parts += segment_part(tmp_path, name, group) if stored else [group.part("v")]
        writers.append(WriterPoints(parts, cuts))
    points = assemble(writers, "last")
    extent = step_extent(writers)
    if extent is None or extent[1] < 1:
        return
    lo, hi = sorted(max(1, data.draw(st.integers(*extent))) for _ in range(2))
    below = data.draw(st.booleans())
    grid = choose_log_grid(lo, hi, data.draw(st.sampled_from([1, 7, 400])), below=below)
    found = bucket_steps(writers, grid)
    expected = bucket_series(points.step, points.value, grid)
    for name in EXACT:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)


@pytest.mark.parametrize("hi", [1e3, 1e5, 1e8, 2.0**60])
def test_no_bucket_is_much_wider_than_a_pixel(hi):
    """Of 500 pixels from 1 to hi: the first decade is as fine as the last one."""
    grid = choose_log_grid(1, hi, 500)
    assert isinstance(grid, LogGrid)
    start, end = grid.bounds
    assert start <= 1
    assert end > hi
    number = np.arange(1, 40)
    starts = grid.starts(number)
    pixels = np.diff(np.log(starts)) / math.log(hi) * 500
    assert pixels.max() <= math.log2(math.e) + 0.01
    assert len(grid.numbers(np.array([1.0, hi]))) == 2
    assert np.diff(grid.numbers(np.array([1.0, hi])))[0] <= 2 * 500 + 1


def test_the_first_steps_of_a_long_series_are_read_from_its_points(tmp_path):
    """A million steps: the cells are 64 wide, the first decades are finer."""
    value = np.random.default_rng(3).standard_normal(1_000_000)
    value[[7, 63, 500_001]] = [1e6, np.nan, -1e6]
    writers = [WriterPoints(segment_part(tmp_path, "a", group_of({"v": value})))]
    grid = choose_log_grid(1, len(value) - 1, 512, below=True)
    assert isinstance(grid, LogGrid)
    assert step_extent(writers) == (0, len(value) - 1)
    found = bucket_steps(writers, grid)
    assert found.n.sum() == len(value)
    assert (np.nanmax(found.max), np.nanmin(found.min), found.n_nan.sum()) == (1e6, -1e6, 1)
    starts = grid.starts(found.bucket)
    early = (starts > 0) & (starts < 16)
    assert early.sum() == 15
    assert np.all(found.n[early] == 1)


def test_what_has_a_bucket_for_each_step_needs_no_other_grid():
    assert isinstance(choose_log_grid(1, 300, 400), Grid)
    assert isinstance(choose_log_grid(0.5, 300, 400, whole=False), LogGrid)


def test_a_short_run_counts_what_a_logarithmic_axis_leaves_out():
    """Step 0 has a bucket also where every step has one, so that the page can tell of it."""
    grid = choose_log_grid(1, 50, 400, below=True, least=0)
    assert isinstance(grid, Grid)
    assert (grid.origin, grid.width) == (0, 1)
    assert isinstance(choose_log_grid(1e12, 1e12 + 99, 400, below=True, least=1e12), Grid)


def test_a_range_at_or_below_0_is_refused():
    with pytest.raises(InvalidInput, match="above 0"):
        LogGrid(0, 10, 3, True, False)
