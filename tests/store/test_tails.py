"""A long series is smoothed from the points that count, to the same average."""

import numpy as np
import pytest

from epochal.store import tails
from epochal.store.buckets import bucket_series
from epochal.store.grid import choose_grid
from epochal.store.loggrid import choose_log_grid
from epochal.store.overview import bucket_steps
from epochal.store.points import WriterPoints, find_windows
from epochal.store.smooth import debiased_average
from tests.store.arrays import group_of
from tests.store.test_overview import segment_part


@pytest.fixture
def long(tmp_path, monkeypatch):
    """400,000 points in four stretches, some of them NaN, in the middle many."""
    monkeypatch.setattr(tails, "LONG", 1 << 16)
    random = np.random.default_rng(5)
    value = np.cumsum(random.standard_normal(400_000)) + 100
    value[random.random(400_000) < 0.01] = np.nan
    value[250_000:260_000] = np.nan
    step = np.arange(400_000) * 3 + 1
    parts = []
    for at in range(0, 400_000, 100_000):
        rows = slice(at, at + 100_000)
        group = group_of({"v": value[rows]}, step=step[rows], first_order=at)
        parts += segment_part(tmp_path, str(at), group)
    return WriterPoints(parts), step, value


@pytest.mark.parametrize("weight", [0.5, 0.99, 0.999])
@pytest.mark.parametrize("scale", ["linear", "log", "zoomed"])
def test_the_average_is_that_of_all_points(long, weight, scale):
    """To 12 digits, at each bucket's end, over the edges of stretches and long holes of NaN."""
    writer, step, value = long
    assert tails.is_long(find_windows([writer]))
    grid = {
        "linear": choose_grid(0, int(step[-1]), 300),
        "log": choose_log_grid(1, int(step[-1]), 300),
        "zoomed": choose_grid(299_000, 301_000, 300),
    }[scale]
    found = bucket_steps([writer], grid, smooth=weight)
    expected = bucket_series(step, value, grid, smooth=weight)
    assert len(found) > 100
    assert found.smooth is not None
    assert expected.smooth is not None
    np.testing.assert_array_equal(found.bucket, expected.bucket)
    np.testing.assert_allclose(found.smooth, expected.smooth, rtol=1e-12)


def test_few_of_the_points_are_smoothed(long, monkeypatch):
    """The work follows the number of buckets, not the length of the series."""
    writer, step, _ = long
    smoothed: list[int] = []
    whole = debiased_average

    def average(values, *args):
        smoothed.append(len(values))
        return whole(values, *args)

    monkeypatch.setattr(tails, "debiased_average", average)
    bucket_steps([writer], choose_grid(0, int(step[-1]), 20), smooth=0.9)
    assert 0 < sum(smoothed) < 20 * 4 * 400


def test_steps_that_overlap_are_smoothed_as_a_whole(long):
    writer, _, _ = long
    assert not tails.is_long(find_windows([writer, writer]))
