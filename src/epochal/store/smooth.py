"""Smoothing on full data: the debiased exponential moving average, without a loop over points.

``s[i] = w*s[i-1] + (1-w)*v[i]`` from ``s = 0``, divided by ``1 - w**k`` at the k-th finite point
(Kingma and Ba, 2015, section 3; TensorBoard draws the same). NaN and infinities are stepped over:
there the average so far stands. Only sums with weights between 0 and 1 are formed, so nothing
overflows and rounding does not grow with the number of points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from epochal.errors import InvalidInput

BLOCK = 32


def debiased_average(values: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """Smooth a series.

    Args:
        values: float64, in x order.
        weight: between 0 and 1, both excluded; the share that the past keeps at each point.

    Returns:
        For each point the average over all finite points up to it; NaN before the first one.

    Raises:
        InvalidInput: the weight is not between 0 and 1.
    """
    if not 0.0 < weight < 1.0:
        raise InvalidInput(f"a smoothing weight lies between 0 and 1; got {weight!r}")
    finite = np.isfinite(values)
    points = values[finite]
    if not len(points):
        return np.full(len(values), np.nan)
    average = _scan(points * (1.0 - weight), weight)
    average /= -np.expm1(np.arange(1, len(points) + 1) * np.log(weight))
    if len(points) == len(values):
        return average
    latest = np.cumsum(finite) - 1
    smooth: NDArray[np.float64] = np.where(latest < 0, np.nan, average[latest])
    return smooth


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
