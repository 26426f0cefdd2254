"""A long series over time is reduced stretch by stretch, to the same buckets."""

from dataclasses import replace

import numpy as np
import pytest

from epochal.store import tails
from epochal.store.buckets import bucket_series
from epochal.store.grid import choose_grid
from epochal.store.loggrid import choose_log_grid
from epochal.store.points import WriterPoints, find_windows
from epochal.store.times import bucket_times, time_extent
from tests.store.arrays import group_of
from tests.store.test_overview import EXACT, segment_part

BEGUN = 1_700_000_000_000_000


def written(directory, times, value):
    parts = []
    for at in range(0, len(value), 30_000):
        rows = slice(at, at + 30_000)
        steps = np.arange(at, at + len(value[rows]))
        group = replace(
            group_of({"v": value[rows]}, step=steps, first_order=at), wall_us=times[rows]
        )
        parts += segment_part(directory, str(at), group)
    return find_windows([WriterPoints(parts)])


@pytest.mark.parametrize("smooth", [None, 0.9])
@pytest.mark.parametrize("log", [False, True])
def test_the_buckets_are_those_of_all_points(tmp_path, monkeypatch, log, smooth):
    monkeypatch.setattr(tails, "LONG", 1 << 16)
    random = np.random.default_rng(2)
    value = random.standard_normal(100_000)
    value[random.random(100_000) < 0.001] = np.nan
    times = BEGUN + np.cumsum(random.integers(0, 5_000, 100_000))
    windows = written(tmp_path, times, value)
    assert time_extent(windows) == (times[0], times[-1])
    x = times - BEGUN
    choose = choose_log_grid if log else choose_grid
    grid = choose(max(1, int(x[0])), int(x[-1]), 300)
    found = bucket_times(windows, grid, BEGUN, smooth=smooth)
    expected = bucket_series(x, value, grid, smooth=smooth)
    assert found is not None
    assert len(found) > 100
    for name in EXACT:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    if smooth:
        assert found.smooth is not None
        assert expected.smooth is not None
        # The typical distance is that of 32 places, and times are uneven.
        np.testing.assert_allclose(found.smooth, expected.smooth, atol=0.02)


def test_times_that_go_back_are_left_to_others(tmp_path, monkeypatch):
    monkeypatch.setattr(tails, "LONG", 1 << 16)
    times = BEGUN + np.arange(100_000)
    times[70_000:] -= 50_000
    windows = written(tmp_path, times, np.zeros(100_000))
    assert bucket_times(windows, choose_grid(0, 100_000, 300), BEGUN) is None


def test_a_short_series_is_read_as_a_whole(tmp_path):
    assert time_extent(written(tmp_path, BEGUN + np.arange(500), np.zeros(500))) is None
