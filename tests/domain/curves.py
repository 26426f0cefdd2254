"""Constructed curves: points reduced to stretches the way the store reduces series."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from epochal.domain.insight import Insight, Line


def line_of(values: Sequence[float], key: str = "train/loss", stretches: int = 256) -> Line:
    """A series with steps 0, 1, ...; at most so many stretches of equal width."""
    width = max(1, math.ceil(len(values) / stretches))
    parts = [list(values[at : at + width]) for at in range(0, len(values), width)]
    starts = range(0, len(values), width)
    return Line(
        key=key,
        lo=list(starts),
        hi=[start + len(part) - 1 for start, part in zip(starts, parts, strict=True)],
        n=[len(part) for part in parts],
        low=[min(part) for part in parts],
        high=[max(part) for part in parts],
        mean=[sum(part) / len(part) for part in parts],
    )


NOISES: dict[str, Callable[[random.Random], float]] = {
    "normal": lambda source: source.gauss(0, 1),
    "uniform": lambda source: source.uniform(-1.7, 1.7),
    "laplace": lambda source: source.expovariate(1.4) * source.choice((-1, 1)),
    "lognormal": lambda source: source.lognormvariate(0, 0.5) - 1.13,
}


def noisy(
    course: Callable[[float], float], count: int, noise: str, sigma: float, source: random.Random
) -> list[float]:
    """``course`` from 0 to 1, with noise of that size in proportion to nothing."""
    draw = NOISES[noise]
    return [course(i / max(1, count - 1)) + sigma * draw(source) for i in range(count)]


def there(found: Insight | None) -> Insight:
    """The finding, which there has to be."""
    assert found is not None
    return found


def span(found: Insight | None) -> tuple[int, int]:
    """The steps at which to look."""
    one = there(found)
    assert one.lo is not None
    assert one.hi is not None
    return one.lo, one.hi
