"""Buckets of a run's series on the step axis: from mips where exact, from points elsewhere.

The answer does not depend on which way was taken (means may differ in the last digits). A stretch
is answered from its mip when its steps strictly increase, no cut touches it, no other stretch
overlaps its steps, and the buckets are at least as wide as its cells. Because cells and buckets
share one grid, there are no edges to make up. Other stretches are read; overlapping ones together,
so that the last arrival of each step wins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from epochal.domain.values import INT64_MAX, INT64_MIN
from epochal.store.buckets import (
    Buckets,
    bucket_series,
    empty_buckets,
    join_buckets,
    last_places,
    regrid,
)
from epochal.store.loggrid import AnyGrid, LogGrid
from epochal.store.points import Window, WriterPoints, find_windows, step_values
from epochal.store.tails import averages_at, is_long


def bucket_steps(
    writers: Sequence[WriterPoints], grid: AnyGrid, *, smooth: float | None = None
) -> Buckets:
    """Buckets over the last point of each step.

    Args:
        writers: of one run, ordered by start.
        grid: on steps, with a width of at least 1.
        smooth: weight of the moving average; with it all points are read, of long series those
            that count (`store.tails`).

    Raises:
        InvalidInput: the weight is not between 0 and 1.
        CorruptFile: a segment is damaged.
        OSError: a segment cannot be read.
    """
    windows = find_windows(writers)
    if smooth is not None and not is_long(windows):
        step, value = step_values(windows, INT64_MIN, INT64_MAX)
        return bucket_series(step, value, grid, smooth=smooth)
    lo, hi = grid_bounds(grid)
    parts = [
        _bucket_cluster(cluster, grid, lo, hi) for cluster in cluster_windows(windows, lo, hi)
    ]
    found = join_buckets([part for part in parts if len(part)])
    if smooth is None:
        return found
    return replace(found, smooth=averages_at(windows, last_places(found, grid), smooth))


def grid_bounds(grid: AnyGrid) -> tuple[int, int]:
    """The first and the last step or microsecond that may have a bucket."""
    if isinstance(grid, LogGrid):
        start, end = grid.bounds
        return INT64_MIN if grid.below else math.floor(start), min(INT64_MAX, math.ceil(end) - 1)
    lo = max(INT64_MIN, grid.start << grid.exponent)
    return lo, min(INT64_MAX, ((grid.start + grid.count) << grid.exponent) - 1)


def step_extent(writers: Sequence[WriterPoints]) -> tuple[int, int] | None:
    """Bounds of the visible steps, known without reading; None when there is no point.

    The bounds may be wider than the visible points where a cut hides part of a stretch.
    """
    windows = find_windows(writers)
    if not windows:
        return None
    return min(w.stretch.step_min for w in windows), max(w.step_max for w in windows)


def cluster_windows(
    windows: Sequence[Window], lo: int = INT64_MIN, hi: int = INT64_MAX
) -> list[list[Window]]:
    """Windows in view, those whose steps overlap together; ascending, each in arrival order."""
    seen = [(w.stretch.step_min, at, w) for at, w in enumerate(windows)]
    clusters: list[list[tuple[int, Window]]] = []
    reach = INT64_MIN - 1
    for step_min, at, window in sorted(seen, key=lambda item: item[:2]):
        if step_min > hi or window.step_max < lo:
            continue
        if step_min > reach:
            clusters.append([])
        clusters[-1].append((at, window))
        reach = max(reach, window.step_max)
    return [[w for _, w in sorted(cluster, key=lambda item: item[0])] for cluster in clusters]


def _bucket_cluster(cluster: Sequence[Window], grid: AnyGrid, lo: int, hi: int) -> Buckets:
    alone = cluster[0] if len(cluster) == 1 else None
    if alone is not None and alone.whole:
        exponent = alone.stretch.cell_exponent
        cells_from = hi + 1 if exponent is None else _cells_from(grid, exponent, lo, hi)
        mip = alone.stretch.mip() if cells_from <= hi else None
        if mip is not None:
            # At once: the cells of all stretches together may be millions.
            cells = join_buckets([regrid(mip.cells, mip.grid, grid)])
            if cells_from <= lo:
                return cells
            return join_buckets([_read(cluster, grid, lo, cells_from - 1), cells])
    return _read(cluster, grid, lo, hi)


def _cells_from(grid: AnyGrid, exponent: int, lo: int, hi: int) -> int:
    """The first step from which each bucket is a union of cells ``2**exponent`` wide."""
    if isinstance(grid, LogGrid):
        return grid.cell_bound(exponent)
    return lo if exponent <= grid.exponent else hi + 1


def _read(cluster: Sequence[Window], grid: AnyGrid, lo: int, hi: int) -> Buckets:
    """Buckets of the points themselves."""
    step, value = step_values(cluster, lo, hi)
    return bucket_series(step, value, grid) if len(step) else empty_buckets()
