"""Numbers beside an axis: round ones, as people read them. Pure."""

from __future__ import annotations

import math
import sys
from datetime import UTC, datetime
from typing import Final

_TICKS: Final = 5
_DAY_US: Final = 86_400_000_000


def shown(value: float | None) -> str:
    """A number as people read it."""
    if value is None:
        return "-"
    if isinstance(value, int) or (math.isfinite(value) and value == int(value) < 1e15):
        return f"{int(value):,}" if abs(value) < 1e15 else f"{value:.4g}"
    return f"{value:.5g}"


def ticks(low: float, high: float) -> list[float]:
    """Round numbers within a range, about five of them."""
    span = high - low
    if not math.isfinite(span) or span / _TICKS < sys.float_info.min:
        return [low]
    raw = span / _TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * power for unit in (1, 2, 5, 10) if unit * power >= raw)
    first = math.ceil(low / step)
    count = int((high - first * step) / step + 1e-9) + 1
    return [(first + index) * step for index in range(max(1, min(count, 12)))]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten within a range of a logarithmic axis; round numbers where there are few."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first < 1:
        return [value for value in ticks(low, high) if value > 0]
    step = max(1, (last - first) // _TICKS)
    return [10.0**power for power in range(first, last + 1, step)]


def moment(us: float, span: float) -> str:
    """A time on an axis that spans so many microseconds."""
    try:
        time = datetime.fromtimestamp(us / 1e6, UTC)
    except (OverflowError, OSError, ValueError):
        return shown(us)
    return time.strftime("%Y-%m-%d" if span > 3 * _DAY_US else "%d %H:%M")


def lasting(us: float) -> str:
    """A duration in microseconds."""
    seconds = round(us / 1e6)
    if abs(seconds) < 120:
        return f"{us / 1e6:g} s" if abs(us) < 10e6 else f"{seconds} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.3g} min" if abs(minutes) < 120 else f"{hours:.3g} h"
