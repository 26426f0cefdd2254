"""Series over the values of another metric, piece by piece.

Where that metric goes on from piece to piece and never back (an epoch, examples seen, tokens),
the pieces follow each other on the axis: each is reduced by itself, and those out of view are not
read. Of pieces in segments a coarse copy on a grid of the axis is kept. Within a piece the metric
may go back and forth. The answer is that of all points at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from epochal.domain.formula import Formula, Metric
from epochal.store.buckets import Buckets, bucket_series, empty_buckets, join_buckets, regrid
from epochal.store.computed import Expression, Piece, find_expression
from epochal.store.gather import RunSeries
from epochal.store.grid import Grid, choose_grid
from epochal.store.loggrid import AnyGrid, LogGrid
from epochal.store.mip import CrossedCells
from epochal.store.mips import RecentMips
from epochal.store.store import Store

CELLS: Final = 512
"""At most so many are kept of a piece."""


class Crossed:
    """A long series over another one that never goes back from piece to piece.

    Attributes:
        bounds: the lowest and the highest finite x; None when there is none.
        positive: the lowest x above 0, infinite when there is none.
    """

    def __init__(
        self, expression: Expression, pieces: Sequence[tuple[Piece, CrossedCells]]
    ) -> None:
        self._expression = expression
        self._pieces = pieces
        known = [cells.bounds for _, cells in pieces if cells.bounds is not None]
        self.bounds = (known[0][0], known[-1][1]) if known else None
        self.positive = min((cells.positive for _, cells in pieces), default=math.inf)

    def buckets(self, grid: AnyGrid) -> Buckets:
        """Reduce it.

        Raises:
            CorruptFile: a segment is damaged.
            OSError: a segment cannot be read.
        """
        low, high = _span(grid)
        parts = [
            self._part(piece, cells, grid)
            for piece, cells in self._pieces
            if cells.bounds is not None and cells.bounds[0] <= high and cells.bounds[1] >= low
        ]
        return join_buckets([part for part in parts if len(part)])

    def _part(self, piece: Piece, cells: CrossedCells, grid: AnyGrid) -> Buckets:
        if isinstance(grid, Grid) and cells.grid.exponent <= grid.exponent:
            return regrid(cells.cells, cells.grid, grid)
        _, (x, value) = self._expression.values(piece)
        return bucket_series(x, value, grid)


def cross(store: Store, series: RunSeries, text: str, formula: Formula, x: str) -> Crossed | None:
    """A series or formula over a metric; None when it should be read as a whole.

    Args:
        store: holds the run.
        series: the rows of the run.
        text: what the formula says.
        formula: a metric alone, too.
        x: key of the metric.

    Raises:
        CorruptFile: a segment is damaged.
        OSError: a segment cannot be read.
    """
    found = find_expression(store, series, {f"x {x}": Metric(x), text: formula})
    if found is None:
        return None
    expression, pieces = found
    kept = [(piece, _cells(store.segments.crossed, expression, piece)) for piece in pieces]
    bounds = [cells.bounds for _, cells in kept if cells.bounds is not None]
    if any(one[1] > other[0] for one, other in pairwise(bounds)):
        return None
    return Crossed(expression, kept)


def _cells(recent: RecentMips[CrossedCells], expression: Expression, piece: Piece) -> CrossedCells:
    def reduce() -> CrossedCells:
        _, (x, value) = expression.values(piece)
        return _reduce(x, value)

    place = expression.place(piece)
    return reduce() if place is None else recent.get(place, reduce)


def _reduce(x: np.ndarray, value: np.ndarray) -> CrossedCells:
    finite = x[np.isfinite(x)]
    if not len(finite):
        return CrossedCells(Grid(0.0, 1.0, 1), empty_buckets(), None, math.inf)
    low, high = finite.min().item(), finite.max().item()
    grid = choose_grid(low, high, CELLS, whole=False)
    above = finite[finite > 0]
    positive = above.min().item() if len(above) else math.inf
    return CrossedCells(grid, bucket_series(x, value, grid), (low, high), positive)


def _span(grid: AnyGrid) -> tuple[float, float]:
    """The x that may have a bucket."""
    if isinstance(grid, LogGrid):
        low, high = grid.bounds
        return (-math.inf if grid.below else low), high
    return grid.origin, grid.origin + grid.count * grid.width
