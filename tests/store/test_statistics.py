import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from epochal.store.statistics import summarize_group
from tests.store.arrays import group_of

VALUES = st.lists(
    st.one_of(st.floats(-1e9, 1e9), st.sampled_from([math.nan, math.inf, -math.inf])),
    min_size=7,
    max_size=7,
)


@given(st.lists(VALUES, min_size=1, max_size=6), st.booleans())
def test_statistics_are_those_of_a_plain_loop(columns, with_integers):
    """Counts, extremes, mean and ends of each column, its neighbors notwithstanding."""
    arrays = {f"k{i}": np.array(column) for i, column in enumerate(columns)}
    if with_integers:
        arrays["n"] = np.array([2**60 + i for i in range(7)])
    group = group_of(arrays, step=np.arange(7) * 10)
    facts = {fact.key: fact for fact in summarize_group(group)}
    assert list(facts) == group.keys
    for key, column in zip(arrays, columns, strict=False):
        fact = facts[key]
        finite = [value for value in column if math.isfinite(value)]
        assert fact.n_nan == sum(map(math.isnan, column))
        assert fact.n_inf == sum(map(math.isinf, column))
        assert fact.min == (min(finite) if finite else None)
        assert fact.max == (max(finite) if finite else None)
        assert np.array_equal([fact.first, fact.last], [column[0], column[-1]], equal_nan=True)
        nans = [10 * i for i, value in enumerate(column) if math.isnan(value)]
        assert fact.first_nan_step == (nans[0] if nans else None)
        if finite:
            assert fact.mean is not None
            assert math.isclose(fact.mean, math.fsum(finite) / len(finite), abs_tol=1e-5)
        else:
            assert fact.mean is None
    if with_integers:
        assert (facts["n"].min, facts["n"].max, facts["n"].integer) == (2**60, 2**60 + 6, True)


def test_the_mean_of_enormous_values_is_finite():
    """A sum that would overflow does not make the mean infinite."""
    (fact,) = summarize_group(group_of({"v": np.full(8, 1.7e308)}))
    assert fact.mean == 1.7e308
