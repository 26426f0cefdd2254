"""Series that are computed of several metrics, stretch by stretch.

The stretches of the metrics are taken together where their steps overlap. What lies beside each
other on the axis can be computed by itself, so that no more than one such piece is in memory, and
a piece out of view is not read at all. Of a piece that lies in segments, which never change, a
coarse copy is kept (`store.mips`) with about `POINTS_PER_CELL` points to a cell: the first chart
of a formula reads all points, later ones those that came since and the cells. The answer is that
of all points at once.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from epochal.domain.formula import Formula, Metric, metrics_of, parse_formula
from epochal.domain.values import INT64_MAX, INT64_MIN
from epochal.store.buckets import bucket_series
from epochal.store.codec import Floats, Integers, Values
from epochal.store.formulas import evaluate, meet
from epochal.store.gather import RunSeries
from epochal.store.grid import Grid
from epochal.store.mip import MIN_ROWS, Mip, cell_grid
from epochal.store.mip import POINTS_PER_CELL as POINTS_PER_STORED_CELL
from epochal.store.mips import RecentMips
from epochal.store.parts import Stretch
from epochal.store.points import Points, Window, WriterPoints, assemble, find_windows, step_values
from epochal.store.store import Store

POINTS_PER_CELL: Final = 512
LONG: Final = 1 << 17
"""Series of fewer points are computed as a whole."""
MOST_LATEST: Final = 1 << 17
"""So are those with a metric within ``latest()`` that has as many: it is read as a whole."""


@dataclass(frozen=True, eq=False)
class Piece:
    """What some metrics wrote in a range of steps that nothing else reaches into.

    Attributes:
        windows: of each metric, in arrival order.
        step_min: no common step is smaller.
        step_max: none is greater.
        count: common steps, at most.
        rows: points of the longest metric.
        place: what names its points for good; None when some are in memory or hidden by a cut.
        together: every row holds all of the metrics, so that the bounds and ``count`` are exact.
    """

    windows: Mapping[str, Sequence[Window]]
    step_min: int
    step_max: int
    count: int
    rows: int
    place: Hashable | None
    together: bool


def _clusters(windows: Mapping[str, Sequence[Window]]) -> list[dict[str, list[Window]]]:
    """Windows whose steps overlap, of each key; ascending, each list in arrival order."""
    every = [
        (window.stretch.step_min, at, key, window)
        for key, of_key in windows.items()
        for at, window in enumerate(of_key)
    ]
    clusters: list[dict[str, list[tuple[int, Window]]]] = []
    reach = INT64_MIN - 1
    for step_min, at, key, window in sorted(every, key=lambda item: item[:2]):
        if step_min > reach:
            clusters.append({key: [] for key in windows})
        clusters[-1][key].append((at, window))
        reach = max(reach, window.step_max)
    return [
        {
            key: [window for _, window in sorted(of_key, key=lambda item: item[0])]
            for key, of_key in cluster.items()
        }
        for cluster in clusters
    ]


def _piece(windows: Mapping[str, Sequence[Window]]) -> Piece | None:
    """The piece of a cluster; None when it has no common step."""
    lists = list(windows.values())
    if not all(lists):
        return None
    step_min = max(min(w.stretch.step_min for w in one) for one in lists)
    step_max = min(max(w.step_max for w in one) for one in lists)
    if step_min > step_max:
        return None
    every = [window for one in lists for window in one]
    counts = [sum(window.stretch.count for window in one) for one in lists]
    places = [window.stretch.place if window.whole else None for window in every]
    return Piece(
        windows, step_min, step_max,
        count=min(counts),
        rows=max(counts),
        place=tuple(places) if None not in places else None,
        together=len(every) == len(lists)
        and all(window.whole and window.stretch.rising for window in every)
        and len({(window.writer, window.stretch.order_first) for window in every}) == 1,
    )  # fmt: skip


class Expression:
    """Formulas over the metrics of one run, to be evaluated piece by piece.

    Args:
        name: says which formulas they are.
        formulas: have values at the steps that all of their metrics share.
        latest: the points of each metric that is within ``latest()``.
    """

    def __init__(
        self, name: Hashable, formulas: Sequence[Formula], latest: Mapping[str, Points]
    ) -> None:
        self.name = name
        self.formulas = formulas
        self.metrics = {metric for formula in formulas for metric in metrics_of(formula)}
        self.latest = latest

    def place(self, piece: Piece) -> Hashable | None:
        """What names its values in a piece for good; None when they may become others."""
        return None if piece.place is None or self.latest else (self.name, piece.place)

    def values(self, piece: Piece) -> tuple[Integers, tuple[Floats, ...]]:
        """The common steps in a piece, and the values of each formula there.

        Raises:
            CorruptFile: a segment is damaged.
            OSError: a segment cannot be read.
        """
        read = {
            key: step_values(windows, INT64_MIN, INT64_MAX)
            for key, windows in piece.windows.items()
        }
        known: dict[Metric, tuple[Integers, Values]] = {}
        for metric in self.metrics:
            late = self.latest[metric.key] if metric.latest else None
            known[metric] = (late.step, late.value) if late else read[metric.key]
        step, places = meet({metric: steps for metric, (steps, _) in known.items()})
        values = {metric: known[metric][1][place] for metric, place in places.items()}
        return step, tuple(evaluate(formula, values, len(step)) for formula in self.formulas)


def find_expression(
    store: Store, series: RunSeries, formulas: Mapping[str, Formula]
) -> tuple[Expression, list[Piece]] | None:
    """Formulas and the pieces to evaluate them in; None when they should be read as a whole.

    They should when their metrics are short, or one within ``latest()`` is long.

    Args:
        formulas: by what they say.

    Raises:
        CorruptFile: a segment is damaged.
        OSError: a segment cannot be read.
    """
    metrics = {metric for formula in formulas.values() for metric in metrics_of(formula)}
    keys = sorted({metric.key for metric in metrics if not metric.latest})
    windows = {key: find_windows(series.points_of(store, key)) for key in keys}
    if max(sum(w.stretch.count for w in of_key) for of_key in windows.values()) < LONG:
        return None
    latest: dict[str, Points] = {}
    for key in {metric.key for metric in metrics if metric.latest}:
        source = series.points_of(store, key)
        if sum(part.count for writer in source for part in writer.parts) >= MOST_LATEST:
            return None
        latest[key] = assemble(source, "last")
    pieces = [piece for cluster in _clusters(windows) if (piece := _piece(cluster)) is not None]
    return Expression(tuple(formulas), list(formulas.values()), latest), pieces


class ComputedStretch:
    """A formula in a piece as a `store.parts.Stretch`.

    Its count is exact where the metrics of the piece stand together and nothing is ``latest``.
    """

    rising: Final = True

    def __init__(
        self,
        expression: Expression,
        piece: Piece,
        order_first: int,
        lately: Lately,
        kept: RecentMips[Mip],
    ) -> None:
        self._expression = expression
        self._piece = piece
        self._lately = lately
        self._kept = kept
        self.place = expression.place(piece)
        self._name = self.place if piece.rows >= MIN_ROWS else None
        self.count = piece.count
        self.step_min, self.step_max = piece.step_min, piece.step_max
        self.order_first, self.order_last = order_first, order_first + piece.count - 1

    @property
    def _grid(self) -> Grid:
        rows = max(1, self._piece.rows * POINTS_PER_STORED_CELL // POINTS_PER_CELL)
        return cell_grid(self.step_min, self.step_max, rows)

    @property
    def cell_exponent(self) -> int | None:
        """Base-2 logarithm of the width of the cells that are kept; None when there are none."""
        return None if self._name is None else self._grid.exponent

    @property
    def step(self) -> Integers:
        """Steps."""
        return self._lately.values(self._expression, self._piece)[0]

    @property
    def order(self) -> Integers:
        """Arrival numbers: those of steps."""
        return np.arange(self.order_first, self.order_first + len(self.step))

    @property
    def value(self) -> Floats:
        """Values."""
        return self._lately.values(self._expression, self._piece)[1][0]

    @property
    def wall_us(self) -> Integers:
        """Times, where the metrics stand together: those of their rows.

        Raises:
            ValueError: they do not.
        """
        return self._timed.wall_us

    @property
    def wall_min(self) -> int:
        """Earliest time, where the metrics stand together."""
        return self._timed.wall_min

    @property
    def wall_max(self) -> int:
        """Latest time, where the metrics stand together."""
        return self._timed.wall_max

    @property
    def _timed(self) -> Stretch:
        if not self._piece.together:
            raise ValueError("the times of metrics that do not stand together are several")
        first = next(iter(self._piece.windows.values()))
        return first[0].stretch

    def mip(self) -> Mip | None:
        """The coarse copy, made when it is not kept."""
        if self._name is None:
            return None
        return self._kept.get(self._name, self._reduce)

    def _reduce(self) -> Mip:
        return Mip(self._grid, bucket_series(self.step, self.value, self._grid))


class Lately:
    """The values that were computed last: steps and values are asked for one after the other."""

    def __init__(self) -> None:
        self._piece: Piece | None = None
        self._found: tuple[Integers, tuple[Floats, ...]] = (np.empty(0, np.int64), ())

    def values(self, expression: Expression, piece: Piece) -> tuple[Integers, tuple[Floats, ...]]:
        """The values of an expression, always the same one, in a piece."""
        if self._piece is not piece:
            self._found = expression.values(piece)
            self._piece = piece
        return self._found


class Computed(NamedTuple):
    """A formula as a series that is computed where it is read.

    Attributes:
        writers: as of a metric.
        exact: counts and bounds are exact and there are times, so that it may be smoothed place
            by place and drawn over time.
    """

    writers: list[WriterPoints]
    exact: bool


def compute(store: Store, series: RunSeries, text: str) -> Computed | None:
    """A formula stretch by stretch; None when it should be read as a whole.

    Raises:
        QuerySyntaxError: the formula cannot be read.
        CorruptFile: a segment is damaged.
        OSError: a segment cannot be read.
    """
    found = find_expression(store, series, {text: parse_formula(text)})
    if found is None:
        return None
    expression, pieces = found
    lately = Lately()
    stretches: list[ComputedStretch] = []
    begun = 0
    for piece in pieces:
        stretches.append(
            ComputedStretch(expression, piece, begun, lately, store.segments.computed)
        )
        begun += piece.count
    exact = not expression.latest and all(piece.together for piece in pieces)
    return Computed([WriterPoints(stretches)], exact)
