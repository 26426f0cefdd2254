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
