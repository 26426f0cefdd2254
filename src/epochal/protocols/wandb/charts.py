"""Charts of ``wandb.plot`` as plots of ours: a preset's name, its columns, and a logged table.

The client logs a table and says in the config how it is to be drawn. A preset that we know becomes
a medium of kind ``plot`` beside the table; whatever else is said leaves the table alone. Pure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from epochal.domain.record import BlobRef, MediaItem
from epochal.errors import InvalidInput

OWN: Final = "visualize"
"""The entry of wandb's own config that names the charts."""
TABLE: Final = "_table"
APART: Final = "Custom Chart Tables/"
"""Where tables lie that the user wanted apart from their charts."""
MAX_SERIES: Final = 100
MAX_POINTS: Final = 2_000
MAX_DOTS: Final = 10_000
MAX_BARS: Final = 1_000
MAX_CLASSES: Final = 200
MAX_INLINE: Final = 32 * 1024
BINS: Final = 64

Spec: TypeAlias = dict[str, Any]
Column: TypeAlias = Callable[[str], list[Any]]


class Chart(NamedTuple):
    """What a config says of one chart.

    Attributes:
        key: under which it was logged.
        preset: its name without version, such as ``wandb/line``.
        fields: the table's column for each of the preset's fields.
        texts: title and names of axes.
    """

    key: str
    preset: str
    fields: Mapping[str, Any]
    texts: Mapping[str, Any]


def charts_of(own: Mapping[str, Any]) -> dict[str, Chart]:
    """The charts that a config names and that can be drawn, by the keys of their tables.

    Args:
        own: the entry ``_wandb`` of the config.
    """
    given = own.get(OWN)
    found: dict[str, Chart] = {}
    for key, entry in given.items() if isinstance(given, dict) else ():
        panel = entry.get("panel_config") if isinstance(entry, dict) else None
        if not isinstance(panel, dict):
            continue
        preset = str(panel.get("panelDefId") or "").rpartition("/")[0]
        fields, texts = panel.get("fieldSettings"), panel.get("stringSettings")
        if preset in _PRESETS and isinstance(fields, dict):
            chart = Chart(key, preset, fields, texts if isinstance(texts, dict) else {})
            found.update(dict.fromkeys(tables_of(key), chart))
    return found


def tables_of(key: str) -> tuple[str, str]:
    """The keys under which the table of a chart may lie."""
    return f"{key}{TABLE}", f"{APART}{key}{TABLE}"


def draw(chart: Chart, table: object, put: Callable[[bytes, str], BlobRef]) -> MediaItem:
    """The plot of a table.

    Args:
        chart: how.
        table: as the client's file holds it.
        put: stores bytes of a media type.

    Raises:
        InvalidInput: the table lacks a column, or holds what cannot be drawn.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            type, spec = _PRESETS[chart.preset](chart, _columns(table))
        data = json.dumps(spec, separators=(",", ":"), allow_nan=False).encode()
    except ValueError:  # finite each, but not what is made of them
        raise InvalidInput("its numbers are too large for sums or bins of them") from None
    title = str(chart.texts.get("title") or "")
    meta: Spec = {"type": type, "title": title, "table": True}
    if len(data) <= MAX_INLINE:
        return MediaItem("plot", {**meta, "spec": spec})
    return MediaItem("plot", meta, {"data": put(data, "application/json")})


def _columns(table: object) -> Column:
    if not isinstance(table, dict) or not isinstance(table.get("columns"), list):
        raise InvalidInput("this is no table")
    names = [str(name) for name in table["columns"]]
    rows = table.get("data")
    rows = [row for row in rows if isinstance(row, list)] if isinstance(rows, list) else []

    def column(name: str) -> list[Any]:
        if name not in names:
            raise InvalidInput(f"the table has no column {name!r:.100}")
        place = names.index(name)
        return [row[place] if place < len(row) else None for row in rows]

    return column


# ----------------------------------------------------------------------------------------- presets
def _line(chart: Chart, column: Column) -> tuple[str, Spec]:
    stroke = chart.fields.get("stroke")
    return "line", _lines(chart, column, "x", "y", str(stroke) if stroke else None)


def _line_series(chart: Chart, column: Column) -> tuple[str, Spec]:
    spec = _lines(chart, column, "step", "lineVal", _field(chart, "lineKey"))
    return "line", {**spec, "x": str(chart.texts.get("xname") or "x"), "y": ""}


def _area(chart: Chart, column: Column) -> tuple[str, Spec]:
    """A ROC or precision-recall curve: one preset draws both."""
    types = {"fpr": ("roc", "auc"), "recall": ("pr", "ap")}
    type, area = types.get(_field(chart, "x"), ("line", ""))
    spec = _lines(chart, column, "x", "y", _field(chart, "class"), area)
    for axis in ("x", "y"):
        spec[axis] = str(chart.texts.get(f"{axis}-axis-title") or spec[axis])
    return type, spec


def _scatter(chart: Chart, column: Column) -> tuple[str, Spec]:
    x, y = _field(chart, "x"), _field(chart, "y")
    right, up = _numbers(column(x)), _numbers(column(y))
    stride = -(-len(right) // MAX_DOTS) or 1
    dots = {"name": y, "x": right[::stride], "y": up[::stride]}
    return "scatter", {"x": x, "y": y, "series": [dots], "rows": len(right)}


def _bar(chart: Chart, column: Column) -> tuple[str, Spec]:
    label, value = _field(chart, "label"), _field(chart, "value")
    labels, values = column(label), _numbers(column(value))
    if len(labels) > MAX_BARS:
        raise InvalidInput(f"{len(labels):,} bars are too many to be drawn")
    shown = [str(name)[:200] for name in labels]
    return "bar", {"label": label, "value": value, "labels": shown, "values": values}


def _histogram(chart: Chart, column: Column) -> tuple[str, Spec]:
    value = _field(chart, "value")
    numbers = _numbers(column(value))
    finite = np.array([number for number in numbers if number is not None], np.float64)
    if not finite.size:
        raise InvalidInput(f"the column {value!r:.100} has no finite number")
    counts, edges = np.histogram(finite, BINS)
    other = len(numbers) - finite.size
    return "histogram", {
        "value": value, "edges": edges.tolist(), "counts": counts.tolist(), "other": other,
    }  # fmt: skip


def _confusion(chart: Chart, column: Column) -> tuple[str, Spec]:
    actual = [str(name)[:200] for name in column(_field(chart, "Actual"))]
    predicted = [str(name)[:200] for name in column(_field(chart, "Predicted"))]
    classes = list(dict.fromkeys([*actual, *predicted]))
    if len(classes) > MAX_CLASSES:
        raise InvalidInput(f"{len(classes):,} classes are too many to be drawn")
    place = {name: index for index, name in enumerate(classes)}
    counts = [[0.0] * len(classes) for _ in classes]
    numbers = _numbers(column(_field(chart, "nPredictions")))
    for row, taken, number in zip(actual, predicted, numbers, strict=True):
        counts[place[row]][place[taken]] += number or 0.0
    return "confusion", {"classes": classes, "counts": counts}


_PRESETS: Final[dict[str, Callable[[Chart, Column], tuple[str, Spec]]]] = {
    "wandb/line": _line,
    "wandb/lineseries": _line_series,
    "wandb/area-under-curve": _area,
    "wandb/scatter": _scatter,
    "wandb/bar": _bar,
    "wandb/histogram": _histogram,
    "wandb/confusion_matrix": _confusion,
}


# ------------------------------------------------------------------------------------------- parts
def _field(chart: Chart, name: str) -> str:
    """The column of one of a preset's fields.

    Raises:
        InvalidInput: the config does not say.
    """
    value = chart.fields.get(name)
    if not isinstance(value, str):
        raise InvalidInput(f"the chart does not say which column is {name!r}")
    return value


def _lines(
    chart: Chart, column: Column, x: str, y: str, stroke: str | None, area: str = ""
) -> Spec:
    """Lines by the values of ``stroke``, each with the area under it when that has a name."""
    right, up = _field(chart, x), _field(chart, y)
    xs, ys = _numbers(column(right)), _numbers(column(up))
    names = [str(name)[:200] for name in column(stroke)] if stroke else [up] * len(xs)
    series: dict[str, tuple[list[float | None], list[float | None]]] = {}
    for name, across, height in zip(names, xs, ys, strict=True):
        points = series.setdefault(name, ([], []))
        points[0].append(across)
        points[1].append(height)
    if len(series) > MAX_SERIES:
        raise InvalidInput(f"{len(series):,} lines are too many to be drawn")
    drawn = []
    for name, points in series.items():
        drawn.append({"name": name, **_thinned(*points)})
        if area:
            drawn[-1][area] = _area_under(*points)
    return {"x": right, "y": up, "series": drawn}


def _thinned(xs: list[float | None], ys: list[float | None]) -> Spec:
    """At most `MAX_POINTS`, evenly spaced, with both ends."""
    if len(xs) <= MAX_POINTS:
        return {"x": xs, "y": ys}
    kept = np.linspace(0, len(xs) - 1, MAX_POINTS).round().astype(int).tolist()
    return {"x": [xs[i] for i in kept], "y": [ys[i] for i in kept]}


def _area_under(xs: list[float | None], ys: list[float | None]) -> float | None:
    """By trapezoids; to three digits, as the client rounds the points."""
    points = sorted((x, y) for x, y in zip(xs, ys, strict=True) if x is not None and y is not None)
    if len(points) < 2:
        return None
    right, up = np.array(points).T
    return round(float(np.sum(np.diff(right) * (up[1:] + up[:-1]) / 2)), 3)


def _numbers(values: list[Any]) -> list[float | None]:
    """Plain floats; None for gaps, NaN and infinities, for which JSON has no word.

    Raises:
        InvalidInput: one is something else.
    """
    numbers = []
    for value in values:
        try:
            number = math.nan if value is None else float(value)
        except (TypeError, ValueError, OverflowError):
            raise InvalidInput(f"{value!r:.80} cannot be drawn as a number") from None
        numbers.append(number if math.isfinite(number) else None)
    return numbers
