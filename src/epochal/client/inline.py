"""A run as HTML for notebooks: its state, its link, and a small curve of each series.

Drawn here and now from what the run remembers of its rows: no script, no server and no other host
is needed to look at it. Where a server shows the run its live charts can be opened below; nothing
is asked for before. Everything that a user named is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from epochal.client.keyset import KeySet
from epochal.domain.names import SYSTEM_PREFIX
from epochal.domain.run import RunState

MAX_CURVES = 24
WIDTH, HEIGHT = 180, 48
FRAME_HEIGHT = 480

Point = tuple[int, float]


def run_html(
    name: str,
    state: RunState,
    url: str | None,
    summary: Mapping[str, Any],
    key_sets: Iterable[KeySet],
    frame: str | None = None,
) -> str:
    """A block of HTML.

    Args:
        name: the run's name.
        state: how it is.
        url: its page, if a server shows it.
        summary: the values to show beside the curves.
        key_sets: what was logged.
        frame: address of its live charts, if a server shows them.
    """
    curves = points_of(key_sets)
    keys = sorted(key for key in curves if not key.startswith(SYSTEM_PREFIX))
    title = f"<b>{escape(name)}</b> {escape(state.value)}"
    if url is not None:
        title += f' <a href="{escape(url)}" target="_blank" rel="noopener">open</a>'
    cards = "".join(_card(key, curves[key], summary.get(key)) for key in keys[:MAX_CURVES])
    more = len(keys) - MAX_CURVES
    rest = f"<div>and {more} more</div>" if more > 0 else ""
    return (
        f'<div style="font-family:sans-serif;font-size:12px"><div>{title}</div>'
        f'<div style="display:flex;flex-wrap:wrap;gap:12px">{cards}</div>{rest}'
        f"{_live_charts(name, frame)}</div>"
    )


def _live_charts(name: str, frame: str | None) -> str:
    """The frame in a fold: a browser asks for it when the fold is opened."""
    if frame is None:
        return ""
    return (
        '<details><summary style="cursor:pointer">live charts</summary>'
        f'<iframe src="{escape(frame)}" title="{escape(name)}" width="100%" '
        f'height="{FRAME_HEIGHT}" style="border:0" loading="lazy"></iframe></details>'
    )


def points_of(key_sets: Iterable[KeySet]) -> dict[str, list[Point]]:
    """The remembered points of each key, by step."""
    found: dict[str, list[Point]] = {}
    for keyset in key_sets:
        for row in keyset.remembered():
            for key, value in zip(keyset.names, row[3], strict=False):
                found.setdefault(key, []).append((row[1], float(value)))
    return {key: sorted(points, key=lambda point: point[0]) for key, points in found.items()}


def _card(key: str, points: Sequence[Point], value: object) -> str:
    shown = f"{value:.6g}" if isinstance(value, (int, float)) else ""
    lines = "".join(
        f'<polyline points="{line}" fill="none" stroke="#4269d0" stroke-width="1.5"/>'
        for line in curve(points)
    )
    return (
        f'<div style="width:{WIDTH}px"><div style="overflow:hidden;text-overflow:ellipsis" '
        f'title="{escape(key)}">{escape(key)} <b>{shown}</b></div>'
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="-2 -2 {WIDTH + 4} {HEIGHT + 4}">'
        f"{lines}</svg></div>"
    )


def curve(points: Sequence[Point]) -> Iterator[str]:
    """The pieces of a curve, each as ``x,y x,y ...``; it is broken where values are not finite."""
    finite = [value for _, value in points if math.isfinite(value)]
    if not finite:
        return
    first, last = points[0][0], points[-1][0]
    scale = max(map(abs, finite)) or 1.0
    low, high = min(finite) / scale, max(finite) / scale
    piece: list[str] = []
    for step, value in points:
        if math.isfinite(value):
            x = (step - first) / ((last - first) or 1) * WIDTH
            y = HEIGHT - (value / scale - low) / ((high - low) or 1.0) * HEIGHT
            piece.append(f"{x:.1f},{y:.1f}")
        elif piece:
            yield _piece(piece)
            piece = []
    if piece:
        yield _piece(piece)


def _piece(places: list[str]) -> str:
    """A piece of one point is drawn as a short line."""
    return " ".join(places * 2 if len(places) == 1 else places)
