"""Which points of an x-axis fall into which bucket, found once for all series on that axis.

Axes are int64 (steps, microseconds; placed exactly over the whole range) or float64 (a metric).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from epochal.store.grid import Grid
from epochal.store.loggrid import AnyGrid, LogGrid

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Axis: TypeAlias = NDArray[Any]
"""float64 or int64."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Which points of an axis fall into which bucket; shared by all series on that axis.

    Attributes:
        order: sorts the points by x, then arrival; None when they are in that order.
        inside: the sorted points that the grid has.
        bucket: int64, number of each bucket that holds a point, ascending.
        starts: index, counted within ``inside``, of each bucket's first point.
        ends: index after its last point.
        x_first: float64, x of the first point minus the start of the bucket.
        x_last: the same of the last point.
    """

    order: Integers | None
    inside: slice
    bucket: Integers
    starts: Integers
    ends: Integers
    x_first: Floats
    x_last: Floats


def group_by_axis(axes: Sequence[Axis]) -> list[list[int]]:
    """Indices of the axes, equal ones together."""
    by_identity: dict[int, list[int]] = {}
    by_shape: dict[tuple[Any, ...], list[list[int]]] = {}
    groups: list[list[int]] = []
    for index, x in enumerate(axes):
        group = by_identity.get(id(x))
        if group is None:
            shape = (len(x), x.dtype, x[:1].tobytes(), x[-1:].tobytes())
            alike = by_shape.setdefault(shape, [])
            group = next((known for known in alike if np.array_equal(axes[known[0]], x)), None)
            if group is None:
                group = []
                alike.append(group)
                groups.append(group)
            by_identity[id(x)] = group
        group.append(index)
    return groups


def lay_out(x: Axis, grid: AnyGrid) -> Layout:
    """Sort an axis and cut it into buckets.

    Args:
        x: in any order; values that are not finite have no place and are left out.
        grid: points outside of it are left out.
    """
    ascending = bool(np.all(x[1:] >= x[:-1]))
    order = None if ascending else np.argsort(x, kind="stable")
    ordered = x if order is None else x[order]
    number, within = _place(ordered, grid)
    inside = _true_stretch(within)
    bucket = number[inside]
    starts = run_starts(bucket)
    ends = np.append(starts[1:], len(bucket)) if len(starts) else starts
    chosen = ordered[inside]
    return Layout(
        order=order,
        inside=inside,
        bucket=bucket[starts],
        starts=starts,
        ends=ends,
        x_first=_offsets(chosen[starts], grid),
        x_last=_offsets(chosen[ends - 1], grid),
    )


def _true_stretch(within: NDArray[np.bool_]) -> slice:
    """The one stretch of a sorted axis that lies inside."""
    if not within.any():
        return slice(0, 0)
    return slice(int(within.argmax()), len(within) - int(within[::-1].argmax()))


def _place(x: Axis, grid: AnyGrid) -> tuple[Integers, NDArray[np.bool_]]:
    """Bucket of every x, and whether the grid has it."""
    if isinstance(grid, LogGrid):
        return grid.place(x)
    if x.dtype == np.int64 and 0 <= grid.exponent <= 63:
        number = x >> grid.exponent
        within = (number >= grid.start) & (number < grid.start + grid.count)
        return number - grid.start, within
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        exact = _numbers(x.astype(np.float64), grid)
    within = (exact >= grid.start) & (exact < grid.start + grid.count)
    return np.where(within, exact, 0.0).astype(np.int64) - grid.start, within


def _offsets(x: Axis, grid: AnyGrid) -> Floats:
    """Distance from the start of the bucket."""
    if isinstance(grid, LogGrid):
        return grid.offsets(x)
    if x.dtype == np.int64 and 0 <= grid.exponent <= 63:
        return (x & np.int64((1 << grid.exponent) - 1)).astype(np.float64)
    real = x.astype(np.float64)
    offsets: Floats = real - _numbers(real, grid) * grid.width
    return offsets


def _numbers(x: Floats, grid: Grid) -> Floats:
    """Bucket numbers counted from x = 0; a quotient too small for a float still keeps its side."""
    scaled = x / grid.width
    numbers: Floats = np.where((scaled == 0.0) & (x < 0.0), -1.0, np.floor(scaled))
    return numbers


def run_starts(numbers: Integers) -> Integers:
    """Indices at which a run of equal numbers begins."""
    if not len(numbers):
        return np.empty(0, np.int64)
    return np.concatenate(([0], np.flatnonzero(numbers[1:] != numbers[:-1]) + 1))
