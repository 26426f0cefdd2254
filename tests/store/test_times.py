"""A long series over time is reduced cluster by cluster, to the same buckets as all at once."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epochal.store import tails, times
from epochal.store.buckets import bucket_series
from epochal.store.grid import choose_grid
from epochal.store.loggrid import choose_log_grid
from epochal.store.mip import TimedCells
from epochal.store.mips import RecentMips
from epochal.store.parts import Stretch
from epochal.store.points import WriterPoints, assemble, find_windows, timed_values
from epochal.store.reading import Segment
from epochal.store.times import find_timed
from tests.store.arrays import group_of
from tests.store.test_overview import EXACT, runs, segment_part

BEGUN = 1_700_000_000_000_000


@pytest.fixture(autouse=True)
def everything_is_long(monkeypatch):
    monkeypatch.setattr(times, "LONG", 1)
    monkeypatch.setattr(tails, "LONG", 1)


def written(directory, moments, value):
    """A series in stretches of 30,000 rows, at these moments."""
    parts = []
    for at in range(0, len(value), 30_000):
        rows = slice(at, at + 30_000)
        steps = np.arange(at, at + len(value[rows]))
        group = replace(
            group_of({"v": value[rows]}, step=steps, first_order=at), wall_us=moments[rows]
        )
        parts += segment_part(directory, str(at), group)
    return find_windows([WriterPoints(parts)])


def assert_same(found, expected):
    assert found is not None
    for name in EXACT:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("smooth", [None, 0.9])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("count", [30, 300, 20_000])
def test_the_buckets_are_those_of_all_points(tmp_path, log, smooth, count):
    random = np.random.default_rng(2)
    value = random.standard_normal(100_000)
    value[random.random(100_000) < 0.001] = np.nan
    moments = BEGUN + np.cumsum(random.integers(0, 5_000, 100_000))
    x = moments - BEGUN
    recent: RecentMips[TimedCells] = RecentMips()
    timed = find_timed(written(tmp_path, moments, value), BEGUN, recent, smooth=smooth is not None)
    assert timed is not None
    assert timed.bounds == (x[0], x[-1])
    choose = choose_log_grid if log else choose_grid
    for lo, hi in ((max(1, int(x[0])), int(x[-1])), (int(x[20_000]), int(x[45_000]))):
        grid = choose(lo, hi, count)
        expected = bucket_series(x, value, grid, smooth=smooth)
        assert len(expected) > 10
        for _ in range(2):
            found = timed.buckets(grid, smooth)
            assert_same(found, expected)
        if smooth:
            assert found is not None
            assert found.smooth is not None
            assert expected.smooth is not None
            # The typical distance is that of 32 places, and times are uneven.
            np.testing.assert_allclose(found.smooth, expected.smooth, atol=0.04)


@given(runs(), st.data())
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_order_of_steps_and_times_changes_a_bucket(tmp_path, run, data):
    """Stretches in files and in memory, repeated steps, cuts, and clocks that were set back."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    writers: list[WriterPoints] = []
    for pieces, cuts in run:
        parts: list[Stretch] = []
        for number, (stored, drawn) in enumerate(pieces):
            wall = drawn.wall_us + int(random.choice([0, 0, 0, -700_000, -30_000_000]))
            if random.random() < 0.2:
                wall = random.permutation(wall)
            if random.random() < 0.2:
                wall = np.full(len(wall), wall[0])
            group = replace(drawn, wall_us=wall)
            name = f"{len(writers)}-{number}"
            parts += segment_part(tmp_path, name, group) if stored else [group.part("v")]
        writers.append(WriterPoints(parts, cuts))
    points = assemble(writers, "last")
    shift = BEGUN + data.draw(st.sampled_from([0, 2_000_000]))
    x = points.wall_us - shift
    timed = find_timed(find_windows(writers), shift, RecentMips())
    if not len(x):
        assert timed is None or timed.bounds is None
        return
    assert timed is not None
    assert timed.bounds == (x.min(), x.max())
    lo, hi = sorted(data.draw(st.integers(int(x.min()), int(x.max()))) for _ in range(2))
    if data.draw(st.booleans()):
        lo, hi = timed.bounds
    count = data.draw(st.sampled_from([1, 2, 7, 40, 4000]))
    if data.draw(st.booleans()) and hi > 0:
        grid = choose_log_grid(max(1, lo), hi, count, below=data.draw(st.booleans()), least=lo)
    else:
        grid = choose_grid(lo, hi, count)
    assert_same(timed.buckets(grid), bucket_series(x, points.value, grid))


def test_times_that_go_back_are_not_smoothed_piece_by_piece(tmp_path):
    """What is smoothed follows its neighbors in time, so all points have to be looked at."""
    moments = BEGUN + np.arange(100_000)
    moments[70_000:] -= 5
    within = written(tmp_path, moments, np.zeros(100_000))
    timed = find_timed(within, BEGUN, RecentMips(), smooth=True)
    assert timed is not None
    assert timed.buckets(choose_grid(0, 100_000, 300), 0.9) is None
    moments = BEGUN + np.arange(100_000)
    moments[60_000:] -= 100_000
    (tmp_path / "apart").mkdir()
    apart = written(tmp_path / "apart", moments, np.zeros(100_000))
    assert find_timed(apart, BEGUN, RecentMips(), smooth=True) is None
    assert find_timed(apart, BEGUN, RecentMips()) is not None


def test_a_short_series_is_read_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(times, "LONG", 501)
    windows = written(tmp_path, BEGUN + np.arange(500), np.zeros(500))
    assert find_timed(windows, BEGUN, RecentMips()) is None


def test_the_second_chart_reads_no_point_and_a_close_one_what_is_in_view(tmp_path, monkeypatch):
    moments = BEGUN + np.arange(100_000) * 1000
    windows = written(tmp_path, moments, np.sin(np.arange(100_000) / 50))
    recent: RecentMips[TimedCells] = RecentMips()
    read = set()
    block = Segment.block

    def noted(segment, index):
        read.add(segment.path.stem)
        return block(segment, index)

    monkeypatch.setattr(Segment, "block", noted)
    whole = choose_grid(0, 99_999_000, 300)
    timed = find_timed(windows, BEGUN, recent)
    assert timed is not None
    assert read == set()
    first = timed.buckets(whole)
    assert read == {"0", "30000", "60000", "90000"}
    read.clear()
    again = find_timed(windows, BEGUN, recent)
    assert again is not None
    assert_same(again.buckets(whole), first)
    assert read == set()
    again.buckets(choose_grid(31_000_000, 32_000_000, 900))
    assert read == {"30000"}


def test_points_that_nothing_keeps_are_read_once_for_a_chart(tmp_path, monkeypatch):
    """What a cut hides and what is in memory changes: of those no copy is kept for the next."""
    moments = BEGUN + np.arange(1000) * 1000
    group = replace(group_of({"v": np.arange(1000.0)}), wall_us=moments)
    windows = find_windows([WriterPoints(segment_part(tmp_path, "0", group), [(800, 500)])])
    read = []

    def noted(windows):
        read.append(len(windows))
        return timed_values(windows)

    monkeypatch.setattr("epochal.store.times.timed_values", noted)
    recent: RecentMips[TimedCells] = RecentMips()
    timed = find_timed(windows, BEGUN, recent)
    assert timed is not None
    timed.buckets(choose_grid(0, 999_000, 1))
    assert (read, recent.weight) == ([1], 0)


def test_the_coarse_copies_of_one_series_fit_beside_each_other(tmp_path, monkeypatch):
    """However many stretches it has: else each would push another one out, and none be found."""
    monkeypatch.setattr(times, "MOST_CELLS", 64)
    moments = BEGUN + np.arange(100_000) * 1000
    windows = written(tmp_path, moments, np.arange(100_000.0))
    recent: RecentMips[TimedCells] = RecentMips()
    timed = find_timed(windows, BEGUN, recent)
    assert timed is not None
    grid = choose_grid(0, 99_999_000, 20)
    assert_same(timed.buckets(grid), bucket_series(moments - BEGUN, np.arange(100_000.0), grid))
    assert 16 < recent.weight <= 64
