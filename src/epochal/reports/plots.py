"""Plots that runs logged as they stand in a page: curves, dots, bars and confusion matrices. Pure.

What a plot holds came from a user: a plot that is not in its usual form raises ``KeyError``,
``TypeError`` or ``ValueError``, and the page names it in its place.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from epochal.reports.axes import shown
from epochal.reports.curves import look_of, swatch
from epochal.reports.escape import escaped
from epochal.reports.figures import MOST_BARS, Plane, bars_of

MOST_CLASSES: Final = 60
MOST_SERIES: Final = 32
MOST_POINTS: Final = 4000
_CELL: Final = 24
_MOST_LETTERS: Final = 14
_MOST: Final = 1e300
"""Further out the distance of two numbers may not be a number."""
_DARKEST: Final = 0.6
"""Of a cell, so that the number in it can be read."""


def plot_of(name: str, meta: Mapping[str, Any]) -> str:
    """A plot as it is drawn in the page; empty for a kind that is not drawn."""
    spec, kind = meta["spec"], meta["type"]
    title = str(meta.get("title") or "")
    head = f"<p>{escaped(title)}</p>" if title else ""
    if kind == "confusion":
        return head + _confusion(name, spec["classes"], spec["counts"])
    if kind in ("line", "roc", "pr", "scatter"):
        return head + _series(name, spec, dots=kind == "scatter")
    if kind == "bar":
        return head + _bars(str(spec["label"]), spec["labels"], spec["values"])
    if kind == "histogram":
        return head + _histogram(str(spec["value"]), spec["edges"], spec["counts"])
    return ""


def _series(name: str, spec: Mapping[str, Any], *, dots: bool) -> str:
    lines = [_points(line) for line in spec["series"][:MOST_SERIES]]
    there = [point for line in lines for point in line if point is not None]
    if not there:
        return '<p class="soft">No finite point.</p>'
    plane = Plane([x for x, _ in there], [y for _, y in there])
    parts, items = [], []
    for at, (line, told) in enumerate(zip(lines, spec["series"], strict=False)):
        draw = _dots if dots else _line
        parts.append(draw(plane, line, look_of(at)))
        area = told.get("auc", told.get("ap"))
        said = f" · {shown(float(area))}" if area is not None else ""
        items.append(f"<li>{swatch(at)}{escaped(told['name'])}{said}</li>")
    left = len(spec["series"]) - len(lines)
    more = f"<li>{left:,} more are not drawn</li>" if left > 0 else ""
    drawn = plane.drawn(name, str(spec["x"]), str(spec["y"]), "".join(parts))
    return f'{drawn}<ul class="legend">{"".join(items)}{more}</ul>'


def _points(line: Mapping[str, Any]) -> list[tuple[float, float] | None]:
    """The points of a line, evenly spaced where they are many; None where one is not finite."""
    pairs = list(zip(line["x"], line["y"], strict=True))
    stride = -(-len(pairs) // MOST_POINTS) or 1
    kept = pairs[::stride] + (pairs[-1:] if (len(pairs) - 1) % stride else [])
    return [(float(x), float(y)) if _is_finite(x) and _is_finite(y) else None for x, y in kept]


def _line(plane: Plane, points: Sequence[tuple[float, float] | None], look: str) -> str:
    pieces: list[list[str]] = [[]]
    for point in points:
        if point is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{plane.across(point[0]):.1f},{plane.up(point[1]):.1f}")
    return "".join(
        f'<polyline class="{look}" points="{" ".join(piece)}"/>' for piece in pieces if piece
    )


def _dots(plane: Plane, points: Sequence[tuple[float, float] | None], look: str) -> str:
    return "".join(
        f'<circle class="{look}" cx="{plane.across(point[0]):.1f}" '
        f'cy="{plane.up(point[1]):.1f}" r="2.5"/>'
        for point in points
        if point is not None
    )


def _bars(what: str, labels: Sequence[Any], values: Sequence[Any]) -> str:
    rows = [
        (escaped(label), float(value), shown(value))
        for label, value in zip(labels, values, strict=True)
        if _is_finite(value)
    ]
    return bars_of(rows, escaped(what), "No finite value.")


def _histogram(what: str, edges: Sequence[Any], counts: Sequence[Any]) -> str:
    """Bars of neighboring bins together, as many as are drawn."""
    if len(edges) != len(counts) + 1:
        raise ValueError("a histogram has one edge more than counts")
    stride = -(-len(counts) // MOST_BARS) or 1
    marks = [*edges[:-1:stride], edges[-1]]
    labels = [f"{shown(low)} to {shown(high)}" for low, high in itertools.pairwise(marks)]
    return _bars(
        what, labels, [sum(counts[at : at + stride]) for at in range(0, len(counts), stride)]
    )


def _confusion(name: str, classes: Sequence[Any], counts: Sequence[Sequence[int]]) -> str:
    """Rows are what is true, columns what was said; a cell is as dark as its share of the row."""
    names = [str(one) for one in classes[:MOST_CLASSES]]
    if len(counts) != len(classes) or any(len(row) != len(classes) for row in counts):
        raise ValueError("a confusion matrix has a row and a column for each class")
    letters = min(_MOST_LETTERS, max(map(len, names), default=0))
    left, top = 12 + 7 * letters, 20
    side = _CELL * len(names)
    parts = []
    for row, label in enumerate(names):
        whole = sum(counts[row]) or 1
        y = top + _CELL * row
        parts.append(
            f'<text x="{left - 6}" y="{y + 16}" text-anchor="end">{_short(label)}</text>'
            f'<text x="{left + _CELL * row + 12}" y="{top + side + 14}" text-anchor="end" '
            f'transform="rotate(-45 {left + _CELL * row + 12} {top + side + 14})">'
            f"{_short(label)}</text>"
        )
        for column, said in enumerate(names):
            count = int(counts[row][column])
            if count > 0:
                x = left + _CELL * column
                tip = escaped(f"{label}, said {said}: {count:,} of {whole:,}")
                parts.append(
                    f'<rect class="cell" x="{x}" y="{y}" width="{_CELL}" height="{_CELL}" '
                    f'fill-opacity="{_DARKEST * count / whole:.3f}"><title>{tip}</title></rect>'
                    f'<text class="count" x="{x + _CELL // 2}" y="{y + 16}" '
                    f'text-anchor="middle">{_brief(count)}</text>'
                )
    width, height = left + side + 8, top + side + 16 + 6 * letters
    said = "Rows are the truth, columns what was said; a cell is as dark as its share of the row."
    more = f" The first {MOST_CLASSES} classes." if len(classes) > MOST_CLASSES else ""
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escaped(name)}" '
        f'class="matrix" width="{width}">{"".join(parts)}</svg><p class="soft">{said}{more}</p>'
    )


def _short(text: str) -> str:
    return escaped(text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…")


def _brief(count: int) -> str:
    """A count as short as a cell is wide; its title has all of it."""
    return str(count) if count < 1000 else f"{count / 1000:.0f}k" if count < 10**6 else "1M+"


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < _MOST
