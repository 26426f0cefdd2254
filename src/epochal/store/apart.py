"""The grid that gives each point of short series a bucket of its own.

Where points are few enough to be drawn one by one, buckets would only hide them. Points closer to
each other than the narrowest bucket of such a grid share one; so do points of equal x. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np

from epochal.store.grid import Grid, choose_grid
from epochal.store.layout import Axis

MOST_POINTS: Final = 1 << 16
"""All series of one question together."""
FINENESS: Final = 64
"""Parts that a bucket is split to at most: nothing finer is seen on a screen."""


def grid_apart(
    axes: Iterable[Axis], extent: tuple[float, float], buckets: int, most: int, *, whole: bool
) -> Grid | None:
    """The grid of ``extent`` whose buckets are no wider than the points are apart.

    Args:
        axes: x of each series, in any order; those with equal x may be one array.
        extent: lowest and highest x in view.
        buckets: the grid has at most `FINENESS` times as many.
        most: points in view that one series may have.
        whole: x counts steps or microseconds.

    Returns:
        None where a series has more points than ``most``, or all together more than
        `MOST_POINTS`.
    """
    lo, hi = extent
    total, gap = 0, math.inf
    known: dict[int, tuple[int, float]] = {}
    for x in axes:
        count, least = known.get(id(x)) or _spacing(x[(x >= lo) & (x <= hi)], most)
        known[id(x)] = count, least
        total += count
        gap = min(gap, least)
        if count > most or total > MOST_POINTS:
            return None
    wanted = min(2 * (hi - lo) / gap, FINENESS * buckets) if math.isfinite(gap) else 0
    return choose_grid(lo, hi, max(buckets, math.ceil(wanted) + 2), whole=whole)


def _spacing(x: Axis, most: int) -> tuple[int, float]:
    """How many points there are, and how far the two nearest are apart where that is asked for."""
    if len(x) > most:
        return len(x), 0.0
    ordered = np.sort(x)
    # Without a sign no difference of whole numbers is too large.
    apart = np.diff(ordered.view(np.uint64) if x.dtype == np.int64 else ordered)
    apart = apart[apart > 0]
    return len(x), float(apart.min()) if len(apart) else math.inf
