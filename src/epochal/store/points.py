"""The points of one series of a run, put together from its writers, under cuts and in a view.

Points keep arrival order and duplicates until a view is asked for: ``all`` gives them as they
came, ``last`` the last arrival of each step in step order. A cut hides points and deletes none.
Nothing is read that the cuts or the range leave out.

Arrival order: within a writer its journal's order; between writers the order in which they are
given, that of their starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from epochal.domain.values import INT64_MAX, INT64_MIN
from epochal.store.codec import Integers, Values
from epochal.store.parts import Stretch

View: TypeAlias = Literal["all", "last"]
Selection: TypeAlias = slice | NDArray[np.bool_]
Select: TypeAlias = Callable[[Stretch], NDArray[Any]]

_UNCUT: Final = INT64_MAX + 1
_NONE: Final = slice(0, 0)


class CutAt(NamedTuple):
    """Hides steps >= ``step`` of its writer's rows before arrival number ``order``.

    All rows of earlier writers count as before.
    """

    order: int
    step: int


@dataclass(frozen=True, eq=False)
class WriterPoints:
    """What one writer wrote of the series.

    Attributes:
        parts: stretches of its segments and its tail, in any order; their arrival numbers do not
            repeat.
        cuts: ``(arrival number, step)`` of each cut that it made, those before any point of this
            series too.
    """

    parts: Sequence[Stretch]
    cuts: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True, eq=False)
class Points:
    """Points of one series; all arrays have one length.

    Attributes:
        step: int64.
        wall_us: int64, microseconds since 1970 UTC.
        value: int64 when every stretch that was read holds integers, else float64.
        order: int64, sorting by it gives the arrival order over the whole run.
    """

    step: Integers
    wall_us: Integers
    value: Values
    order: Integers

    def __len__(self) -> int:
        return len(self.step)

    @property
    def integer(self) -> bool:
        """Whether values are int64."""
        return self.value.dtype == np.int64

    def between(self, lo: int | None, hi: int | None) -> Points:
        """The points with ``lo <= step <= hi``; None leaves an end open."""
        keep = np.ones(len(self.step), np.bool_)
        if lo is not None:
            keep &= self.step >= lo
        if hi is not None:
            keep &= self.step <= hi
        return Points(self.step[keep], self.wall_us[keep], self.value[keep], self.order[keep])


@dataclass(frozen=True, eq=False)
class Window:
    """What cuts leave of a stretch.

    Attributes:
        stretch: the points.
        writer: index of its writer.
        base: added to arrival numbers to order all writers.
        below: only steps below it are visible.
        cuts: cuts made while the stretch was written; they hide some of its rows.
    """

    stretch: Stretch
    writer: int
    base: int
    below: int
    cuts: tuple[CutAt, ...]

    @property
    def step_max(self) -> int:
        """Greatest step that may be visible."""
        return min(self.stretch.step_max, self.below - 1)

    @property
    def whole(self) -> bool:
        """Whether no cut touches it."""
        return not self.cuts and self.stretch.step_max < self.below

    def select(self, lo: int, hi: int) -> Selection:
        """Which rows are visible and have ``lo <= step <= hi``."""
        hi = min(hi, self.below - 1)
        if hi < self.stretch.step_min or lo > self.stretch.step_max or lo > hi:
            return _NONE
        if not self.cuts and lo <= self.stretch.step_min and hi >= self.stretch.step_max:
            return slice(0, self.stretch.count)
        step = self.stretch.step
        if self.stretch.rising and not self.cuts:
            return slice(int(np.searchsorted(step, lo)), int(np.searchsorted(step, hi, "right")))
        keep: NDArray[np.bool_] = (step >= lo) & (step <= hi)
        for cut in self.cuts:
            keep &= (self.stretch.order >= cut.order) | (step < cut.step)
        return keep


def find_windows(writers: Sequence[WriterPoints]) -> list[Window]:
    """What is visible of each stretch under all cuts; wholly hidden ones are left out.

    Args:
        writers: of one run, ordered by start.

    Returns:
        Windows in arrival order of their first points.
    """
    below = [_UNCUT] * (len(writers) + 1)
    for index in range(len(writers) - 1, -1, -1):
        steps = [step for _, step in writers[index].cuts]
        below[index] = min([below[index + 1], *steps])
    windows: list[Window] = []
    base = 0
    for index, writer in enumerate(writers):
        for stretch in sorted(writer.parts, key=lambda part: part.order_first):
            window = _window(stretch, index, base, below[index + 1], writer.cuts)
            if window.below > stretch.step_min:
                windows.append(window)
        base += max((part.order_last + 1 for part in writer.parts), default=0)
    return windows


def assemble(
    writers: Sequence[WriterPoints], view: View, *, lo: int | None = None, hi: int | None = None
) -> Points:
    """The points of a series.

    Args:
        writers: of one run, ordered by start.
        view: ``all`` keeps every point in arrival order; ``last`` the last point of each step, by
            step.
        lo: smallest step wanted; None leaves it open.
        hi: greatest step wanted, itself included.

    Raises:
        CorruptFile: a stretch of a segment is damaged.
        OSError: a segment cannot be read.
    """
    low = INT64_MIN if lo is None else lo
    high = INT64_MAX if hi is None else hi
    step, value, wall_us, order = gather(
        find_windows(writers), view, low, high, (_value, _wall_us, _order), order_wanted=True
    )
    return Points(step.view(np.int64), wall_us, value, order)


def step_values(windows: Sequence[Window], lo: int, hi: int) -> tuple[Integers, Values]:
    """The last point of each step with ``lo <= step <= hi``; times are not read."""
    step, value = gather(windows, "last", lo, hi, (_value,))
    return step, value


def timed_values(windows: Sequence[Window]) -> tuple[Integers, Values]:
    """The time and value of the last point of each step, by step."""
    _, wall_us, value = gather(windows, "last", INT64_MIN, INT64_MAX, (_wall_us, _value))
    return wall_us, value


def gather(
    windows: Sequence[Window],
    view: View,
    lo: int,
    hi: int,
    columns: Sequence[Select],
    *,
    order_wanted: bool = False,
) -> tuple[Any, ...]:
    """Steps and the asked columns of what is visible, in the order of ``view``.

    Args:
        windows: in arrival order of their first points.
        view: as in `assemble`.
        lo: smallest step.
        hi: greatest step, itself included.
        columns: what to read of each stretch beside its steps.
        order_wanted: the last column holds arrival numbers, to be counted over all writers.
    """
    chosen = [(window, window.select(lo, hi)) for window in windows]
    chosen = [(window, rows) for window, rows in chosen if _some(rows)]
    if not chosen:
        none = np.empty(0, np.int64)
        return (none, *(np.empty(0, np.float64 if c is _value else np.int64) for c in columns))
    arrays = [_concatenate([_step(window.stretch)[rows] for window, rows in chosen])]
    for number, column in enumerate(columns):
        based = order_wanted and number == len(columns) - 1
        pieces = [
            column(w.stretch)[rows] + w.base if based else column(w.stretch)[rows]
            for w, rows in chosen
        ]
        arrays.append(_concatenate(pieces))
    if _interleaved([window for window, _ in chosen]):
        arrival = _concatenate([_order(w.stretch)[rows] + w.base for w, rows in chosen])
        index = np.argsort(arrival, kind="stable")
        arrays = [array[index] for array in arrays]
    if view == "last" and not bool(np.all(arrays[0][1:] > arrays[0][:-1])):
        index = _last_of_each(arrays[0])
        arrays = [array[index] for array in arrays]
    return tuple(arrays)


def _window(
    stretch: Stretch, writer: int, base: int, below: int, cuts: Sequence[tuple[int, int]]
) -> Window:
    inner: list[CutAt] = []
    for order, step in cuts:
        if order > stretch.order_last:
            below = min(below, step)
        elif order > stretch.order_first and step <= stretch.step_max:
            inner.append(CutAt(order, step))
    return Window(stretch, writer, base, below, tuple(inner))


def _last_of_each(step: Integers) -> Integers:
    """Indices of the last arrival of each step, by step."""
    index = np.argsort(step, kind="stable")
    ordered = step[index]
    last: Integers = index[np.append(ordered[1:] != ordered[:-1], [True])]
    return last


def _interleaved(windows: Sequence[Window]) -> bool:
    return any(
        one.writer == other.writer and other.stretch.order_first < one.stretch.order_last
        for one, other in pairwise(windows)
    )


def _some(rows: Selection) -> bool:
    return rows.stop > rows.start if isinstance(rows, slice) else bool(rows.any())


def _concatenate(pieces: list[NDArray[Any]]) -> NDArray[Any]:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _step(stretch: Stretch) -> NDArray[Any]:
    return stretch.step


def _value(stretch: Stretch) -> NDArray[Any]:
    return stretch.value


def _wall_us(stretch: Stretch) -> NDArray[Any]:
    return stretch.wall_us


def _order(stretch: Stretch) -> NDArray[Any]:
    return stretch.order
