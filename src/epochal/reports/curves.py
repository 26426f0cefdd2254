"""Curves of several runs as one SVG, from the buckets of the wire.

As on the page a curve goes through the least and the greatest value of each bucket, nearest end
first, so that no spike is lost; it breaks at NaN, and a mark at the bottom says so. Colors are
named by number, the style sheet has them for light and dark. Pure.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from epochal.domain.columns import unpack_columns
from epochal.reports.axes import decades, lasting, moment, shown, ticks

WIDTH: Final = 720
HEIGHT: Final = 280
COLORS: Final = 8
DASHES: Final = 4
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 10, 26
_PAD: Final = 0.04

Floats = NDArray[np.float64]


class Curve(NamedTuple):
    """One series: where its buckets lie, and what is in them."""

    look: int
    x: Floats
    low: Floats
    high: Floats
    smooth: Floats | None
    nan: NDArray[np.bool_]


class Plane(NamedTuple):
    """From values to places in the picture."""

    x0: float
    x1: float
    y0: float
    y1: float
    log_x: bool
    log_y: bool

    def x(self, value: float) -> float:
        """How far from the left edge."""
        share = _share(value, self.x0, self.x1, is_log=self.log_x)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """How far from the upper edge."""
        share = _share(value, self.y0, self.y1, is_log=self.log_y)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def read_curves(columns: bytes, looks: Sequence[int]) -> tuple[str, list[Curve]]:
    """The x axis and the curves of a message of buckets, each with its look.

    Raises:
        InvalidInput: the message is damaged.
    """
    head, found = unpack_columns(columns)
    start = head["origin"] + found["bucket"].astype(np.float64) * head["width"]
    x = start + (found["x_first"].astype(np.float64) + found["x_last"]) / 2
    axis = head["x"] if isinstance(head["x"], str) else "metric"
    curves = [
        _curve(look, slice(one["start"], one["start"] + one["count"]), x, found)
        for look, one in zip(looks, head["series"], strict=True)
    ]
    return axis, curves


def chart(
    name: str, axis: str, curves: Sequence[Curve], *, log_x: bool = False, log_y: bool = False
) -> str:
    """The curves as an SVG; empty when there is nothing to draw."""
    plane = _plane(curves, log_x=log_x, log_y=log_y)
    if plane is None:
        return ""
    parts = [_grid(plane, axis)]
    for curve in curves:
        parts += _lines(plane, curve)
    parts += [_rug(plane, curve) for curve in curves]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(name)}">'
        f"{''.join(parts)}</svg>"
    )


def swatch(look: int) -> str:
    """A short line that stands for a run."""
    return (
        f'<svg class="swatch" viewBox="0 0 18 8" aria-hidden="true">'
        f'<line class="{look_of(look)}" x1="0" x2="18" y1="4" y2="4"/></svg>'
    )


def look_of(number: int) -> str:
    """The classes of a color number."""
    number = max(0, number)
    return f"c{number % COLORS} d{number // COLORS % DASHES}"


def _curve(look: int, rows: slice, x: Floats, found: Mapping[str, NDArray[Any]]) -> Curve:
    nan = found["n_nan"][rows] > 0 if "n_nan" in found else np.zeros(len(x[rows]), np.bool_)
    smooth = found["smooth"][rows].astype(np.float64) if "smooth" in found else None
    low, high = (found[name][rows].astype(np.float64) for name in ("min", "max"))
    return Curve(look, x[rows], low, high, smooth, nan)


def _plane(curves: Sequence[Curve], *, log_x: bool, log_y: bool) -> Plane | None:
    xs = [curve.x for curve in curves]
    ys = [part for curve in curves for part in (curve.low, curve.high)]
    x = _ends(xs, is_log=log_x)
    y = _ends(ys, is_log=log_y)
    if x is None or y is None:
        return None
    low, high = y
    if not log_y:
        pad = (high - low) * _PAD or abs(low) * 0.5 or 0.5
        low, high = low - pad, high + pad
    elif low == high:
        low, high = low / 2, high * 2
    return Plane(x[0], x[1], low, high, log_x, log_y)


def _ends(parts: Sequence[Floats], *, is_log: bool) -> tuple[float, float] | None:
    values = np.concatenate(parts) if parts else np.empty(0)
    values = values[np.isfinite(values) & (np.abs(values) < 1e300)]
    if is_log:
        values = values[values > 0]
    return (float(values.min()), float(values.max())) if len(values) else None


def _share(value: float, low: float, high: float, *, is_log: bool) -> float:
    if is_log:
        value, low, high = math.log10(value), math.log10(low), math.log10(high)
    return (value - low) / (high - low) if high > low else 0.5


def _grid(plane: Plane, axis: str) -> str:
    parts = []
    values = decades(plane.y0, plane.y1) if plane.log_y else ticks(plane.y0, plane.y1)
    for value in values:
        y = plane.y(value)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 8}" y="{y + 3.5:.1f}" text-anchor="end">{shown(value)}</text>'
        )
    for value in decades(plane.x0, plane.x1) if plane.log_x else ticks(plane.x0, plane.x1):
        text = _label(axis, value, plane.x1 - plane.x0)
        parts.append(
            f'<text x="{plane.x(value):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{text}</text>'
        )
    return "".join(parts)


def _label(axis: str, value: float, span: float) -> str:
    if axis == "wall":
        return moment(value, span)
    return lasting(value) if axis == "relative" else shown(value)


def _lines(plane: Plane, curve: Curve) -> Iterator[str]:
    is_ghost = curve.smooth is not None
    for part in _stretches(plane, curve):
        yield _line(part, f"{look_of(curve.look)}{' ghost' if is_ghost else ''}")
    if curve.smooth is not None:
        smooth = curve._replace(low=curve.smooth, high=curve.smooth)
        for part in _stretches(plane, smooth):
            yield _line(part, look_of(curve.look))


def _stretches(plane: Plane, curve: Curve) -> Iterator[list[tuple[float, float]]]:
    """Neighbors that have finite points, as places: the nearer end of each bucket first."""
    part: list[tuple[float, float]] = []
    rows = zip(
        curve.x.tolist(), curve.low.tolist(), curve.high.tolist(), curve.nan.tolist(), strict=True
    )
    for x, low, high, is_broken in rows:
        if _has_place(low, plane.log_y) and _has_place(high, plane.log_y) and x >= plane.x0:
            ends = [plane.y(low), plane.y(high)]
            if part and abs(ends[1] - part[-1][1]) < abs(ends[0] - part[-1][1]):
                ends.reverse()
            place = plane.x(x)
            part += [(place, y) for y in (ends if low != high else ends[:1])]
            if not is_broken:
                continue
        if part:
            yield part
        part = []
    if part:
        yield part


def _has_place(value: float, is_log: bool) -> bool:
    return math.isfinite(value) and abs(value) < 1e300 and (value > 0 or not is_log)


def _line(part: Sequence[tuple[float, float]], look: str) -> str:
    if len(part) == 1:
        (x, y) = part[0]
        return f'<circle class="{look}" cx="{x:.1f}" cy="{y:.1f}" r="2"/>'
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in part)
    return f'<polyline class="{look}" points="{points}"/>'


def _rug(plane: Plane, curve: Curve) -> str:
    y = HEIGHT - _BOTTOM
    places = {round(plane.x(x), 1) for x in curve.x[curve.nan].tolist() if x >= plane.x0}
    return "".join(
        f'<line class="odd" x1="{x}" x2="{x}" y1="{y - 6}" y2="{y}"/>' for x in sorted(places)
    )
