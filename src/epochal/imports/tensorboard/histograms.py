"""Histograms of both forms as counts between edges. Pure.

Runs of empty buckets become one, which changes nothing that can be seen and keeps TensorFlow's
1,500 logarithmic buckets small.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from epochal.imports.tensorboard.wire import Message, packed_fixed

_HUGE: Final = 1e300
"""TensorFlow's outermost buckets end at the largest double."""


def read_histogram(data: bytes) -> dict[str, Any]:
    """Edges, counts and stats of a ``HistogramProto``.

    Raises:
        Malformed: it is none.
    """
    message = Message(data)
    low, high, count, total, squares = (message.double(number) for number in range(1, 6))
    limits = np.frombuffer(packed_fixed(message, 6, 8), "<f8")
    counts = np.frombuffer(packed_fixed(message, 7, 8), "<f8")
    size = min(len(limits), len(counts))
    rights = limits[:size]
    lefts = np.concatenate([[min(low, rights[0])], rights[:-1]]) if size else rights
    found = collapse(
        np.where(lefts < -_HUGE, low, lefts), np.where(rights > _HUGE, high, rights), counts[:size]
    )
    if count > 0:
        mean = total / count
        figures = {"n": count, "min": low, "max": high, "mean": mean}
        figures["std"] = math.sqrt(max(0.0, squares / count - mean * mean))
        found["stats"] = {name: value for name, value in figures.items() if math.isfinite(value)}
    return found


def read_buckets(array: NDArray[np.generic]) -> dict[str, Any]:
    """Edges, counts and stats of a tensor of (left, right, count)."""
    table = array.astype(np.float64)
    found = collapse(table[:, 0], table[:, 1], table[:, 2])
    total = float(table[:, 2].sum())
    if math.isfinite(total) and total > 0:
        found["stats"] = {"n": total}
    return found


def collapse(
    lefts: NDArray[np.float64], rights: NDArray[np.float64], counts: NDArray[np.float64]
) -> dict[str, Any]:
    """Edges and counts without empty buckets at the ends, runs of others joined."""
    full = np.flatnonzero(counts)
    sound = np.isfinite(lefts).all() and np.isfinite(rights).all() and np.isfinite(counts).all()
    if not len(full) or not sound:
        return {"edges": [0.0, 1.0], "counts": [0]}
    edges = [float(lefts[full[0]])]
    heights: list[float] = []
    for index in full.tolist():
        left, right = max(float(lefts[index]), edges[-1]), float(rights[index])
        if left > edges[-1]:
            edges.append(left)
            heights.append(0)
        edges.append(max(left, right))
        heights.append(_whole(float(counts[index])))
    return {"edges": edges, "counts": heights}


def _whole(number: float) -> float:
    return int(number) if number.is_integer() else number
