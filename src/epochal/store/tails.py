"""The moving average of a long series at some of its steps, from the points shortly before each.

A chart shows the average at the last point of each bucket, and what lies further back than a few
hundred times the average's memory changes no digit of it. So the work is bounded by the number of
buckets and not by the length of the series, and the answer is that of `store.smooth` over all
points up to rounding, for weights up to 0.9994; heavier ones forget what lies `FARTHEST` points
back. The typical distance of points is the median over 32 places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from epochal.store.parts import Stretch
from epochal.store.points import Window
from epochal.store.smooth import debiased_average, typical_distance

LONG: Final = 1 << 21
"""Shorter series are smoothed as a whole."""
FARTHEST: Final = 1 << 16
"""So many points before a place count for it, at most."""
TYPICAL: Final = 1 << 12
"""So many points tell at each of `SAMPLES` places how far points usually are apart."""
SAMPLES: Final = 32
_NOTHING: Final = 39.0
"""A share of ``exp(-39)`` is lost in the rounding of a sum."""

Axis = Callable[[Stretch], NDArray[np.int64]]
Begin = Callable[[Stretch], int]
Rows = tuple[NDArray[np.int64], NDArray[np.float64]]


def is_long(windows: Sequence[Window]) -> bool:
    """Whether a series is better smoothed place by place: long, in step order and without cuts."""
    if sum(window.stretch.count for window in windows) < LONG:
        return False
    if not all(window.whole and window.stretch.rising for window in windows):
        return False
    bounds = sorted((w.stretch.step_min, w.stretch.step_max) for w in windows)
    return all(one[1] < other[0] for one, other in pairwise(bounds))


def _steps(stretch: Stretch) -> NDArray[np.int64]:
    return stretch.step


def _first_step(stretch: Stretch) -> int:
    return stretch.step_min


def averages_at(
    windows: Sequence[Window],
    steps: NDArray[np.int64],
    weight: float,
    axis: Axis = _steps,
    begin: Begin = _first_step,
) -> NDArray[np.float64]:
    """The debiased average at each of some places of an axis.

    Args:
        windows: of a series that `is_long` holds of.
        steps: ascending, each that of a point.
        weight: between 0 and 1, both excluded.
        axis: the places of a stretch, which rise with its steps; those steps by default.
        begin: the first of them, known without reading.

    Raises:
        CorruptFile: a segment is damaged.
        OSError: a segment cannot be read.
    """
    stretches = sorted((window.stretch for window in windows), key=lambda one: one.step_min)
    read = _Reader(stretches, axis)
    needed = math.ceil(min(_NOTHING / -math.log(weight), FARTHEST)) + 1
    begins = np.array([begin(one) for one in stretches])
    holders = np.searchsorted(begins, steps, "right") - 1
    places = list(zip(holders.tolist(), steps.tolist(), strict=True))
    typical = _typical(read, places[:: max(1, len(places) // SAMPLES)])
    return np.array([_average(read, *place, needed, weight, typical) for place in places])


def _typical(read: _Reader, places: Sequence[tuple[int, int]]) -> float | None:
    """The typical distance of points: the median over some places."""
    found = []
    for holder, step in places:
        x, value = read.before(holder, step, TYPICAL)
        found.append(typical_distance(x[np.isfinite(value)].astype(np.float64)))
    known = [distance for distance in found if math.isfinite(distance)]
    return float(np.median(known)) if known else None


def _average(
    read: _Reader, holder: int, step: int, needed: int, weight: float, typical: float | None
) -> float:
    reach = needed
    while True:
        x, value = read.before(holder, step, reach)
        enough = len(value) < reach or int(np.isfinite(value).sum()) >= needed
        if enough or reach >= FARTHEST:
            return float(debiased_average(value, weight, x.astype(np.float64), typical)[-1])
        reach = min(FARTHEST, reach * 4)


class _Reader:
    """Reads rows of stretches that follow each other; keeps the two that were read last."""

    def __init__(self, stretches: Sequence[Stretch], axis: Axis) -> None:
        self._stretches = stretches
        self._axis = axis
        self._known: dict[int, Rows] = {}

    def before(self, holder: int, step: int, count: int) -> Rows:
        """The last ``count`` points up to a step that lies in the stretch ``holder``."""
        parts: list[Rows] = []
        end = int(np.searchsorted(self._rows(holder)[0], step, "right"))
        while count > 0 and holder >= 0:
            x, value = self._rows(holder)
            start = max(0, end - count)
            parts.insert(0, (x[start:end], value[start:end]))
            count -= end - start
            holder -= 1
            end = self._stretches[holder].count
        return np.concatenate([x for x, _ in parts]), np.concatenate([v for _, v in parts])

    def _rows(self, index: int) -> Rows:
        if index not in self._known:
            stretch = self._stretches[index]
            if len(self._known) > 1:
                del self._known[min(self._known)]
            self._known[index] = (
                self._axis(stretch),
                stretch.value.astype(np.float64, copy=False),
            )
        return self._known[index]
