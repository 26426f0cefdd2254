"""Arrays for the numeric tests: any bits, and the shapes that training runs produce."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from epochal.store.columns import ColumnGroup

BITS = st.integers(0, 2**64 - 1)
SPECIAL_BITS = st.sampled_from(
    [
        0x7FF8000000000000,  # the usual NaN
        0xFFF8000000000001,  # a quiet NaN with sign and payload
        0x7FF8000020000000,  # a payload that fits float32
        0x7FF0000000000001,  # a signaling NaN
        0x7FF0000000000000,  # infinity
        0xFFF0000000000000,  # -infinity
        0x8000000000000000,  # -0.0
        0x0000000000000001,  # the smallest denormal
        0x36A0000000000000,  # 2**-149, the smallest float32 denormal
        0x7FEFFFFFFFFFFFFF,  # the largest float
    ]
)
INT64 = st.integers(-(2**63), 2**63 - 1)


def from_bits(bits: list[int]) -> NDArray[np.float64]:
    return np.array(bits, np.uint64).view(np.float64)


def any_floats(max_size: int = 300) -> st.SearchStrategy[NDArray[np.float64]]:
    """Any bits, float32 values, and mixtures with NaN, infinities and denormals."""
    wild = st.lists(st.one_of(BITS, SPECIAL_BITS), max_size=max_size).map(from_bits)
    narrow = st.lists(st.floats(width=32), max_size=max_size).map(
        lambda values: np.array(values, np.float64)
    )
    decimals = st.lists(st.integers(0, 1000), max_size=max_size).map(
        lambda values: np.array(values, np.float64) / 10
    )
    return st.one_of(wild, narrow, decimals)


def any_integers(max_size: int = 300) -> st.SearchStrategy[NDArray[np.int64]]:
    return st.lists(INT64, max_size=max_size).map(lambda values: np.array(values, np.int64))


def same_bits(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.dtype == other.dtype and one.tobytes() == other.tobytes()


def group_of(
    values: dict[str, NDArray[Any]],
    *,
    step: NDArray[np.int64] | None = None,
    first_order: int = 0,
) -> ColumnGroup:
    rows = len(next(iter(values.values())))
    order = np.arange(first_order, first_order + rows)
    steps = order if step is None else step
    return ColumnGroup(
        keys=list(values),
        order=order,
        step=steps,
        wall_us=1_700_000_000_000_000 + steps * 1000,
        values=list(values.values()),
    )
