"""The points of a run as one table: exact by default, or in honest buckets.

A `History` owns its arrays; reading it asks nothing of anyone any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from epochal.api import frames
from epochal.api.frames import Column
from epochal.api.series import Int64, Points, Table, View, join
from epochal.domain.columns import unpack_columns
from epochal.errors import InvalidInput

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

STEP = "step"
TIME = "time"


class History:
    """Columns by name; ``history["loss"]`` is a NumPy array with one value per row.

    Where a series has no value in a row there is NaN; `present` tells such a gap from a NaN that
    was logged.

    Args:
        axis: the column ``step`` and, in an exact history, ``time``.
        columns: the values, by name.
    """

    def __init__(self, axis: Mapping[str, Column], columns: Mapping[str, Column]) -> None:
        self._axis = dict(axis)
        self._columns = dict(columns)

    @property
    def keys(self) -> list[str]:
        """Names of the value columns, in order."""
        return list(self._columns)

    @property
    def steps(self) -> Int64:
        """The step of each row; in buckets the first step that the bucket covers."""
        found: Int64 = self._axis[STEP].values
        return found

    @property
    def times(self) -> Int64:
        """When each row was logged, in microseconds since 1970 UTC.

        Raises:
            InvalidInput: the history holds buckets, which have no single time.
        """
        if TIME not in self._axis:
            raise InvalidInput(
                "buckets have no single time; ask for an exact history (samples=None)"
            )
        found: Int64 = self._axis[TIME].values
        return found

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = self._column(name).values
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._columns or name in self._axis

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self.rows()

    def __repr__(self) -> str:
        return f"History({len(self)} rows: {', '.join(self.keys)})"

    def present(self, name: str) -> npt.NDArray[np.bool_]:
        """True in the rows in which ``name`` has a value, be it NaN."""
        there = self._column(name).present
        return np.ones(len(self), np.bool_) if there is None else there

    def table(self) -> dict[str, Column]:
        """Axis and values; a series called ``step`` or ``time`` goes by ``step_`` or ``time_``."""
        renamed = {
            f"{name}_" if name in self._axis else name: column
            for name, column in self._columns.items()
        }
        return self._axis | renamed

    def rows(self) -> Iterator[dict[str, Any]]:
        """Rows as dicts of Python numbers; a row names only the series that have a value in it."""
        columns = self.table()
        names = list(columns)
        lists = [column.values.tolist() for column in columns.values()]
        gaps = [(name, c.present) for name, c in columns.items() if c.present is not None]
        for index, values in enumerate(zip(*lists, strict=True)):
            row = dict(zip(names, values, strict=True))
            for name, there in gaps:
                if not there[index]:
                    del row[name]
            yield row

    def to_pandas(self) -> pandas.DataFrame:
        """A `pandas.DataFrame`; needs the extra ``pandas``."""
        return frames.to_pandas(self.table())

    def to_arrow(self) -> pyarrow.Table:
        """A `pyarrow.Table` with nulls in the gaps; needs the extra ``arrow``."""
        return frames.to_arrow(self.table())

    def to_polars(self) -> polars.DataFrame:
        """A `polars.DataFrame` with nulls in the gaps; needs the extra ``polars``."""
        return frames.to_polars(self.table())

    def _column(self, name: str) -> Column:
        column = self._columns.get(name) or self._axis.get(name)
        if column is None:
            known = ", ".join(self.keys[:20]) or "no series at all"
            raise KeyError(f"there is no column {name!r}; there is {known}")
        return column


def exact_history(series: list[Points], view: View) -> History:
    """Every point of the given series, joined; see `epochal.api.series.join`."""
    if series:
        table = join(series, view)
    else:
        table = Table(np.empty(0, np.int64), np.empty(0, np.int64), [], [])
    axis = {STEP: Column(table.step), TIME: Column(table.time, None, "time")}
    columns = {
        one.key: Column(values, there)
        for one, values, there in zip(series, table.values, table.present, strict=True)
    }
    return History(axis, columns)


def bucket_history(body: bytes) -> History:
    """Buckets of some series on their shared grid.

    The columns of a series ``loss`` are ``loss.first``, ``loss.last``, ``loss.min``, ``loss.max``,
    ``loss.mean`` and ``loss.n``; and ``loss.n_nan``, ``loss.n_posinf``, ``loss.n_neginf`` when
    there are any.

    Args:
        body: the answer to a buckets query with x = step.
    """
    head, columns = unpack_columns(body)
    grid = np.unique(columns["bucket"])
    step = (head["origin"] + grid.astype(np.int64) * head["width"]).astype(np.int64)
    found: dict[str, Column] = {}
    for entry in head["series"]:
        part = slice(entry["start"], entry["start"] + entry["count"])
        place = np.searchsorted(grid, columns["bucket"][part])
        there = np.zeros(len(grid), np.bool_)
        there[place] = True
        gaps = None if there.all() else there
        for name in ("first", "last", "min", "max", "mean"):
            values = np.full(len(grid), np.nan)
            values[place] = columns[name][part]
            found[f"{entry['key']}.{name}"] = Column(values, gaps)
        for name in ("n", "n_nan", "n_posinf", "n_neginf"):
            if name == "n" or (name in columns and columns[name][part].any()):
                counts = np.zeros(len(grid), np.int64)
                counts[place] = columns[name][part]
                found[f"{entry['key']}.{name}"] = Column(counts)
    return History({STEP: Column(step)}, found)
