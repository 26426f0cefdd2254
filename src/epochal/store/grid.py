"""The grid that all series of a panel share: buckets of one power-of-two width, aligned to it.

A grid does not depend on the data, only on the range asked for. Growing data never moves an old
bucket, and when the width doubles exactly two neighbors become one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from epochal.errors import InvalidInput

MAX_BUCKETS: Final = 1 << 32
_FARTHEST: Final = 2.0**1000
_MIN_EXPONENT: Final = -1074
_MANTISSA: Final = 53


@dataclass(frozen=True)
class Grid:
    """``count`` buckets; bucket ``b`` covers x in ``[origin + b*width, origin + (b+1)*width)``.

    Attributes:
        origin: where bucket 0 starts, a multiple of ``width``; an int keeps steps past 2**53
            exact.
        width: a power of two, in units of x (steps, microseconds, or a metric's own unit).
        count: number of buckets.

    Raises:
        InvalidInput: the width is no power of two, or the origin no multiple of it.
    """

    origin: float
    width: float
    count: int

    def __post_init__(self) -> None:
        mantissa, _ = math.frexp(self.width)
        if mantissa != 0.5:
            raise InvalidInput(f"a bucket's width is a power of two; got {self.width!r}")
        if not 1 <= self.count <= MAX_BUCKETS:
            raise InvalidInput(f"a grid has 1 to {MAX_BUCKETS} buckets; got {self.count}")
        if isinstance(self.origin, int) and self.exponent >= 0:
            aligned = self.origin == self.start << self.exponent
        else:
            aligned = math.isfinite(self.origin) and (self.origin / self.width).is_integer()
        if not aligned:
            raise InvalidInput(
                f"a grid's origin is a multiple of its width {self.width!r}; got {self.origin!r}"
            )

    @cached_property
    def exponent(self) -> int:
        """Base-2 logarithm of the width."""
        return math.frexp(self.width)[1] - 1

    @cached_property
    def start(self) -> int:
        """Number of bucket 0 when buckets are counted from x = 0."""
        if isinstance(self.origin, int) and self.exponent >= 0:
            return self.origin >> self.exponent
        return int(self.origin / self.width)


def choose_grid(lo: float, hi: float, buckets: int, *, whole: bool = True) -> Grid:
    """The finest grid that covers ``[lo, hi]`` with at most ``buckets`` buckets.

    A range that holds both sides of 0 needs two buckets however wide they are; it gets two when
    ``buckets`` is 1.

    Args:
        lo: lowest x in view.
        hi: highest x in view, itself covered.
        buckets: 1 or more.
        whole: x counts steps or microseconds, so no bucket is narrower than 1. False for an x-axis
            made of a metric; there a bucket is never narrower than the distance of neighboring
            floats, and nothing farther from 0 than 2**1000 has a place.

    Raises:
        InvalidInput: the range is not finite or empty, or ``buckets`` is less than 1.
    """
    if not (math.isfinite(lo) and math.isfinite(hi) and lo <= hi):
        raise InvalidInput(f"a range runs from lo to hi, both finite; got {lo!r} to {hi!r}")
    if not 1 <= buckets <= MAX_BUCKETS:
        raise InvalidInput(f"the number of buckets is 1 to {MAX_BUCKETS}; got {buckets}")
    limit = max(buckets, 2) if lo < 0 <= hi else buckets
    return (
        _whole_grid(math.floor(lo), math.floor(hi), limit) if whole else _fine_grid(lo, hi, limit)
    )


def _whole_grid(lo: int, hi: int, limit: int) -> Grid:
    exponent = max(0, ((hi - lo) // limit).bit_length() - 1)
    while (hi >> exponent) - (lo >> exponent) + 1 > limit:
        exponent += 1
    first, last = lo >> exponent, hi >> exponent
    return Grid(first << exponent, 2.0**exponent, last - first + 1)


def _fine_grid(lo: float, hi: float, limit: int) -> Grid:
    lo, hi = (min(max(x, -_FARTHEST), _FARTHEST) for x in (lo, hi))
    largest = max(abs(lo), abs(hi))
    finest = max(_MIN_EXPONENT, math.frexp(largest)[1] - _MANTISSA) if largest else 0
    span = hi / limit - lo / limit
    exponent = max(finest, math.frexp(span)[1] - 1 if span else finest)
    while _number(hi, exponent) - _number(lo, exponent) + 1 > limit:
        exponent += 1
    first, last = _number(lo, exponent), _number(hi, exponent)
    return Grid(math.ldexp(first, exponent), math.ldexp(1.0, exponent), last - first + 1)


def _number(x: float, exponent: int) -> int:
    """Number of the bucket that holds x, also where the quotient is too small for a float."""
    scaled = math.ldexp(x, -exponent)
    return -1 if scaled == 0.0 and x < 0.0 else math.floor(scaled)
