"""The rows of an export: which columns there are, of which kind, and the rows of each run.

Wide: one row per run and step with a column per series, the last value of each step. Long: one row
per point, every point as it arrived. A value is exact unless a series of integers past 53 bits
shares a column with floats; `Layout.inexact` names such columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from epochal.api import RunView
from epochal.api.frames import Column
from epochal.domain.names import SYSTEM_PREFIX

EXACT = 2**53
AXIS = ("run", "step", "time")


class Layout(msgspec.Struct, frozen=True):
    """What every row has.

    Attributes:
        long: one row per point.
        keys: the series, in order.
        whole: the series that hold only integers in every run.
        inexact: series whose integers may have lost digits.
    """

    long: bool
    keys: list[str]
    whole: frozenset[str]
    inexact: frozenset[str]

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in order."""
        if self.long:
            return ["run", "key", "step", "time", "value"]
        return [*AXIS, *(self.name(key) for key in self.keys)]

    @property
    def integers(self) -> frozenset[str]:
        """The columns of integers, the step aside."""
        if self.long:
            return frozenset({"value"} if self.keys and self.whole == set(self.keys) else ())
        return frozenset(self.name(key) for key in self.whole)

    def name(self, key: str) -> str:
        """The column of a series; one that is called like the axis gets a ``_``."""
        return f"{key}_" if key in AXIS else key


def plan(
    runs: Sequence[RunView], patterns: list[str] | None, *, system: bool, long: bool
) -> Layout:
    """Look at all runs and decide on the columns.

    Raises:
        NotFound: a pattern fits no series of any run.
    """
    kinds: dict[str, bool] = {}
    large: set[str] = set()
    for run in runs:
        chosen = choose(run, patterns, system=system)
        guess = [key for key in chosen if isinstance(run.metrics[key].last, int)]
        whole = set()
        if guess:
            history = run.history(guess, view="all")
            for key in guess:
                values = history[key]
                if values.dtype == np.int64 or _all_whole(values[history.present(key)]):
                    whole.add(key)
                if values.dtype == np.int64 and np.any(np.abs(values) > EXACT):
                    large.add(key)
        for key in chosen:
            kinds[key] = kinds.get(key, True) and key in whole
    keys = sorted(kinds)
    whole_keys = frozenset(key for key in keys if kinds[key])
    mixed = long and whole_keys != set(keys)
    inexact = frozenset(large if mixed else large - whole_keys)
    return Layout(long, keys, whole_keys, inexact)


def choose(run: RunView, patterns: list[str] | None, *, system: bool) -> list[str]:
    """The series of one run that the patterns mean; none when the run has none of them."""
    if patterns:
        return run.matching(patterns)
    return [key for key in run.metrics if system or not key.startswith(SYSTEM_PREFIX)]


def sheets(run: RunView, layout: Layout) -> Iterator[dict[str, Column]]:
    """The rows of one run, in one or more parts, each with every column of the layout."""
    keys = [key for key in layout.keys if key in run.metrics]
    if layout.long:
        for key in keys:
            yield _long_sheet(run, key)
    elif keys:
        yield _wide_sheet(run, keys, layout)


def _long_sheet(run: RunView, key: str) -> dict[str, Column]:
    points = run.series(key)
    return {
        "run": _constant(run.id, len(points)),
        "key": _constant(key, len(points)),
        "step": Column(points.step),
        "time": Column(points.time, None, "time"),
        "value": Column(points.value),
    }


def _wide_sheet(run: RunView, keys: list[str], layout: Layout) -> dict[str, Column]:
    history = run.history(keys)
    rows = len(history)
    sheet = {
        "run": _constant(run.id, rows),
        "step": Column(history.steps),
        "time": Column(history.times, None, "time"),
    }
    absent = Column(np.full(rows, np.nan), np.zeros(rows, np.bool_))
    for key in layout.keys:
        column = absent
        if key in keys:
            there = history.present(key)
            column = Column(history[key], None if there.all() else there)
        sheet[layout.name(key)] = _whole(column) if key in layout.whole else column
    return sheet


def _whole(column: Column) -> Column:
    if column.values.dtype == np.int64:
        return column
    there = column.present if column.present is not None else np.ones(len(column.values), np.bool_)
    return Column(np.where(there, column.values, 0).astype(np.int64), column.present)


def _all_whole(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """Floats that stand for integers only because a gap forced them to be floats."""
    finite = np.isfinite(values).all()
    return bool(finite and np.all(np.abs(values) <= EXACT) and np.all(values == np.floor(values)))


def _constant(text: str, rows: int) -> Column:
    return Column([text] * rows, kind="object")
