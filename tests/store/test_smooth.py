import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.errors import InvalidInput
from epochal.store.smooth import debiased_average

NUMBERS = st.one_of(
    st.floats(-1e6, 1e6),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)


def naive(values, weight):
    state, seen, result = 0.0, 0, []
    for value in values:
        if math.isfinite(value):
            state = weight * state + (1 - weight) * value
            seen += 1
        result.append(state / -math.expm1(seen * math.log(weight)) if seen else math.nan)
    return np.array(result)


@given(
    st.lists(NUMBERS, max_size=2500),
    st.one_of(st.floats(0.001, 0.9999), st.sampled_from([1e-12, 1 - 1e-9])),
)
def test_it_is_the_plain_loop(values, weight):
    """Blocks, carries and debiasing give what one step after the other gives."""
    array = np.array(values, np.float64)
    scale = max((abs(v) for v in values if math.isfinite(v)), default=1.0)
    np.testing.assert_allclose(
        debiased_average(array, weight), naive(values, weight), rtol=1e-9, atol=1e-9 * scale
    )


@given(
    st.lists(st.tuples(st.floats(0, 50), NUMBERS), min_size=1, max_size=300),
    st.floats(0.01, 0.999),
)
def test_the_past_fades_with_its_distance_on_x(points, weight):
    """Whatever the spacing, each mean is the one that the definition gives."""
    x = np.cumsum([gap for gap, _ in points], dtype=np.float64)
    values = np.array([value for _, value in points])
    smooth = debiased_average(values, weight, x)
    finite = np.isfinite(values)
    gaps = np.diff(x[finite])
    apart = np.unique(x[finite])
    many = min(16, max(1, len(apart) // 8))
    spans = [(apart[at + many] - apart[at]) / many for at in range(len(apart) - many)]
    typical = np.median(spans) if spans and not (gaps == apart[1] - apart[0]).all() else None
    for at in range(len(values)):
        past = np.flatnonzero(finite[: at + 1])
        if not len(past):
            assert math.isnan(smooth[at])
            continue
        back = np.arange(len(past))[::-1] if typical is None else (x[past[-1]] - x[past]) / typical
        weights = weight**back
        expected = (weights * values[past]).sum() / weights.sum()
        near = 1e-7 * np.abs(values[past]).max() + 1e-300
        assert smooth[at] == pytest.approx(expected, rel=1e-7, abs=near)


def test_a_pause_is_forgotten_and_even_points_are_as_without_x():
    """A burst does not outweigh what comes after a pause; large values do not overflow."""
    x = np.concatenate([np.arange(100.0), 10_000 + np.arange(100.0)])
    values = np.repeat([1.0, 5.0], 100)
    smooth = debiased_average(values, 0.99, x)
    assert smooth[99] == pytest.approx(1.0)
    assert smooth[100] == pytest.approx(5.0)
    noise = np.random.default_rng(1).normal(size=5000)
    even = debiased_average(noise, 0.97, np.arange(0.0, 50_000.0, 10.0))
    assert even.tolist() == debiased_average(noise, 0.97).tolist()
    huge = np.array([1.7e308, -1.7e308] * 500)
    assert np.isfinite(debiased_average(huge, 0.9, np.arange(1000.0) ** 1.5)).all()


@pytest.mark.parametrize("burst", [2, 3, 8, 16])
def test_bursts_are_smoothed_as_evenly_spaced_points_are(burst):
    """Two points a step, 50 microseconds apart, are no reason to forget the step before."""
    noise = np.random.default_rng(2).normal(size=burst * 500)
    x = np.repeat(np.arange(500) * 1e6, burst) + np.tile(np.arange(burst) * 50.0, 500)
    smooth = debiased_average(noise, 0.99, x)
    even = debiased_average(noise, 0.99)
    assert smooth[500:].std() < 1.5 * even[500:].std()
    paused = np.where(np.arange(len(x)) < len(x) // 2, x, x + 1e10)
    after = debiased_average(noise, 0.99, paused)[len(x) // 2]
    assert after == pytest.approx(noise[len(x) // 2])


def test_points_without_a_finite_place_are_left_out():
    """Metrics may be the x axis, and they may be infinite."""
    x = np.array([-np.inf, -np.inf, 0.0, 1.0, 3.0, np.inf])
    values = np.array([7.0, 8.0, 1.0, 2.0, 3.0, 9.0])
    smooth = debiased_average(values, 0.5, x)
    inner = debiased_average(values[2:5], 0.5, x[2:5])
    np.testing.assert_array_equal(smooth, [np.nan, np.nan, *inner, inner[-1]])


@pytest.mark.parametrize("weight", [0.1, 0.9, 0.999, 0.999999])
def test_a_constant_stays_constant_over_a_million_points(weight):
    """Rounding does not grow with the number of points."""
    smooth = debiased_average(np.full(1_000_000, 0.1), weight)
    assert np.abs(smooth - 0.1).max() < 1e-9


def test_it_never_leaves_the_range_of_large_values():
    """Values near the largest float do not overflow."""
    values = np.array([1.7e308, -1.7e308] * 500)
    assert np.isfinite(debiased_average(values, 0.9)).all()


def test_nan_is_stepped_over_and_not_spread():
    """A NaN holds the average; before the first finite point there is none."""
    smooth = debiased_average(np.array([np.nan, 2.0, np.nan, np.inf, 2.0]), 0.5)
    np.testing.assert_allclose(smooth, [np.nan, 2.0, 2.0, 2.0, 2.0])


@pytest.mark.parametrize("weight", [0.0, 1.0, -1.0, math.nan, 2.0])
def test_a_weight_outside_of_the_open_interval_is_refused(weight):
    """0 and 1 have no average that could be drawn."""
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        debiased_average(np.zeros(3), weight)
