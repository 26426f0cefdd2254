"""Charts as SVG, drawn here, so that a page needs no script.

A chart shows the range of each bucket as a band and its mean as a line: no spike is lost, and
where there is NaN or infinity a mark says so. Hovering over a part tells its numbers. Pure.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final, NamedTuple

from epochal.reports.axes import shown, ticks

WIDTH: Final = 460
HEIGHT: Final = 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 10, 10, 24


class Bucket(NamedTuple):
    """Points of a stretch of steps; ``low``, ``high``, ``mean`` are None without finite ones."""

    step: int
    low: float | None
    high: float | None
    mean: float | None
    odd: int
    """How many are NaN or infinite."""


class _Frame(NamedTuple):
    """From data to places in the picture."""

    x0: float
    x1: float
    y0: float
    y1: float

    def x(self, step: float) -> float:
        span = self.x1 - self.x0 or 1.0
        return _LEFT + (step - self.x0) / span * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        span = self.y1 - self.y0 or 1.0
        return HEIGHT - _BOTTOM - (value - self.y0) / span * (HEIGHT - _TOP - _BOTTOM)


def chart(name: str, buckets: Sequence[Bucket]) -> str:
    """A chart of a series."""
    frame = _frame(buckets)
    parts = [_grid(frame)]
    for stretch in _stretches(buckets):
        parts.append(_band(frame, stretch))
        if len(stretch) == 1 or len(buckets) <= 1:
            x, y = frame.x(stretch[0].step), frame.y(stretch[0].mean or 0.0)
            parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>')
        else:
            points = " ".join(f"{frame.x(b.step):.1f},{frame.y(b.mean or 0):.1f}" for b in stretch)
            parts.append(f'<polyline class="line" points="{points}"/>')
    parts += [_odd_mark(frame, bucket) for bucket in buckets if bucket.odd]
    parts.append(_hover(frame, buckets))
    return _svg(name, "".join(parts))


def bars(name: str, edges: Sequence[float], counts: Sequence[float]) -> str:
    """A histogram."""
    most = max(counts, default=0) or 1
    frame = _Frame(edges[0], edges[-1], 0.0, most)
    parts = [_grid(frame)]
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        x, width = frame.x(low), max(0.5, frame.x(high) - frame.x(low) - 0.5)
        y = frame.y(count)
        tip = html.escape(f"{shown(low)} to {shown(high)}: {shown(count)}")
        parts.append(
            f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{max(0.0, HEIGHT - _BOTTOM - y):.1f}"><title>{tip}</title></rect>'
        )
    return _svg(name, "".join(parts))


def _svg(name: str, body: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(name)}">'
        f"{body}</svg>"
    )


def _frame(buckets: Sequence[Bucket]) -> _Frame:
    steps = [bucket.step for bucket in buckets] or [0]
    ends = [value for b in buckets for value in (b.low, b.high) if value is not None]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    low, high = max(low, -1e300), min(high, 1e300)
    if low == high:
        pad = abs(low) * 0.5 or 0.5
        low, high = low - pad, high + pad
    return _Frame(min(steps), max(steps), low, high)


def _stretches(buckets: Sequence[Bucket]) -> list[list[Bucket]]:
    """Neighbors that have finite points: a line is broken where there is none."""
    found: list[list[Bucket]] = [[]]
    for bucket in buckets:
        if bucket.mean is not None:
            found[-1].append(bucket)
        elif found[-1]:
            found.append([])
    return [stretch for stretch in found if stretch]


def _band(frame: _Frame, stretch: Sequence[Bucket]) -> str:
    if all(bucket.low == bucket.high for bucket in stretch):
        return ""
    upper = [f"{frame.x(b.step):.1f},{frame.y(b.high or 0):.1f}" for b in stretch]
    lower = [f"{frame.x(b.step):.1f},{frame.y(b.low or 0):.1f}" for b in reversed(stretch)]
    return f'<polygon class="band" points="{" ".join(upper + lower)}"/>'


def _odd_mark(frame: _Frame, bucket: Bucket) -> str:
    x = frame.x(bucket.step)
    tip = html.escape(f"step {bucket.step:,}: {bucket.odd:,} not finite")
    return (
        f'<line class="odd" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}">'
        f"<title>{tip}</title></line>"
    )


def _hover(frame: _Frame, buckets: Sequence[Bucket]) -> str:
    """Invisible columns whose title the browser shows."""
    parts = []
    for index, bucket in enumerate(buckets):
        left = (
            _LEFT if index == 0 else (frame.x(buckets[index - 1].step) + frame.x(bucket.step)) / 2
        )
        is_last = index == len(buckets) - 1
        right = WIDTH - _RIGHT if is_last else (
            frame.x(bucket.step) + frame.x(buckets[index + 1].step)
        ) / 2  # fmt: skip
        tip = f"step {bucket.step:,}: {shown(bucket.mean)}"
        if bucket.low != bucket.high:
            tip += f" ({shown(bucket.low)} to {shown(bucket.high)})"
        if bucket.odd:
            tip += f", {bucket.odd:,} not finite"
        parts.append(
            f'<rect class="hover" x="{left:.1f}" y="{_TOP}" width="{max(0.1, right - left):.1f}" '
            f'height="{HEIGHT - _TOP - _BOTTOM}"><title>{html.escape(tip)}</title></rect>'
        )
    return "".join(parts)


def _grid(frame: _Frame) -> str:
    parts = []
    for value in ticks(frame.y0, frame.y1):
        y = frame.y(value)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{shown(value)}</text>'
        )
    for value in ticks(frame.x0, frame.x1):
        x = frame.x(value)
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - 7}" text-anchor="middle">{shown(value)}</text>'
        )
    return "".join(parts)
