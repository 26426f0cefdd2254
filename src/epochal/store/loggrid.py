"""The grid of a logarithmic x-axis: as many buckets to each doubling of x, so no decade is empty.

Its buckets are the numbers of so many binary digits: ``parts`` of equal width between a power of
two and the next one, ``parts`` itself a power of two. So they are unions of the cells of long
columns (`store.mip`) wherever they are as wide, and as with the linear grid a bucket does not
depend on the data. What lies at or below 0 has no place on such an axis; it is kept in bucket 0,
so that it can be counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from epochal.errors import InvalidInput
from epochal.store.grid import Grid, choose_grid

_EXACT: Final = 1 << 53
"""From here on not every whole number is a float."""
_ROUNDED: Final = 0x7FF
_FINEST: Final = 30
_FARTHEST: Final = 1000
"""Powers of two between the least and the greatest bucket, at most."""


@dataclass(frozen=True)
class LogGrid:
    """Bucket ``b`` >= 1 is the ``b - 1``-th after that of ``lo``; 0 holds x <= 0.

    Attributes:
        lo: lowest x in view, greater than 0.
        hi: highest x in view, not less.
        exponent: base-2 logarithm of the buckets between a power of two and the next one.
        whole: x counts steps or microseconds, as int64.
        below: whether what lies under ``lo`` has a bucket, too (under 0: number 0; from there to
            ``lo``: that of ``lo``).
    """

    lo: float
    hi: float
    exponent: int
    whole: bool
    below: bool

    def __post_init__(self) -> None:
        if not 0 < self.lo <= self.hi < math.inf:
            raise InvalidInput(
                f"a logarithmic grid runs from above 0 to a finite x; got {self.lo} to {self.hi}"
            )

    @property
    def unit(self) -> float:
        """The width of the narrowest bucket, of which all starts are multiples; a power of two."""
        power = math.frexp(self.lo)[1] - 1 - self.exponent
        return math.ldexp(1.0, max(0, power) if self.whole else max(power, -1074))

    @property
    def first(self) -> int:
        """Number of the bucket of ``lo`` as `numbers` counts."""
        return int(self.numbers(np.array([self.lo]))[0])

    @property
    def bounds(self) -> tuple[float, float]:
        """Where the bucket of ``lo`` starts and where that of ``hi`` ends."""
        start, end = self.starts(np.array([1, self._last + 1]))
        return float(start), float(end)

    @property
    def _last(self) -> int:
        return int(self.numbers(np.array([self.hi]))[0]) - self.first + 1

    def numbers(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """Numbers of the buckets of x > 0, counted from that of x = 1."""
        mantissa, power = np.frexp(x)
        within = np.floor((mantissa * 2 - 1) * (1 << self.exponent)).astype(np.int64)
        found: NDArray[np.int64] = ((power.astype(np.int64) - 1) << self.exponent) + within
        return found

    def starts(self, bucket: NDArray[np.int64]) -> NDArray[np.float64]:
        """Where buckets start; those of number 0 at 0."""
        number = bucket + (self.first - 1)
        within = (number & ((1 << self.exponent) - 1)) / (1 << self.exponent)
        start = np.ldexp(1.0 + within, (number >> self.exponent).astype(np.int32))
        return np.where(bucket == 0, 0.0, start)

    def place(self, x: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Bucket of each x of an ascending axis, and whether the grid has it."""
        real = _rounded_down(x)
        above = np.isfinite(real) & (real > 0)
        number = self.numbers(np.where(above, real, self.lo)) - self.first + 1
        within = number <= self._last if self.below else (number >= 1) & (number <= self._last)
        within &= above | (np.isfinite(real) & self.below)
        return np.where(above, np.maximum(number, 1), 0), within

    def offsets(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Distance of each x of the grid from the start of its bucket."""
        starts = self.starts(self.place(x)[0])
        if x.dtype == np.int64:
            return (x - starts.astype(np.int64)).astype(np.float64)
        distance: NDArray[np.float64] = x - starts
        return distance

    def cell_bound(self, exponent: int) -> int:
        """From this x on each bucket is a union of cells ``2**exponent`` wide."""
        return 1 << max(0, exponent + self.exponent)


AnyGrid = Grid | LogGrid


def choose_log_grid(
    lo: float,
    hi: float,
    buckets: int,
    *,
    whole: bool = True,
    below: bool = False,
    least: float | None = None,
) -> AnyGrid:
    """The grid of a logarithmic axis of about ``buckets`` pixels, at most two buckets to a pixel.

    Where whole numbers from ``lo`` to ``hi`` have a bucket each on a linear grid, it is that.

    Args:
        lo: lowest x in view that is greater than 0.
        hi: highest x in view.
        buckets: 1 or more.
        whole: as in `LogGrid`.
        below: as in `LogGrid`.
        least: lowest x of all; with ``below`` the linear grid begins there, so that what has no
            place on a logarithmic axis is counted on it, too.
    """
    begin = min(lo, least) if below and least is not None else lo
    if whole and hi - begin < buckets - 1:
        return choose_grid(begin, hi, buckets)
    lo = max(lo, math.ldexp(hi, -_FARTHEST))
    octaves = max(math.log2(hi) - math.log2(lo), 2.0**-_FINEST)
    exponent = math.ceil(math.log2(max(1.0, buckets / octaves)))
    return LogGrid(lo, hi, min(_FINEST, exponent), whole, below)


def _rounded_down(x: NDArray[Any]) -> NDArray[np.float64]:
    """Floats, none beyond the next power of two by rounding."""
    if x.dtype != np.int64 or not len(x) or int(x[-1]) < _EXACT:
        return x.astype(np.float64)
    return np.where(x >= _EXACT, x & ~np.int64(_ROUNDED), x).astype(np.float64)
