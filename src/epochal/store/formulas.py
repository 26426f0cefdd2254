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
from epochal.store.codec import Integers, Values
from epochal.store.gather import RunSeries
from epochal.store.points import Points, assemble
from epochal.store.store import Store

Floats = NDArray[np.float64]
Places = slice | Integers

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
    step, places = meet({metric: known[metric.key].step for metric in metrics})
    walls = [known[metric.key].wall_us[place] for metric, place in places.items()]
    found = {metric: known[metric.key].value[place] for metric, place in places.items()}
    value = evaluate(formula, found, len(step))
    return Points(step, np.maximum.reduce(walls), value, np.arange(len(step)))


def meet(steps: Mapping[Metric, Integers]) -> tuple[Integers, dict[Metric, Places]]:
    """The steps at which a formula has points, and where each metric has its value for them.

    Args:
        steps: of each of its metrics, strictly increasing; at least one is not ``latest``.
    """
    step = reduce(_common, [have for metric, have in steps.items() if not metric.latest])
    for metric, have in steps.items():
        if metric.latest:
            step = step[step >= have[0]] if len(have) else step[:0]
    return step, {metric: _places(have, step, metric) for metric, have in steps.items()}


def evaluate(formula: Formula, values: Mapping[Metric, Values], count: int) -> Floats:
    """The values of a formula from those of its metrics, ``count`` each."""
    floats = {metric: value.astype(np.float64, copy=False) for metric, value in values.items()}
    with np.errstate(all="ignore"):
        return np.broadcast_to(_evaluate(formula, floats), (count,)).astype(np.float64)


def _common(one: Integers, other: Integers) -> Integers:
    # What is logged together has the same steps, and then there is nothing to sort.
    if one is other or np.array_equal(one, other):
        return one
    return np.intersect1d(one, other, assume_unique=True)


def _places(have: Integers, step: Integers, metric: Metric) -> Places:
    """For each step the place of the point that counts there."""
    if not metric.latest and len(have) == len(step):
        return slice(None)
    places: Integers = np.searchsorted(have, step, side="right") - 1
    return places


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
