"""Formulas evaluated on the points of a run, before anything is reduced.

A formula has a point at each step at which all of its metrics have one; those within ``latest()``
give their newest point at or before it, and steps before their first point are left out. The
arithmetic is that of float64: a division by zero is infinite, a logarithm of a negative number is
NaN, and both are then drawn as what they are. The time of a point is the latest of its parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from epochal.domain.formula import (
    Binary,
    Call,
    Formula,
    Metric,
    Negative,
    Number,
    metrics_of,
    parse_formula,
)
from epochal.store.gather import RunSeries
from epochal.store.points import Points, assemble
from epochal.store.store import Store

Floats = NDArray[np.float64]

_FUNCTIONS: dict[str, np.ufunc] = {
    "abs": np.abs, "exp": np.exp, "log": np.log, "log2": np.log2, "log10": np.log10,
    "sqrt": np.sqrt, "min": np.minimum, "max": np.maximum,
}  # fmt: skip
_OPERATORS: dict[str, np.ufunc] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power,
}  # fmt: skip


def formula_points(store: Store, series: RunSeries, text: str) -> Points:
    """The points of a formula, in step order; the last point of each step counts.

    Raises:
        QuerySyntaxError: the formula cannot be read.
        CorruptFile: a segment is damaged.
        OSError: a segment cannot be read.
    """
    formula = parse_formula(text)
    metrics = set(metrics_of(formula))
    known = {
        key: assemble(series.points_of(store, key), "last")
        for key in {metric.key for metric in metrics}
    }
    meeting = [known[metric.key].step for metric in metrics if not metric.latest]
    step = reduce(lambda a, b: np.intersect1d(a, b, assume_unique=True), meeting)
    places = {metric: _places(known[metric.key].step, step) for metric in metrics}
    begun = np.logical_and.reduce([place >= 0 for place in places.values()])
    step = step[begun]
    walls = [known[metric.key].wall_us[place[begun]] for metric, place in places.items()]
    values = {
        metric: known[metric.key].value[place[begun]].astype(np.float64)
        for metric, place in places.items()
    }
    with np.errstate(all="ignore"):
        value = np.broadcast_to(_evaluate(formula, values), step.shape).astype(np.float64)
    wall = np.maximum.reduce(walls)
    return Points(step, wall, value, np.arange(len(step)))


def _places(have: NDArray[np.int64], step: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each step the place of the newest point at or before it, -1 where there is none."""
    return np.searchsorted(have, step, side="right") - 1


def _evaluate(formula: Formula, values: Mapping[Metric, Floats]) -> Floats:
    match formula:
        case Number(value):
            return np.asarray(value)
        case Metric():
            return values[formula]
        case Negative(item):
            return -_evaluate(item, values)
        case Binary(operator, left, right):
            result: Floats = _OPERATORS[operator](
                _evaluate(left, values), _evaluate(right, values)
            )
            return result
        case Call(function, items):
            first, *others = (_evaluate(item, values) for item in items)
            if not others:
                return np.asarray(_FUNCTIONS[function](first))
            return reduce(_FUNCTIONS[function], others, first)
