import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.errors import InvalidInput
from epochal.store.grid import Grid, choose_grid

INT64 = st.integers(-(2**63), 2**63 - 1)
FARTHEST = 2.0**1000
FINITE = st.floats(-FARTHEST, FARTHEST)


@given(INT64, INT64, st.integers(1, 8192))
def test_a_grid_of_steps_covers_its_range_with_few_buckets(one, other, buckets):
    """Ends are covered exactly, over all of int64; half the width would be too fine."""
    lo, hi = min(one, other), max(one, other)
    grid = choose_grid(lo, hi, buckets)
    width = int(grid.width)
    assert width & (width - 1) == 0
    assert grid.origin % width == 0
    assert grid.origin <= lo < grid.origin + width
    assert grid.origin + (grid.count - 1) * width <= hi < grid.origin + grid.count * width
    assert grid.count <= max(buckets, 2 if lo < 0 <= hi else 1)
    if width > 1:
        half = width // 2
        assert hi // half - lo // half + 1 > buckets


@given(FINITE, FINITE, st.integers(1, 8192))
def test_a_grid_of_a_metric_covers_its_range(one, other, buckets):
    """Any finite range works, from denormals to the largest floats."""
    lo, hi = min(one, other), max(one, other)
    grid = choose_grid(lo, hi, buckets, whole=False)
    origin, width = Fraction(grid.origin), Fraction(grid.width)
    assert (origin / width).denominator == 1
    assert origin <= Fraction(lo) < origin + width
    assert origin + (grid.count - 1) * width <= Fraction(hi) < origin + grid.count * width
    assert grid.count <= max(buckets, 2 if lo < 0 <= hi else 1)


def test_a_metric_beyond_all_measure_still_has_a_grid():
    """Ranges of which widths could not be computed end at 2**1000 on both sides."""
    grid = choose_grid(-1.7e308, 1.7e308, 10, whole=False)
    assert grid == choose_grid(-FARTHEST, FARTHEST, 10, whole=False)


@given(st.integers(0, 10**12), st.integers(1, 10**9), st.integers(2, 2000))
def test_growing_data_never_moves_an_old_bucket(lo, growth, buckets):
    """The wider grid is a union of the old one's buckets."""
    old, new = choose_grid(lo, lo + 1000, buckets), choose_grid(lo, lo + 1000 + growth, buckets)
    assert new.width % old.width == 0
    assert new.origin % old.width == 0


@pytest.mark.parametrize(
    "lo, hi, buckets", [(1, 0, 5), (math.nan, 1, 5), (0, math.inf, 5), (0, 1, 0), (0, 1, -3)]
)
def test_a_range_that_is_none_is_refused(lo, hi, buckets):
    """Not finite, reversed, or without buckets."""
    with pytest.raises(InvalidInput):
        choose_grid(lo, hi, buckets)


@pytest.mark.parametrize(
    "origin, width, count", [(0, 3.0, 1), (1, 2.0, 1), (0.5, 1.0, 1), (0, 0.0, 1), (0, 1.0, 0)]
)
def test_a_grid_that_others_could_not_share_is_refused(origin, width, count):
    """Widths are powers of two and origins their multiples."""
    with pytest.raises(InvalidInput):
        Grid(origin, width, count)
