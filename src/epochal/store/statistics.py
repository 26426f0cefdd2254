"""What is worth knowing of a column without reading it: extent, mean, ends, NaN and infinities.

Computed once per group, all columns of a kind at a time, from the values themselves. Extremes and
means are over finite values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from epochal.store.codec import Floats, Integers
from epochal.store.columns import ColumnGroup

Number: TypeAlias = float | int

STACK_VALUES: Final = 1 << 20
_HUGE: Final = 2.0**960
_SCALE: Final = 2.0**-64


class ColumnStatistics(msgspec.Struct, frozen=True):
    """One column of a group.

    Attributes:
        key: its name.
        integer: its values are int64.
        count: points.
        n_nan: points that are NaN.
        n_inf: points that are infinite.
        min: smallest finite value, None when there is none; exact for integers.
        max: largest finite value.
        mean: mean of the finite values.
        first: first value in arrival order, finite or not.
        last: last value in arrival order.
        first_nan_step: step of the first NaN in arrival order.
    """

    key: str
    integer: bool
    count: int
    n_nan: int
    n_inf: int
    min: Number | None
    max: Number | None
    mean: float | None
    first: Number
    last: Number
    first_nan_step: int | None


def summarize_group(group: ColumnGroup) -> list[ColumnStatistics]:
    """The statistics of every column, in the order of ``group.keys``."""
    results: list[ColumnStatistics | None] = [None] * len(group.keys)
    for integer in (False, True):
        chosen = [i for i, v in enumerate(group.values) if (v.dtype == np.int64) == integer]
        batch = max(1, STACK_VALUES // len(group))
        for at in range(0, len(chosen), batch):
            indices = chosen[at : at + batch]
            stack = np.stack([group.values[index] for index in indices])
            rows = _whole_rows(stack) if integer else _float_rows(stack, group.step)
            for index, row in zip(indices, rows, strict=True):
                results[index] = ColumnStatistics(group.keys[index], integer, len(group), *row)
    return [result for result in results if result is not None]


_Row: TypeAlias = tuple[
    int, int, Number | None, Number | None, float | None, Number, Number, int | None
]


def _whole_rows(stack: Integers) -> Iterator[_Row]:
    columns = (
        stack.min(axis=1).tolist(),
        stack.max(axis=1).tolist(),
        stack.mean(axis=1, dtype=np.float64).tolist(),
        stack[:, 0].tolist(),
        stack[:, -1].tolist(),
    )
    for low, high, mean, first, last in zip(*columns, strict=True):
        yield 0, 0, low, high, mean, first, last, None


def _float_rows(stack: Floats, step: Integers) -> Iterator[_Row]:
    finite = np.isfinite(stack)
    n_finite = finite.sum(axis=1)
    nan = np.isnan(stack)
    n_nan = nan.sum(axis=1)
    first_nan = step[nan.argmax(axis=1)]
    with np.errstate(invalid="ignore"):
        masked = stack if finite.all() else np.where(finite, stack, np.nan)
        low, high = np.fmin.reduce(masked, axis=1), np.fmax.reduce(masked, axis=1)
    columns = zip(
        n_finite.tolist(),
        n_nan.tolist(),
        low.tolist(),
        high.tolist(),
        _means(stack, finite, n_finite, low, high).tolist(),
        stack[:, 0].tolist(),
        stack[:, -1].tolist(),
        first_nan.tolist(),
        strict=True,
    )
    count = stack.shape[1]
    for good, nans, smallest, largest, mean, first, last, nan_step in columns:
        extent = (smallest, largest, mean) if good else (None, None, None)
        yield nans, count - good - nans, *extent, first, last, nan_step if nans else None


def _means(
    stack: Floats, finite: NDArray[np.bool_], count: Integers, low: Floats, high: Floats
) -> Floats:
    """Means of the finite values; sums near the largest float are scaled."""
    usable = stack if finite.all() else np.where(finite, stack, 0.0)
    scale = _SCALE if float(np.abs(usable).max()) > _HUGE else 1.0
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean: Floats = (usable * scale if scale != 1.0 else usable).sum(axis=1) / count / scale
        return np.clip(mean, low, high)
