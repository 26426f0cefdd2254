"""Charts made of a table's columns or of predictions: ``epochal.plot.line(...)`` and its kin.

The names and arguments are those of ``wandb.plot``. Each function gives a `Plot`, which `log`
takes as media of kind ``plot``; docs/internals/objects.md describes the ``spec`` of every type.
Needs NumPy, and loads it on the first call.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from epochal.errors import InvalidInput
from epochal.media import curves
from epochal.media.draft import Draft, Part
from epochal.media.optional import numpy

INLINE_BYTES = 32_768
MAX_SERIES = 100
MAX_BARS = 1000
MAX_CLASSES = 200
BINS = 64


class Plot:
    """A chart to log.

    Args:
        type: line, scatter, bar, histogram, roc, pr or confusion.
        spec: what it shows, as plain data.
        title: a line above it.
    """

    def __init__(self, type: str, spec: Mapping[str, Any], title: str | None = None) -> None:
        self.type = type
        self.spec = dict(spec)
        self.title = title or ""

    def __epochal_media__(self) -> list[Draft]:
        """See `epochal.media.draft`."""
        meta: dict[str, Any] = {"type": self.type, "title": self.title}
        data = json.dumps(self.spec, separators=(",", ":"), allow_nan=False).encode()
        if len(data) <= INLINE_BYTES:
            return [Draft("plot", {**meta, "spec": self.spec})]
        return [Draft("plot", meta, {"data": Part("copy.json", [data])})]

    def __repr__(self) -> str:
        return f"<epochal.plot {self.type} {self.title!r}>"


def line(
    table: Any,
    x: str,
    y: str,
    stroke: str | None = None,
    title: str | None = None,
    split_table: bool = False,
) -> Plot:
    """A line through the rows of a table, in order.

    Args:
        table: an `epochal.Table`, a DataFrame, or a mapping of column names to values.
        x: the column to the right.
        y: the column upwards.
        stroke: a column whose values tell lines apart; at most 100.
        title: a line above it.
        split_table: accepted for compatibility.

    Raises:
        InvalidInput: a column is missing or no numbers.

    Example:
        >>> run.log({"curve": epochal.plot.line({"n": [1, 2], "loss": [3.0, 1.0]}, "n", "loss")})
    """
    del split_table
    found = _columns(table, [x, y] if stroke is None else [x, y, stroke])
    names = found[stroke] if stroke is not None else [y] * len(found[x])
    series: dict[str, tuple[list[Any], list[Any]]] = {}
    for name, right, up in zip(map(str, names), found[x], found[y], strict=True):
        points = series.setdefault(name, ([], []))
        points[0].append(right)
        points[1].append(up)
    lines = [_line(name, xs, ys) for name, (xs, ys) in _limit(series).items()]
    return Plot("line", {"x": x, "y": y, "series": lines}, title)


def line_series(
    xs: Any,
    ys: Any,
    keys: Sequence[str] | None = None,
    title: str | None = None,
    xname: str | None = None,
    split_table: bool = False,
) -> Plot:
    """Several lines.

    Args:
        xs: the places to the right, for all lines, or a list of them for each.
        ys: a list of values for each line.
        keys: the lines' names.
        title: a line above it.
        xname: what is to the right.
        split_table: accepted for compatibility.

    Raises:
        InvalidInput: lengths differ, or values are no numbers.
    """
    del split_table
    heights = [list(curves.to_host(values)) for values in ys]
    places = list(curves.to_host(xs))
    if not places or not hasattr(places[0], "__len__"):
        places = [places] * len(heights)
    names = [f"line_{i}" for i in range(len(heights))] if keys is None else list(map(str, keys))
    if not len(places) == len(heights) == len(names) or not heights:
        raise InvalidInput(
            f"line_series() takes as many xs and keys as ys, got {len(places)} xs, "
            f"{len(heights)} ys and {len(names)} keys"
        )
    lines = {name: (xs, ys) for name, xs, ys in zip(names, places, heights, strict=True)}
    series = [_line(name, *points) for name, points in _limit(lines).items()]
    return Plot("line", {"x": xname or "x", "y": "", "series": series}, title)


def scatter(
    table: Any, x: str, y: str, title: str | None = None, split_table: bool = False
) -> Plot:
    """A dot for each row of a table; see `line`.

    Of more than 10,000 rows, evenly spaced ones are shown; ``rows`` tells how many there were.
    """
    del split_table
    found = _columns(table, [x, y])
    points = _line(y, found[x], found[y], thin=False)
    rows = len(points["x"])
    stride = -(-rows // 10_000) or 1
    points |= {axis: points[axis][::stride] for axis in ("x", "y")}
    return Plot("scatter", {"x": x, "y": y, "series": [points], "rows": rows}, title)


def bar(
    table: Any, label: str, value: str, title: str | None = None, split_table: bool = False
) -> Plot:
    """A bar for each row of a table, at most 1,000.

    Args:
        table: see `line`.
        label: the column of names.
        value: the column of heights.
        title: a line above it.
        split_table: accepted for compatibility.

    Raises:
        InvalidInput: a column is missing or no numbers, or there are too many rows.
    """
    del split_table
    found = _columns(table, [label, value])
    if len(found[label]) > MAX_BARS:
        raise InvalidInput(
            f"bar() draws at most {MAX_BARS} bars, got {len(found[label])}; use histogram()"
        )
    heights = _numbers(found[value], value)
    labels = [str(name)[:200] for name in found[label]]
    return Plot(
        "bar", {"label": label, "value": value, "labels": labels, "values": heights}, title
    )


def histogram(table: Any, value: str, title: str | None = None, split_table: bool = False) -> Plot:
    """How the values of a column are spread, in 64 bins; NaN and infinities are counted apart.

    Raises:
        InvalidInput: the column is missing, no numbers, or has no finite one.
    """
    del split_table
    np = numpy()
    numbers = _numbers(_columns(table, [value])[value], value)
    array = np.array([math.nan if n is None else n for n in numbers], dtype=np.float64)
    finite = array[np.isfinite(array)]
    if not finite.size:
        raise InvalidInput(f"histogram(): column {value!r} has no finite number")
    counts, edges = np.histogram(finite, BINS)
    left_out = int(array.size - finite.size)
    spec = {"value": value, "edges": edges.tolist(), "counts": counts.tolist(), "other": left_out}
    return Plot("histogram", spec, title)


def roc_curve(
    y_true: Any,
    y_probas: Any,
    labels: Sequence[str] | None = None,
    classes_to_plot: Iterable[Any] | None = None,
    title: str | None = None,
    split_table: bool = False,
) -> Plot:
    """Receiver operating characteristic, one class against the rest, with its exact area.

    Args:
        y_true: the class of each example, a number from 0.
        y_probas: scores, one column per class; or one score per example for class 1 of two.
        labels: the classes' names.
        classes_to_plot: numbers of the classes to show; all by default.
        title: a line above it.
        split_table: accepted for compatibility.

    Raises:
        InvalidInput: shapes do not fit, or scores are not finite.
    """
    del split_table
    series = [
        _curve(name, curves.roc(positive, scores), "auc")
        for name, positive, scores in _classes(y_true, y_probas, labels, classes_to_plot)
    ]
    spec = {"x": "False positive rate", "y": "True positive rate", "series": series}
    return Plot("roc", spec, title or "ROC curve")


def pr_curve(
    y_true: Any,
    y_probas: Any,
    labels: Sequence[str] | None = None,
    classes_to_plot: Iterable[Any] | None = None,
    interp_size: int | None = None,
    title: str | None = None,
    split_table: bool = False,
) -> Plot:
    """Precision over recall, one class against the rest, with its average precision.

    Arguments are those of `roc_curve`; ``interp_size`` is accepted for compatibility, as the
    curve is exact and not interpolated.
    """
    del interp_size, split_table
    series = [
        _curve(name, curves.precision_recall(positive, scores), "ap")
        for name, positive, scores in _classes(y_true, y_probas, labels, classes_to_plot)
    ]
    spec = {"x": "Recall", "y": "Precision", "series": series}
    return Plot("pr", spec, title or "Precision over recall")


def confusion_matrix(
    probs: Any = None,
    y_true: Any = None,
    preds: Any = None,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    split_table: bool = False,
) -> Plot:
    """How often each class was taken for each other one.

    Args:
        probs: scores, one column per class; the greatest decides.
        y_true: the class of each example, a number from 0, or a name of ``class_names``.
        preds: what was predicted, in the same form; instead of ``probs``.
        class_names: the classes' names.
        title: a line above it.
        split_table: accepted for compatibility.

    Raises:
        InvalidInput: neither or both of ``probs`` and ``preds``, or shapes that do not fit.
    """
    del split_table
    if (probs is None) == (preds is None) or y_true is None:
        raise InvalidInput("confusion_matrix() takes y_true and either probs or preds")
    least = 0
    if probs is not None:
        scores = curves.read_scores(probs, "probs", 2)
        predicted, least = scores.argmax(axis=1), scores.shape[1]
    else:
        predicted = _class_numbers(preds, "preds", class_names)
    actual = _class_numbers(y_true, "y_true", class_names)
    if len(actual) != len(predicted):
        raise InvalidInput(f"{len(actual)} y_true do not fit {len(predicted)} predictions")
    least = max(least, int(actual.max()) + 1, int(predicted.max()) + 1)
    names = _names(class_names, least)
    counts = curves.confusion(actual, predicted, len(names))
    return Plot("confusion", {"classes": names, "counts": counts}, title or "Confusion matrix")


# ----------------------------------------------------------------------------------------- columns
def _columns(table: Any, wanted: list[str]) -> dict[str, list[Any]]:
    """Columns of a table by name, as lists of one length."""
    if isinstance(table, Mapping):
        known, get = list(table), table.__getitem__
    elif hasattr(table, "iloc"):
        known, get = list(table.columns), lambda name: table[name].tolist()
    elif hasattr(table, "columns") and hasattr(table, "data"):
        known = list(table.columns)
        get = lambda name: [row[known.index(name)] for row in table.data]  # noqa: E731
    else:
        raise InvalidInput(
            "a plot takes an epochal.Table, a DataFrame or a dict of columns, "
            f"got {type(table).__name__}"
        )
    missing = [name for name in wanted if name not in known]
    if missing:
        raise InvalidInput(
            f"the table has no column {missing[0]!r}; it has {', '.join(map(str, known))[:300]}"
        )
    found = {name: list(curves.to_host(get(name))) for name in wanted}
    lengths = {name: len(values) for name, values in found.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidInput(f"the columns of a plot have one length, got {lengths}")
    return found


def _numbers(values: Iterable[Any], name: str) -> list[float | None]:
    """Plain floats; None where JSON has no word: NaN, infinities and empty cells."""
    try:
        numbers = [math.nan if value is None else float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name!r} has to be numbers to be drawn: {error}") from None
    return [number if math.isfinite(number) else None for number in numbers]


def _line(name: str, xs: Sequence[Any], ys: Sequence[Any], *, thin: bool = True) -> dict[str, Any]:
    if len(xs) != len(ys):
        raise InvalidInput(f"line {name!r} has {len(xs)} x and {len(ys)} y; they come in pairs")
    right, up = _numbers(xs, f"x of {name}"), _numbers(ys, name)
    if thin and len(right) > curves.MAX_POINTS:
        np = numpy()
        x, y = (np.array([math.nan if n is None else n for n in axis]) for axis in (right, up))
        keep = curves.corners(x, y, curves.MAX_POINTS)
        right, up = [right[i] for i in keep], [up[i] for i in keep]
    return {"name": name[:200], "x": right, "y": up}


def _limit(series: dict[str, Any]) -> dict[str, Any]:
    if len(series) > MAX_SERIES:
        raise InvalidInput(f"a plot has at most {MAX_SERIES} lines, got {len(series)}")
    return series


# ----------------------------------------------------------------------------------------- classes
def _classes(
    y_true: Any, y_probas: Any, labels: Sequence[str] | None, chosen: Iterable[Any] | None
) -> list[tuple[str, Any, Any]]:
    """Name, membership and scores of each class to show."""
    np = numpy()
    host = np.asarray(curves.to_host(y_probas))
    scores = curves.read_scores(host, "y_probas", 1 if host.ndim == 1 else 2)
    if scores.ndim == 1:
        chosen = [1] if chosen is None else chosen
        scores = np.stack([-scores, scores], axis=1)
    actual = _class_numbers(y_true, "y_true", labels)
    if len(actual) != len(scores):
        raise InvalidInput(f"{len(actual)} y_true do not fit {len(scores)} rows of y_probas")
    if int(actual.max()) >= scores.shape[1]:
        raise InvalidInput(
            f"y_true names class {int(actual.max())}, but y_probas has {scores.shape[1]} columns"
        )
    names = _names(labels, scores.shape[1])
    numbers = range(len(names)) if chosen is None else [_number_of(c, names) for c in chosen]
    return [(names[n], actual == n, scores[:, n]) for n in numbers]


def _number_of(chosen: Any, names: list[str]) -> int:
    if isinstance(chosen, str) and chosen in names:
        return names.index(chosen)
    if not isinstance(chosen, str) and 0 <= int(chosen) < len(names):
        return int(chosen)
    raise InvalidInput(f"there is no class {chosen!r}; classes are {', '.join(names)[:300]}")


def _class_numbers(values: Any, what: str, names: Sequence[str] | None) -> Any:
    np = numpy()
    array = np.asarray(curves.to_host(values))
    if array.ndim != 1 or not array.size:
        raise InvalidInput(f"{what} is a list of classes, not empty, got shape {array.shape}")
    if array.dtype.kind == "U" and names is not None:
        known = {str(name): number for number, name in enumerate(names)}
        strange = [name for name in array.tolist() if name not in known]
        if strange:
            raise InvalidInput(f"{what} names {strange[0]!r}, which is not among the class names")
        return np.array([known[name] for name in array.tolist()])
    whole = array.dtype.kind in "bui" or (
        array.dtype.kind == "f" and bool((array == np.floor(array)).all())
    )
    if not whole or float(array.min()) < 0 or float(array.max()) >= MAX_CLASSES:
        raise InvalidInput(f"{what} has class numbers from 0 to {MAX_CLASSES - 1}")
    return array.astype(np.int64)


def _names(given: Sequence[str] | None, least: int) -> list[str]:
    if given is None:
        return [str(number) for number in range(least)]
    if len(given) < least:
        raise InvalidInput(f"there are {least} classes, but {len(given)} names")
    return [str(name)[:200] for name in given]


def _curve(name: str, curve: curves.Curve, area: str) -> dict[str, Any]:
    return {
        "name": name,
        "x": _numbers(curve.x, name),
        "y": _numbers(curve.y, name),
        "thresholds": _numbers(curve.thresholds, name),
        area: curve.area if math.isfinite(curve.area) else None,
    }
