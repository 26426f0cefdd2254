"""Buckets of a long series over time, one cluster of stretches after the other.

Stretches whose steps or times overlap are reduced together, all others by themselves: no more
than one cluster is in memory, and what lies out of view is not read. Of a cluster in segments,
which never change, a coarse copy on the grid of the chart is kept. The answer is that of all
points at once.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from epochal.store.buckets import Buckets, bucket_series, join_buckets, last_places, regrid
from epochal.store.codec import Integers, Values
from epochal.store.grid import Grid, choose_grid
from epochal.store.loggrid import AnyGrid
from epochal.store.mip import TimedCells
from epochal.store.mips import RecentMips
from epochal.store.overview import cluster_windows, grid_bounds
from epochal.store.points import Window, timed_values
from epochal.store.tails import averages_at, is_long

LONG: Final = 1 << 17
"""Shorter series are reduced as a whole."""
POINTS_PER_CELL: Final = 256
MOST_CELLS: Final = 1 << 17
"""At most so many are kept of a series, however long it is."""


@dataclass(frozen=True, eq=False)
class Cluster:
    """Stretches that nothing else of the series reaches into, neither in steps nor in time.

    Attributes:
        windows: in arrival order.
        low: no point is earlier, in microseconds.
        high: none is later.
        place: what names the points for good; None when some are in memory or hidden by a cut.
        alone: one stretch with every point visible, so that ``low`` and ``high`` are points.
    """

    windows: Sequence[Window]
    low: int
    high: int
    place: Hashable | None
    alone: bool

    def read(self, shift: int) -> tuple[Integers, Values]:
        """Times since ``shift`` and values, by step.

        Raises:
            CorruptFile: a segment is damaged.
            OSError: a segment cannot be read.
        """
        times, value = timed_values(self.windows)
        return times - shift, value


class Timed:
    """A long series over time.

    Args:
        clusters: ascending in time.
        shift: time of x = 0, microseconds since 1970 UTC.
        recent: where coarse copies are kept.

    Attributes:
        bounds: the first and the last x; None when there is none.

    Raises:
        CorruptFile: a segment is damaged.
        OSError: a segment cannot be read.
    """

    def __init__(
        self, clusters: Sequence[Cluster], shift: int, recent: RecentMips[TimedCells]
    ) -> None:
        self._clusters = clusters
        self._shift = shift
        self._recent = recent
        self._reduced: dict[Cluster, TimedCells] = {}
        self._most = 1 << (MOST_CELLS // len(clusters)).bit_length() - 1
        known = [pair for cluster in clusters if (pair := self._bounds(cluster)) is not None]
        self.bounds = (known[0][0], known[-1][1]) if known else None

    def buckets(self, grid: AnyGrid, smooth: float | None = None) -> Buckets | None:
        """Reduce it; None where its times go back and it is to be smoothed.

        Args:
            grid: over x.
            smooth: weight of the moving average.

        Raises:
            CorruptFile: a segment is damaged.
            OSError: a segment cannot be read.
        """
        if smooth is not None and not all(self._cells(one).rising for one in self._clusters):
            return None
        lo, hi = (bound + self._shift for bound in grid_bounds(grid))
        seen = [one for one in self._clusters if one.low <= hi and one.high >= lo]
        parts = [self._part(cluster, grid) for cluster in seen]
        found = join_buckets([part for part in parts if len(part)])
        if smooth is None:
            return found
        windows = [window for cluster in self._clusters for window in cluster.windows]
        averages = averages_at(
            windows,
            last_places(found, grid) + self._shift,
            smooth,
            lambda stretch: stretch.wall_us,
            lambda stretch: stretch.wall_min,
        )
        return replace(found, smooth=averages)

    def _part(self, cluster: Cluster, grid: AnyGrid) -> Buckets:
        cells = self._grid(cluster)
        if isinstance(grid, Grid):
            is_fine = cells.exponent <= grid.exponent
        else:
            is_fine = cluster.low - self._shift >= grid.cell_bound(cells.exponent)
        if is_fine:
            return join_buckets([regrid(self._cells(cluster).cells, cells, grid)])
        return bucket_series(*cluster.read(self._shift), grid)

    def _grid(self, cluster: Cluster) -> Grid:
        rows = sum(window.stretch.count for window in cluster.windows)
        count = max(1, min(self._most, rows // POINTS_PER_CELL))
        return choose_grid(cluster.low - self._shift, cluster.high - self._shift, count)

    def _cells(self, cluster: Cluster) -> TimedCells:
        """The coarse copy; one that changes is kept as long as this only."""
        if cluster not in self._reduced:
            grid = self._grid(cluster)
            reduce = partial(_reduce, cluster, self._shift, grid)
            name = (cluster.place, self._shift, grid.exponent)
            found = reduce() if cluster.place is None else self._recent.get(name, reduce)
            self._reduced[cluster] = found
        return self._reduced[cluster]

    def _bounds(self, cluster: Cluster) -> tuple[int, int] | None:
        if cluster.alone:
            return cluster.low - self._shift, cluster.high - self._shift
        return self._cells(cluster).bounds


def find_timed(
    windows: Sequence[Window],
    shift: int,
    recent: RecentMips[TimedCells],
    *,
    smooth: bool = False,
) -> Timed | None:
    """A series over time; None when it should be read as a whole.

    Args:
        windows: of the series.
        shift: time of x = 0, microseconds since 1970 UTC.
        recent: where coarse copies are kept.
        smooth: it is to be smoothed: one must follow the other in time as in steps then.

    Raises:
        CorruptFile: a segment is damaged.
        OSError: a segment cannot be read.
    """
    if sum(window.stretch.count for window in windows) < LONG:
        return None
    clusters = _clusters(windows)
    if smooth and not (is_long(windows) and _is_in_step_order(clusters)):
        return None
    return Timed(clusters, shift, recent)


def _is_in_step_order(clusters: Sequence[Cluster]) -> bool:
    """Whether each is one stretch, and they follow each other in steps as they do in time."""
    starts = [cluster.windows[0].stretch.step_min for cluster in clusters]
    return all(cluster.alone for cluster in clusters) and starts == sorted(starts)


def _clusters(windows: Sequence[Window]) -> list[Cluster]:
    """Windows whose steps or times overlap; ascending in time."""
    arrival = {id(window): at for at, window in enumerate(windows)}
    joined: list[list[int]] = []
    by_steps = cluster_windows(windows)
    spans = [_span(cluster) for cluster in by_steps]
    reach = 0
    for at in sorted(range(len(spans)), key=lambda at: (spans[at][0], at)):
        low, high = spans[at]
        # Of points at the same time the one of the smaller step comes first.
        if not joined or low > reach or (low == reach and at > max(joined[-1])):
            joined.append([])
            reach = low
        joined[-1].append(at)
        reach = max(reach, high)
    return [
        _cluster(
            sorted(
                (window for at in members for window in by_steps[at]),
                key=lambda window: arrival[id(window)],
            )
        )
        for members in joined
    ]


def _cluster(windows: Sequence[Window]) -> Cluster:
    places = [window.stretch.place if window.whole else None for window in windows]
    return Cluster(
        windows,
        *_span(windows),
        place=None if None in places else tuple(places),
        alone=len(windows) == 1 and windows[0].whole and windows[0].stretch.rising,
    )


def _span(windows: Sequence[Window]) -> tuple[int, int]:
    stretches = [window.stretch for window in windows]
    return min(one.wall_min for one in stretches), max(one.wall_max for one in stretches)


def _reduce(cluster: Cluster, shift: int, grid: Grid) -> TimedCells:
    x, value = cluster.read(shift)
    if not len(x):
        return TimedCells(grid, bucket_series(x, value, grid), None, rising=True)
    rising = bool(np.all(x[1:] >= x[:-1]))
    bounds = int(x.min()), int(x.max())
    return TimedCells(grid, bucket_series(x, value, grid), bounds, rising=rising)
