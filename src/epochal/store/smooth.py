"""Smoothing on full data: the debiased exponential moving average, without a loop over points.

Each point is the mean of all points up to it, and what lies behind counts the less the farther it
is on x: a factor of ``w`` for each typical distance. That is what a point takes of x where the
series is usual: the median of ``(x[i+m] - x[i]) / m`` over distinct x, with ``m`` an eighth of
their number, from 1 to 16. So a rare pause is forgotten, and where points come in bursts of ``k``
(up to 16) each takes a ``k``-th of the way from burst to burst, so that bursts are smoothed as
many evenly spaced points would be. Where points are evenly spaced that is
``s[i] = w*s[i-1] + (1-w)*v[i]`` from ``s = 0``, divided by ``1 - w**k`` at the k-th finite point
(Kingma and Ba, 2015, section 3; TensorBoard draws the same at any spacing).

NaN and infinities, of values and of x, are stepped over: there the average so far stands. Nothing
overflows, and rounding does not grow with the number of points.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from epochal.errors import InvalidInput

BLOCK = 32
_STRETCH = 16
"""How many neighbors say together how far points usually are apart."""
_LARGE = 2.0**900
_DOWN = 2.0**-128
_NOTHING = 1e-100
"""What is so small changes no sum, and would only cost time as a denormal."""


def debiased_average(
    values: NDArray[np.float64],
    weight: float,
    x: NDArray[np.float64] | None = None,
    typical: float | None = None,
) -> NDArray[np.float64]:
    """Smooth a series.

    Args:
        values: float64, in x order.
        weight: between 0 and 1, both excluded; the share that the past keeps at each point.
        x: where the points lie, ascending; None for evenly spaced ones.
        typical: the typical distance on x, where the points are a part of a series; None for
            that of the points.

    Returns:
        For each point the average over all finite points up to it; NaN before the first one.

    Raises:
        InvalidInput: the weight is not between 0 and 1.
    """
    if not 0.0 < weight < 1.0:
        raise InvalidInput(f"a smoothing weight lies between 0 and 1; got {weight!r}")
    finite = np.isfinite(values) if x is None else np.isfinite(values) & np.isfinite(x)
    points = values[finite]
    if not len(points):
        return np.full(len(values), np.nan)
    kept = None if x is None else _kept(x[finite], weight, typical)
    average = _even(points, weight) if kept is None else _uneven(points, kept)
    if len(points) == len(values):
        return average
    latest = np.cumsum(finite) - 1
    smooth: NDArray[np.float64] = np.where(latest < 0, np.nan, average[latest])
    return smooth


def _even(points: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    average = _scan(points * (1.0 - weight), weight)
    average /= -np.expm1(np.arange(1, len(points) + 1) * np.log(weight))
    return average


def _kept(
    x: NDArray[np.float64], weight: float, typical: float | None
) -> NDArray[np.float64] | None:
    """The share of the past that each point keeps; None where points are evenly spaced."""
    with np.errstate(over="ignore", invalid="ignore"):
        gaps = np.diff(x)
        apart = gaps[gaps > 0]
        if not len(apart) or bool(np.all(gaps == (apart[0] if typical is None else typical))):
            return None
        if typical is None:
            typical = typical_distance(x)
        if not 0.0 < typical < np.inf:
            return None
        return np.concatenate([[0.0], np.exp(np.log(weight) * (gaps / typical))])


def typical_distance(x: NDArray[np.float64]) -> float:
    """How much of x, ascending and finite, a point usually takes; NaN of a single one."""
    x = x[np.concatenate([[True], np.diff(x) > 0])] if len(x) else x
    if len(x) < 2:
        return math.nan
    many = max(1, min(_STRETCH, len(x) // 8))
    return float(np.median((x[many:] - x[:-many]) / many))


def _uneven(points: NDArray[np.float64], kept: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted sums of points and of ones, by doubling how far back each sum reaches."""
    scale = _DOWN if np.abs(points).max() > _LARGE else 1.0
    sums = np.stack([points * scale, np.ones(len(points))])
    reach = 1
    while reach < len(points) and kept[reach:].any():
        sums[:, reach:] += kept[reach:] * sums[:, :-reach]
        kept[reach:] *= kept[:-reach].copy()
        kept[kept < _NOTHING] = 0.0
        reach *= 2
    average: NDArray[np.float64] = sums[0] / sums[1] / scale
    return average


def _scan(terms: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """``y[i] = weight*y[i-1] + terms[i]``: blocks by matrix product, then their ends likewise."""
    powers = _powers(weight, BLOCK)
    distance = np.subtract.outer(np.arange(BLOCK), np.arange(BLOCK))
    kernel = np.where(distance >= 0, powers[np.abs(distance)], 0.0)
    padded = np.zeros(-(-len(terms) // BLOCK) * BLOCK)
    padded[: len(terms)] = terms
    blocks = padded.reshape(-1, BLOCK) @ kernel.T
    if len(blocks) > 1:
        carried = _scan(np.ascontiguousarray(blocks[:-1, -1]), float(powers[-1] * weight))
        blocks[1:] += carried[:, None] * (powers * weight)
    return blocks.reshape(-1)[: len(terms)]


def _powers(weight: float, count: int) -> NDArray[np.float64]:
    powers: NDArray[np.float64] = np.power(weight, np.arange(count))
    # What is too small to change any sum would only cost time as a denormal.
    powers[powers < 1e-300] = 0.0
    return powers
