"""Numbers, times and values as short texts for people. Scripts use ``--json``."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from epochal.domain.values import to_json

_BLOCKS = "▁▂▃▄▅▆▇█"
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))


def number(value: Any) -> str:
    """A number as people read it, with six digits; other values as text, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) else literal(value)


def literal(value: Any) -> str:
    """A value as JSON writes it, for config cells; texts stand without quotes."""
    if isinstance(value, float):
        return repr(value)
    return value if isinstance(value, str) else msgspec.json.encode(to_json(value)).decode()


def ago(time_us: int | None) -> str:
    """How long ago, in one unit."""
    if time_us is None:
        return ""
    seconds = max(0.0, time.time() - time_us / 1e6)
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)}{unit} ago"
    return f"{int(seconds)}s ago"


def span(seconds: float) -> str:
    """A duration in its two largest units."""
    whole = int(seconds)
    if whole >= 86_400:
        return f"{whole // 86_400}d {whole % 86_400 // 3600:02d}h"
    if whole >= 3_600:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    if whole >= 60:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{seconds:.1f}s"


def sparkline(values: Sequence[float]) -> str:
    """Blocks from the smallest to the largest finite value, ``!`` for what is not finite."""
    halves = [value / 2 for value in values if math.isfinite(value)]  # no overflow in high - low
    low, high = (min(halves), max(halves)) if halves else (0.0, 0.0)
    span = high - low or 1.0
    return "".join(
        _BLOCKS[round((value / 2 - low) / span * 7)] if math.isfinite(value) else "!"
        for value in values
    )


def size(count: int | None) -> str:
    """Bytes in the unit that fits, in powers of 1,000; nothing when not known."""
    if count is None:
        return ""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{count} B" if unit == "B" else f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"
