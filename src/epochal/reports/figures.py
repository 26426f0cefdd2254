"""Panels over runs as they stand in a page: scatter, bars, importance, and tables. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from epochal.domain.importance import ImportanceReport
from epochal.domain.view import RunPage
from epochal.reports.axes import shown, ticks
from epochal.reports.curves import COLORS, HEIGHT, WIDTH, look_of, swatch
from epochal.reports.escape import escaped

MOST_BARS: Final = 40
MOST_ROWS: Final = 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 10, 40

Column = Callable[[str], list[Any]]


def scatter(name: str, table: RunPage, column: Column, columns: Sequence[str]) -> str:
    """A dot for each run that has both numbers, in the color of its value of a third column."""
    looks, legend = _looks(table, column, columns[2:])
    dots = [
        (run.name, look, float(x), float(y))
        for run, look, x, y in zip(
            table.runs, looks, column(columns[0]), column(columns[1]), strict=True
        )
        if _is_number(x) and _is_number(y)
    ]
    if not dots:
        return _nothing("No run has both numbers.")
    plane = Plane([dot[2] for dot in dots], [dot[3] for dot in dots])
    parts = []
    for run, color, x, y in dots:
        tip = escaped(f"{run}: {shown(x)}, {shown(y)}")
        parts.append(
            f'<circle class="{look_of(color)}" cx="{plane.across(x):.1f}" '
            f'cy="{plane.up(y):.1f}" r="4"><title>{tip}</title></circle>'
        )
    return plane.drawn(name, columns[0], columns[1], "".join(parts)) + legend


class Plane:
    """Two axes that hold all of some points, with room around them."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        self._x = _padded(xs)
        self._y = _padded(ys)
        self._width, self._height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def across(self, x: float) -> float:
        """Where a value lies from the left."""
        return _LEFT + self._width * (x - self._x[0]) / (self._x[1] - self._x[0])

    def up(self, y: float) -> float:
        """Where a value lies from the top."""
        return _TOP + self._height * (1 - (y - self._y[0]) / (self._y[1] - self._y[0]))

    def drawn(self, name: str, x_name: str, y_name: str, body: str) -> str:
        """The axes with their numbers and names, and ``body`` over them."""
        parts = []
        for value in ticks(*self._y):
            y = self.up(value)
            parts.append(
                f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" '
                f'y2="{y:.1f}"/><text x="{_LEFT - 8}" y="{y + 3.5:.1f}" '
                f'text-anchor="end">{shown(value)}</text>'
            )
        parts += [
            f'<text x="{self.across(value):.1f}" y="{HEIGHT - 24}" '
            f'text-anchor="middle">{shown(value)}</text>'
            for value in ticks(*self._x)
        ]
        middle = _LEFT + self._width / 2
        parts.append(
            f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escaped(x_name)}</text>'
            f'<text transform="translate(12 {_TOP + self._height / 2}) rotate(-90)" '
            f'text-anchor="middle">{escaped(y_name)}</text>'
        )
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escaped(name)}">'
            f"{''.join(parts)}{body}</svg>"
        )


def _looks(table: RunPage, column: Column, third: Sequence[str]) -> tuple[list[int], str]:
    """The color of each run, and what the colors mean; its own where the third has many values."""
    own = [run.color for run in table.runs]
    if not third:
        return own, ""
    values = [_cell(value) for value in column(third[0])]
    known = sorted(set(values))
    if len(known) > COLORS:
        said = f"{len(known)} values of {escaped(third[0])}: each run has its own color."
        return own, f'<p class="soft">{said}</p>'
    items = "".join(f"<li>{swatch(at)}{value}</li>" for at, value in enumerate(known))
    return [known.index(value) for value in values], f'<ul class="legend">{items}</ul>'


def bars(table: RunPage, values: Sequence[Any]) -> str:
    """One bar for each run that has a number."""
    rows = [
        (f"{swatch(run.color)}{escaped(run.name)}", float(value), shown(value))
        for run, value in zip(table.runs, values, strict=True)
        if _is_number(value)
    ]
    rows.sort(key=lambda row: -row[1])
    return bars_of(rows, "run", "No run has this number.")


def importance(report: ImportanceReport) -> str:
    """How much each parameter matters."""
    rows = [
        (escaped(one.name), one.importance, f"{one.importance:.2f}{'' if one.certain else ' ?'}")
        for one in report.parameters
    ]
    said = f"{report.runs:,} runs; ? is within chance."
    return bars_of(rows, "parameter", "No parameter differs.") + f'<p class="soft">{said}</p>'


def rows_of(table: RunPage, column: Column, columns: Sequence[str]) -> str:
    """Runs as rows, columns as they are."""
    heads = "".join(f"<th>{escaped(name)}</th>" for name in ("run", *columns))
    lists = [column(name)[:MOST_ROWS] for name in columns]
    lines = "".join(
        f"<tr><td>{swatch(run.color)}{escaped(run.name)}</td>"
        + "".join(f'<td class="n">{_cell(values[at])}</td>' for values in lists)
        + "</tr>"
        for at, run in enumerate(table.runs[:MOST_ROWS])
    )
    body = f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody>"
    return f'<div class="scroll"><table>{body}</table></div>'


def bars_of(rows: Sequence[tuple[str, float, str]], what: str, none: str) -> str:
    """Bars with their labels and values."""
    if not rows:
        return _nothing(none)
    most = max(abs(value) for _, value, _ in rows) or 1.0
    lines = "".join(
        f'<tr><td>{label}</td><td class="n">{text}</td><td class="wide">'
        f'<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * min(1.0, abs(value) / most):.2f}" height="8"/></svg></td></tr>'
        for label, value, text in rows[:MOST_BARS]
    )
    more = len(rows) - MOST_BARS
    left = f'<p class="soft">{more:,} more are not drawn.</p>' if more > 0 else ""
    head = f"<thead><tr><th>{what}</th><th>value</th><th></th></tr></thead>"
    return f'<table class="bars">{head}<tbody>{lines}</tbody></table>{left}'


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = (high - low) * 0.05 or abs(low) * 0.5 or 0.5
    return low - pad, high + pad


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and abs(value) < 1e300
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return shown(value) if _is_number(value) else escaped(value)


def _nothing(text: str) -> str:
    return f'<p class="soft">{text}</p>'
