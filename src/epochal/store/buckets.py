"""Points reduced to buckets that hide nothing: extremes, ends, mean, and every NaN counted.

All results but the mean are exact, at any zoom, whichever way the buckets were made: from points,
from finer buckets, or from parts of a series. Min, max, first, last and mean are over finite
values, NaN where a bucket has none. The order within a bucket is x, then arrival. A point whose x
is NaN or infinite has no place on an axis and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from epochal.store.grid import Grid, choose_grid
from epochal.store.layout import Axis, Floats, Integers, Layout, group_by_axis, lay_out, run_starts
from epochal.store.loggrid import AnyGrid, LogGrid
from epochal.store.smooth import debiased_average

__all__ = [
    "Buckets",
    "Grid",
    "bucket_many",
    "bucket_series",
    "choose_grid",
    "empty_buckets",
    "join_buckets",
    "last_places",
    "merge_buckets",
    "regrid",
]

Series: TypeAlias = tuple[Axis, Axis]

STACK_VALUES: Final = 1 << 18
"""Series that share an x-axis are reduced together, so many values at a time as caches hold."""

_HUGE: Final = 2.0**960
_SCALE: Final = 2.0**-64
_COUNTS: Final = ("n", "n_nan", "n_posinf", "n_neginf")
_COLUMNS: Final = (
    "bucket", "n", "x_first", "x_last", "first", "last", "min", "max", "mean",
    "n_nan", "n_posinf", "n_neginf",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Buckets:
    """The buckets of one series that hold a point, in ascending order. All arrays have one length.

    Attributes:
        bucket: int64, number of the bucket on its grid, from 0.
        n: int64, points in the bucket, NaN and infinite ones included.
        x_first: float64, x of the first point minus the start of the bucket.
        x_last: the same of the last point.
        first: float64, first finite value.
        last: last finite value.
        min: smallest finite value.
        max: largest finite value.
        mean: mean of the finite values, never outside of ``[min, max]``.
        n_nan: int64, points that are NaN.
        n_posinf: points that are +infinity.
        n_neginf: points that are -infinity.
        smooth: float64, the moving average at the last point of the bucket; None when not asked
            for.
        std: float64, of a group the standard deviation over its runs; None for a single run.
        runs: int64, of a group the runs that count in the bucket; None for a single run.
    """

    bucket: Integers
    n: Integers
    x_first: Floats
    x_last: Floats
    first: Floats
    last: Floats
    min: Floats
    max: Floats
    mean: Floats
    n_nan: Integers
    n_posinf: Integers
    n_neginf: Integers
    smooth: Floats | None = None
    std: Floats | None = None
    runs: Integers | None = None

    def __len__(self) -> int:
        return len(self.bucket)

    @property
    def n_finite(self) -> Integers:
        """Finite points of each bucket."""
        return self.n - self.n_nan - self.n_posinf - self.n_neginf


def bucket_series(x: Axis, value: Axis, grid: AnyGrid, *, smooth: float | None = None) -> Buckets:
    """Reduce one series.

    Args:
        x: float64 or int64, in any order.
        value: float64 or int64, as long as ``x``.
        grid: points outside of it are left out.
        smooth: weight of the moving average, computed over all points given, those outside too.

    Raises:
        InvalidInput: the weight is not between 0 and 1.
    """
    return bucket_many([(x, value)], grid, smooth=smooth)[0]


def bucket_many(
    series: Sequence[Series], grid: AnyGrid, *, smooth: float | None = None
) -> list[Buckets]:
    """Reduce many series onto one grid; those with equal x are stacked and reduced at once.

    Args:
        series: x and value of each, as in `bucket_series`. Passing the same array object as x is
            fastest; equal arrays are found too.
        grid: shared by all.
        smooth: as in `bucket_series`.
    """
    results: list[Buckets | None] = [None] * len(series)
    for members in group_by_axis([x for x, _ in series]):
        layout = lay_out(series[members[0]][0], grid)
        if not len(layout.bucket):
            for member in members:
                results[member] = empty_buckets(smooth=smooth is not None)
            continue
        batch = max(1, STACK_VALUES // max(1, len(series[members[0]][0])))
        for at in range(0, len(members), batch):
            chosen = members[at : at + batch]
            values = [_in_order(series[member][1], layout) for member in chosen]
            x = _in_order(series[chosen[0]][0], layout)
            reduced = _reduce_stack(values, x, layout, smooth)
            for member, buckets in zip(chosen, reduced, strict=True):
                results[member] = buckets
    return [buckets for buckets in results if buckets is not None]


def empty_buckets(*, smooth: bool = False) -> Buckets:
    """No bucket at all."""
    none = np.empty(0, np.int64)
    real = np.empty(0, np.float64)
    counts = (none, none, none)
    return Buckets(none, none, *(real,) * 7, *counts, smooth=real if smooth else None)


def merge_buckets(buckets: Buckets, grid: Grid, target: Grid) -> Buckets:
    """Make coarser buckets out of finer ones: exactly what the points would have given.

    Args:
        buckets: on ``grid``.
        grid: the finer grid.
        target: a grid of the same or a greater width; buckets outside of it are left out.

    Raises:
        ValueError: the target is finer.
    """
    return join_buckets([regrid(buckets, grid, target)])


def regrid(buckets: Buckets, grid: Grid, target: AnyGrid) -> Buckets:
    """Renumber buckets for a coarser grid without joining those that now share a number.

    Of a logarithmic grid those are left out that begin before it is as coarse.

    Raises:
        ValueError: the target is finer.
    """
    if isinstance(target, LogGrid):
        return _regrid_log(buckets, grid, target)
    levels = target.exponent - grid.exponent
    if levels < 0:
        raise ValueError(f"buckets of width {grid.width} cannot be split to {target.width}")
    number = buckets.bucket + grid.start
    coarse = number >> min(levels, 63)
    index = coarse - target.start
    shift = (number - (coarse << levels)) * grid.width if levels < 63 else np.zeros(len(number))
    moved = {
        "bucket": index,
        "x_first": buckets.x_first + shift,
        "x_last": buckets.x_last + shift,
    }
    return _moved(buckets, moved, (index >= 0) & (index < target.count))


def _regrid_log(buckets: Buckets, grid: Grid, target: LogGrid) -> Buckets:
    start = (buckets.bucket + grid.start) << grid.exponent
    index, within = target.place(start)
    shift = (start - target.starts(index).astype(np.int64)).astype(np.float64)
    moved = {
        "bucket": index,
        "x_first": buckets.x_first + shift,
        "x_last": buckets.x_last + shift,
    }
    return _moved(buckets, moved, within & (start >= target.cell_bound(grid.exponent)))


def _moved(buckets: Buckets, moved: dict[str, NDArray[Any]], inside: NDArray[np.bool_]) -> Buckets:
    columns = {name: moved.get(name, getattr(buckets, name)) for name in _COLUMNS}
    smooth = buckets.smooth
    if not inside.all():
        columns = {name: column[inside] for name, column in columns.items()}
        smooth = None if smooth is None else smooth[inside]
    return Buckets(**columns, smooth=smooth)


def last_places(buckets: Buckets, grid: AnyGrid) -> Integers:
    """The x of the last point of each bucket, on an axis of steps or microseconds."""
    if isinstance(grid, LogGrid):
        starts = grid.starts(buckets.bucket).astype(np.int64)
    else:
        starts = (buckets.bucket + grid.start) << grid.exponent
    places: Integers = starts + buckets.x_last.astype(np.int64)
    return places


def join_buckets(parts: Sequence[Buckets]) -> Buckets:
    """Join buckets of one grid that follow each other on x; those with equal numbers become one.

    Args:
        parts: in ascending order; a bucket that lies in two parts has its points of the first part
            before those of the second.
    """
    if not parts:
        return empty_buckets()
    rows = parts[0] if len(parts) == 1 else _in_one(parts)
    starts = run_starts(rows.bucket)
    if len(starts) == len(rows):
        return rows
    return _combine(rows, starts, np.append(starts[1:], len(rows)))


def _in_one(parts: Sequence[Buckets]) -> Buckets:
    """The buckets of all parts, one after the other; averages only where each part has them."""
    smooths = [part.smooth for part in parts if part.smooth is not None]
    columns: dict[str, NDArray[Any]] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS
    }
    return Buckets(
        **columns, smooth=np.concatenate(smooths) if len(smooths) == len(parts) else None
    )


def _combine(rows: Buckets, starts: Integers, ends: Integers) -> Buckets:
    counts = {name: np.add.reduceat(getattr(rows, name), starts) for name in _COUNTS}
    finite = rows.n_finite
    first, last = _outer_values(finite > 0, rows.first, rows.last, starts, ends)
    with np.errstate(invalid="ignore"):
        low = np.fmin.reduceat(rows.min, starts)
        high = np.fmax.reduceat(rows.max, starts)
    return Buckets(
        bucket=rows.bucket[starts],
        x_first=rows.x_first[starts],
        x_last=rows.x_last[ends - 1],
        first=first,
        last=last,
        min=low,
        max=high,
        mean=_mean(np.where(finite > 0, rows.mean, 0.0), finite, starts, (low, high)),
        smooth=None if rows.smooth is None else rows.smooth[ends - 1],
        **counts,
    )


def _in_order(value: Axis, layout: Layout) -> Floats:
    ordered = value if layout.order is None else value[layout.order]
    return ordered.astype(np.float64, copy=False)


def _reduce_stack(
    values: list[Floats], x: Floats, layout: Layout, smooth: float | None
) -> list[Buckets]:
    """Buckets of series on one axis; ``values`` and ``x`` are in the order of the layout."""
    rows: Floats = values[0][None] if len(values) == 1 else np.stack(values)
    stack = rows[:, layout.inside]
    clean: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(stack), axis=1)
    reduced = _reduce_clean(stack if clean.all() else stack[clean], layout)
    results: list[Buckets] = []
    for row, is_clean in enumerate(clean.tolist()):
        columns = next(reduced) if is_clean else _reduce_mixed(stack[row], layout)
        if smooth is not None:
            averages = debiased_average(values[row], smooth, x)[layout.inside]
            columns["smooth"] = averages[layout.ends - 1]
        results.append(
            Buckets(
                bucket=layout.bucket,
                n=layout.ends - layout.starts,
                x_first=layout.x_first,
                x_last=layout.x_last,
                **columns,
            )
        )
    return results


def _reduce_clean(stack: Floats, layout: Layout) -> Iterator[dict[str, NDArray[Any]]]:
    """The columns of each series of a stack without NaN and infinite values."""
    if not len(stack):
        return
    starts, ends = layout.starts, layout.ends
    low = np.minimum.reduceat(stack, starts, axis=1)
    high = np.maximum.reduceat(stack, starts, axis=1)
    huge = max(-float(low.min()), float(high.max())) >= _HUGE
    scale = _SCALE if huge else 1.0
    with np.errstate(over="ignore"):
        sums = np.add.reduceat(stack * scale if huge else stack, starts, axis=1)
        mean = np.clip(sums / (ends - starts) / scale, low, high)
    none = np.zeros(len(starts), np.int64)
    columns = zip(stack, low, high, mean, strict=True)
    for row, smallest, largest, average in columns:
        yield {
            "first": row[starts],
            "last": row[ends - 1],
            "min": smallest,
            "max": largest,
            "mean": average,
            "n_nan": none,
            "n_posinf": none,
            "n_neginf": none,
        }


def _reduce_mixed(values: Floats, layout: Layout) -> dict[str, NDArray[Any]]:
    """The columns of one series that has NaN or infinite values."""
    starts = layout.starts
    finite = np.isfinite(values)
    kinds = {
        "n_nan": np.isnan(values),
        "n_posinf": values == np.inf,
        "n_neginf": values == -np.inf,
    }
    counts = {name: np.add.reduceat(kind.astype(np.int64), starts) for name, kind in kinds.items()}
    masked = np.where(finite, values, np.nan)
    low = np.fmin.reduceat(masked, starts)
    high = np.fmax.reduceat(masked, starts)
    first, last = _outer_values(finite, values, values, starts, layout.ends)
    weights = finite.astype(np.int64)
    mean = _mean(np.where(finite, values, 0.0), weights, starts, (low, high))
    return {"first": first, "last": last, "min": low, "max": high, "mean": mean, **counts}


def _outer_values(
    usable: NDArray[np.bool_], firsts: Floats, lasts: Floats, starts: Integers, ends: Integers
) -> tuple[Floats, Floats]:
    """First and last usable value of each stretch ``starts[i]:ends[i]``, else NaN."""
    if usable.all():
        return firsts[starts], lasts[ends - 1]
    places = np.flatnonzero(usable)
    if not len(places):
        nothing = np.full(len(starts), np.nan)
        return nothing, nothing
    begin = np.searchsorted(places, starts)
    end = np.searchsorted(places, ends)
    some = begin < end
    first = np.where(some, firsts[places[np.minimum(begin, len(places) - 1)]], np.nan)
    last = np.where(some, lasts[places[np.maximum(end - 1, 0)]], np.nan)
    return first, last


def _mean(
    values: Floats, weights: Integers, starts: Integers, extremes: tuple[Floats, Floats]
) -> Floats:
    """Mean of each stretch, kept inside of its extremes; NaN where all weights are 0.

    Sums near the largest float are formed of scaled values.
    """
    total = np.add.reduceat(weights, starts)
    scale = _SCALE if float(np.abs(values).max(initial=0.0)) * float(total.max()) >= _HUGE else 1.0
    sums = np.add.reduceat(values * scale * weights, starts)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean: Floats = np.where(total > 0, sums / total / scale, np.nan)
        return np.clip(mean, *extremes)
