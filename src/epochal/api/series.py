"""Points of single series, and several series joined into one table, as NumPy arrays.

Nothing here reads or writes; it turns the binary columns of docs/internals/wire.md into arrays.
NaN keeps its bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from epochal.domain.columns import unpack_columns

View = Literal["last", "all"]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Value = npt.NDArray[np.float64] | npt.NDArray[np.int64]


class Points(msgspec.Struct, frozen=True, eq=False):
    """All points of one series.

    Attributes:
        key: the series.
        step: int64.
        time: int64, microseconds since 1970 UTC.
        value: float64 with its bits, or int64 when the series holds only integers.
    """

    key: str
    step: Int64
    time: Int64
    value: Value

    def __len__(self) -> int:
        return len(self.step)

    def __iter__(self) -> Iterator[tuple[int, int, float]]:
        return iter(zip(self.step.tolist(), self.time.tolist(), self.value.tolist(), strict=True))


class Table(msgspec.Struct, frozen=True, eq=False):
    """Series side by side: ``present[k][i]`` tells whether series ``k`` has a value in row ``i``.

    ``present[k]`` is None when the series has a value in every row.
    """

    step: Int64
    time: Int64
    values: list[Value]
    present: list[Bool | None]


def read_points(body: bytes) -> list[Points]:
    """Decode the answer to a points query, one `Points` per key in the order asked for.

    Raises:
        EpochalError: the bytes are no columns.
    """
    head, columns = unpack_columns(body)
    step, time, value = columns["step"], columns["wall_us"], columns["value"]
    found = []
    for entry in head["series"]:
        part = slice(entry["start"], entry["start"] + entry["count"])
        values = value[part]
        if entry["integer"] and values.dtype != np.int64 and _fits_int64(values):
            values = values.astype(np.int64)
        found.append(Points(entry["key"], step[part], time[part], values))
    return found


def _fits_int64(values: npt.NDArray[np.float64]) -> bool:
    """Whether each float is an integer that int64 holds exactly."""
    return bool(np.all(np.abs(values) <= 2**53))


def join(series: Sequence[Points], view: View) -> Table:
    """Outer join on the step, or in the view ``all`` on (step, time, repetition).

    Args:
        series: at least one.
        view: in ``last`` each series has one point per step, in step order.

    Returns:
        Rows by step; in the view ``all`` by time, as they arrived.
    """
    first = series[0]
    if all(_same_axis(first, other, view) for other in series[1:]):
        return Table(first.step, first.time, [one.value for one in series], [None] * len(series))
    if view == "last":
        axis, places = _join_steps(series)
    else:
        axis, places = _join_rows(series)
    step = np.empty(axis, np.int64)
    time = np.zeros(axis, np.int64)
    values: list[Value] = []
    present: list[Bool | None] = []
    for one, place in zip(series, places, strict=True):
        step[place] = one.step
        time[place] = np.maximum(time[place], one.time)
        column, there = _spread(one.value, place, axis)
        values.append(column)
        present.append(there)
    return Table(step, time, values, present)


def _same_axis(a: Points, b: Points, view: View) -> bool:
    if a.step is b.step:
        return True
    same = np.array_equal(a.step, b.step)
    return same and (view == "last" or np.array_equal(a.time, b.time))


def _join_steps(series: Sequence[Points]) -> tuple[int, list[npt.NDArray[np.intp]]]:
    steps = np.unique(np.concatenate([one.step for one in series]))
    return len(steps), [np.searchsorted(steps, one.step) for one in series]


def _join_rows(series: Sequence[Points]) -> tuple[int, list[npt.NDArray[np.intp]]]:
    """Give each point the row of its (time, step, repetition); rows are sorted by exactly that."""
    step = np.concatenate([one.step for one in series])
    time = np.concatenate([one.time for one in series])
    owner = np.repeat(np.arange(len(series)), [len(one) for one in series])
    repetition = np.zeros(len(step), np.int64)
    order = np.lexsort(
        (owner, step, time)
    )  # stable: equal points of one series stay as they arrived
    same = np.ones(len(step), np.bool_)
    same[:1] = False
    for values in (owner, step, time):
        arranged = values[order]
        same[1:] &= arranged[1:] == arranged[:-1]
    index = np.arange(len(step))
    starts = np.maximum.accumulate(np.where(same, 0, index))
    repetition[order] = index - starts
    by_row = np.lexsort((repetition, step, time))
    new = np.ones(len(step), np.bool_)
    new[1:] = False
    for values in (repetition, step, time):
        arranged = values[by_row]
        new[1:] |= arranged[1:] != arranged[:-1]
    row = np.empty(len(step), np.intp)
    row[by_row] = np.cumsum(new) - 1
    places = np.split(row, np.cumsum([len(one) for one in series])[:-1])
    return int(np.count_nonzero(new)), places


def _spread(values: Value, place: npt.NDArray[np.intp], length: int) -> tuple[Value, Bool | None]:
    """Put values at their rows. Integers with gaps become float64 where that loses nothing."""
    if len(values) == length and values.dtype == np.int64:
        whole = np.empty(length, np.int64)
        whole[place] = values
        return whole, None
    if values.dtype == np.int64 and np.any(np.abs(values) > 2**53):
        column: Value = np.zeros(length, np.int64)
    else:
        column = np.full(length, np.nan)
    column[place] = values
    if len(values) == length:
        return column, None
    there = np.zeros(length, np.bool_)
    there[place] = True
    return column, there
