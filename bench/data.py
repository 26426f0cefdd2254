"""The numbers that every peer logs: the same for all, from one seed, realistic in their bits."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator


def _float32(value: float) -> float:
    return struct.unpack("<f", struct.pack("<f", value))[0]


def keys(count: int) -> list[str]:
    """Names like those of a training loop: `train/m000`, `train/m001`, ..."""
    return [f"train/m{index:03d}" for index in range(count)]


def rows(count: int, width: int, seed: int = 7) -> Iterator[dict[str, float]]:
    """``count`` mappings of ``width`` scalars.

    Losses born in float32, schedules in float64, counters, one-decimal percentages.
    """
    source = random.Random(seed)
    names = keys(width)
    for step in range(count):
        decay = math.exp(-step / max(1, count))
        values: dict[str, float] = {}
        for index, name in enumerate(names):
            kind = index % 5
            if kind in (0, 1):
                values[name] = _float32(decay + 0.05 * source.random())
            elif kind == 2:
                values[name] = 1e-3 * 0.5 * (1 + math.cos(math.pi * step / count))
            elif kind == 3:
                values[name] = float(step * 64)
            else:
                values[name] = round(90 + 10 * source.random(), 1)
        yield values
