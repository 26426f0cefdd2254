"""Histograms over steps as ridges or as a map, for pages that have no script.

The rules are those of the page (``web/src/core/gradients/ridge.ts``): all runs of a panel share
one axis of values, logarithmic on both sides of zero where ranges differ much, and its maps share
one of steps; each step's fullest bin is as high, or as strong, as that of the others. What is not
finite is told with its step. Pure.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from epochal.domain.objects import MediaEntry
from epochal.domain.report import PanelData
from epochal.reports.axes import shown, ticks
from epochal.reports.curves import WIDTH, swatch
from epochal.reports.escape import escaped

MOST_RIDGES: Final = 30
BINS: Final = 64
LEVELS: Final = 10
SPREAD: Final = 40
"""Ranges that differ by more than this are shown on an axis of logarithms."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 8, 26
_PEAK: Final = 44
_GAP: Final = 9
_MAP_HEIGHT: Final = 220
_LONE: Final = 4
"""How far a single column of a map reaches to both sides, where others have more steps."""


class Counted(NamedTuple):
    """One histogram: ``counts[i]`` values lie between ``edges[i]`` and ``edges[i + 1]``."""

    step: int
    edges: list[float]
    counts: list[float]


class Scale(NamedTuple):
    """The common axis of values; linear up to ``linear`` from zero, everywhere where it is 0."""

    low: float
    high: float
    linear: float

    def bent(self, value: float) -> float:
        """The value on the axis, before it is stretched."""
        if not self.linear:
            return value
        ratio = value / self.linear
        if math.isfinite(ratio):
            return math.asinh(ratio)
        # So far out the axis is one of logarithms alone.
        far = math.log(2) + math.log(abs(value)) - math.log(self.linear)
        return math.copysign(far, value)

    def part(self, value: float) -> float:
        """Where a value lies, 0 to 1."""
        low, high = self.bent(self.low), self.bent(self.high)
        return (self.bent(value) - low) / (high - low)

    def marks(self) -> list[float]:
        """Round values, or powers of ten to both sides of zero."""
        if not self.linear:
            return ticks(self.low, self.high)
        first = math.ceil(math.log10(self.linear))
        last = math.floor(math.log10(max(abs(self.low), abs(self.high))))
        stride = max(1, math.ceil((last - first + 1) / 3))
        powers = [10.0**power for power in range(last, first - 1, -stride)]
        every = [-power for power in powers] + [0.0] + powers[::-1]
        return [value for value in every if self.low <= value <= self.high]


def drawing(kind: str, name: str, data: PanelData) -> str:
    """The distributions of each run of a panel, one below the other.

    Args:
        kind: ``ridge`` or ``heat``.
        name: of the panel, for those who do not see it.
        data: what it shows.
    """
    found: dict[str, list[Counted]] = defaultdict(list)
    odd: dict[str, int] = {}
    for entry in data.media or []:
        counted = read_counted(entry)
        if counted is not None:
            found[entry.run].append(counted)
        if counted is None or _is_odd(entry):
            odd.setdefault(entry.run, entry.step)
    scale = scale_of([one for many in found.values() for one in many])
    if scale is None:
        return '<p class="soft">No histogram of finite values.</p>'
    every = [one.step for many in found.values() for one in many]
    steps = min(every), max(every)
    parts = []
    for run in data.runs:
        if run.uid not in found:
            continue
        told = f" · not finite from step {odd[run.uid]:,}" if run.uid in odd else ""
        label = f"{name} of {run.name}"
        head = f"{swatch(run.color)}{escaped(run.name)} · {len(found[run.uid]):,} steps{told}"
        mine = found[run.uid]
        one = _ridges(label, scale, mine) if kind == "ridge" else _map(label, scale, mine, steps)
        parts.append(f'<p class="soft">{head}</p>{one}')
    return "".join(parts)


def outline(name: str, entry: MediaEntry) -> str:
    """A single histogram; empty when it holds nothing finite."""
    counted = read_counted(entry)
    scale = scale_of([] if counted is None else [counted])
    return "" if counted is None or scale is None else _ridges(name, scale, [counted])


def read_counted(entry: MediaEntry) -> Counted | None:
    """A histogram; None when it is none, or holds nothing finite."""
    if not entry.items or entry.items[0].kind != "histogram":
        return None
    meta = entry.items[0].meta
    edges, counts = _numbers(meta.get("edges")), _numbers(meta.get("counts"))
    if edges is None or counts is None or len(edges) != len(counts) + 1 or not any(counts):
        return None
    if len(counts) == 1:
        # One bin stands for values that are all the same: its width is only there to be drawn.
        edges = [edges[0] / 2 + edges[1] / 2] * 2
    return Counted(entry.step, edges, counts)


def scale_of(histograms: Sequence[Counted]) -> Scale | None:
    """One axis for all of them; None when there are none, or it is too wide for numbers."""
    if not histograms:
        return None
    low = min(one.edges[0] for one in histograms)
    high = max(one.edges[-1] for one in histograms)
    if high <= low:
        half = abs(low) / 2 or 0.5
        return _usable(Scale(low - half, low + half, 0.0))
    reach = [max(abs(one.edges[0]), abs(one.edges[-1])) for one in histograms]
    least = min((far for far in reach if far > 0), default=math.inf)
    return _usable(Scale(low, high, least if max(reach) / least > SPREAD else 0.0))


def _usable(scale: Scale) -> Scale | None:
    span = scale.bent(scale.high) - scale.bent(scale.low)
    return scale if math.isfinite(span) and span > 0 else None


def heights_of(one: Counted, scale: Scale) -> list[float]:
    """Its counts over common bins, each in proportion to how far it overlaps; the fullest is 1."""
    out = [0.0] * BINS
    for at, count in enumerate(one.counts):
        # Edges that are out of order may lie anywhere.
        begin, end = (
            min(max(0.0, scale.part(one.edges[at + side]) * BINS), float(BINS)) for side in (0, 1)
        )
        first = min(BINS - 1, max(0, int(begin)))
        if end <= begin:
            out[first] += count
            continue
        for place in range(first, min(BINS - 1, int(end)) + 1):
            overlap = max(0.0, min(end, place + 1) - max(begin, place))
            out[place] += count * overlap / (end - begin)
    top = max(out)
    return [height / top for height in out] if 0 < top < math.inf else [0.0] * BINS


def _ridges(name: str, scale: Scale, histograms: Sequence[Counted]) -> str:
    last = len(histograms) - 1
    count = min(MOST_RIDGES, len(histograms))
    chosen = [histograms[round(i * last / max(1, count - 1))] for i in range(count)]
    height = _TOP + _PEAK + _GAP * (count - 1) + _BOTTOM
    room = WIDTH - _LEFT - _RIGHT
    parts = []
    for value in scale.marks():
        x = f"{_LEFT + scale.part(value) * room:.1f}"
        parts.append(
            f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{height - _BOTTOM + 4}"/>'
            f'<text x="{x}" y="{height - 8}" text-anchor="middle">{shown(value)}</text>'
        )
    for at, one in enumerate(chosen):
        base = _TOP + _PEAK + _GAP * at
        slot = room / BINS
        line = "".join(
            f"L{_LEFT + (place + 0.5) * slot:.1f} {base - high * _PEAK:.1f}"
            for place, high in enumerate(heights_of(one, scale))
        )
        parts.append(f'<path class="ridge" d="M{_LEFT} {base}{line}L{_LEFT + room} {base}"/>')
        if at % 2 == 0 or at == count - 1:
            label = f'<text x="{_LEFT - 8}" y="{base + 3}" text-anchor="end">{one.step:,}</text>'
            parts.append(label)
    return _picture(name, height, parts)


def _borders(places: Sequence[float], room: float, *, alone: bool) -> list[float]:
    """Where each column of a map begins, and the last one ends: half way to its neighbors."""
    if alone:
        return [0.0, room]
    if len(places) == 1:
        return [max(0.0, places[0] - _LONE), min(room, places[0] + _LONE)]
    middles = [(before + after) / 2 for before, after in itertools.pairwise(places)]
    begin, end = 2 * places[0] - middles[0], 2 * places[-1] - middles[-1]
    return [max(0.0, begin), *middles, min(room, end)]


def _map(name: str, scale: Scale, histograms: Sequence[Counted], steps: tuple[int, int]) -> str:
    room, depth = WIDTH - _LEFT - _RIGHT, _MAP_HEIGHT - _TOP - _BOTTOM
    first, last = steps
    span = last - first or 1
    places = [(one.step - first) / span * room for one in histograms]
    borders = [_LEFT + x for x in _borders(places, room, alone=first == last)]
    cells: dict[int, list[str]] = defaultdict(list)
    for at, one in enumerate(histograms):
        x, width = borders[at], borders[at + 1] - borders[at]
        for place, high in enumerate(heights_of(one, scale)):
            if high > 0:
                y = _TOP + depth * (1 - (place + 1) / BINS)
                box = f"M{x:.1f} {y:.1f}h{width:.1f}v{depth / BINS:.1f}h-{width:.1f}z"
                cells[max(1, math.ceil(high * LEVELS))].append(box)
    parts = [
        f'<path class="cell" fill-opacity="{level / LEVELS:.1f}" d="{"".join(boxes)}"/>'
        for level, boxes in sorted(cells.items())
    ]
    for value in scale.marks():
        y = _TOP + depth * (1 - scale.part(value)) + 3.5
        parts.append(f'<text x="{_LEFT - 8}" y="{y:.1f}" text-anchor="end">{shown(value)}</text>')
    for step in dict.fromkeys(map(round, ticks(first, last))):
        x = _LEFT + (step - first) / span * room
        below = f'<text x="{x:.1f}" y="{_MAP_HEIGHT - 8}" text-anchor="middle">{step:,}</text>'
        parts.append(below)
    return _picture(name, _MAP_HEIGHT, parts)


def _picture(name: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escaped(name)}">'
        f"{''.join(parts)}</svg>"
    )


def _numbers(values: Any) -> list[float] | None:
    """A list of finite numbers; None for anything else."""
    if not isinstance(values, list):
        return None
    if not all(isinstance(v, (int, float)) and math.isfinite(v) for v in values):
        return None
    return [float(value) for value in values]


def _is_odd(entry: MediaEntry) -> bool:
    stats = entry.items[0].meta.get("stats")
    return isinstance(stats, dict) and bool(stats.get("nan") or stats.get("inf"))
