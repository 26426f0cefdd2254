"""Distributions: counts between edges, and what is known of the numbers."""

from __future__ import annotations

import itertools
from typing import Any

from epochal.errors import InvalidInput
from epochal.media.arrays import to_numpy
from epochal.media.draft import Draft
from epochal.media.optional import numpy

BINS = 64
MAX_BINS = 512


class Histogram:
    """A histogram to log.

    Args:
        sequence: numbers: an array, tensor or list of any shape. NaN and infinities are counted,
            not binned.
        np_histogram: counts and edges, as ``numpy.histogram`` gives them.
        num_bins: between the smallest and the largest number; at most 512.

    Raises:
        InvalidInput: neither or both were given, or they hold no numbers.

    Example:
        >>> run.log({"weights": epochal.Histogram(layer.weight)})
    """

    def __init__(
        self, sequence: Any = None, np_histogram: Any = None, num_bins: int = BINS
    ) -> None:
        if (sequence is None) == (np_histogram is None):
            raise InvalidInput("Histogram takes either a sequence of numbers or np_histogram=")
        self.counts: list[float]
        self.edges: list[float]
        self.stats: dict[str, float] = {}
        if np_histogram is not None:
            self.counts, self.edges = _read_counts(np_histogram)
            return
        if not 1 <= num_bins <= MAX_BINS:
            raise InvalidInput(
                f"Histogram: num_bins lies between 1 and {MAX_BINS}, got {num_bins}"
            )
        array = to_numpy(sequence, "Histogram").ravel()
        self.counts, self.edges, self.stats = _count(array, num_bins)

    @property
    def histogram(self) -> list[float]:
        """W&B's name for the counts."""
        return self.counts

    @property
    def bins(self) -> list[float]:
        """W&B's name for the edges."""
        return self.edges

    def __epochal_media__(self) -> list[Draft]:
        """See `epochal.media.draft`."""
        meta: dict[str, Any] = {"edges": self.edges, "counts": self.counts}
        if self.stats:
            meta["stats"] = self.stats
        return [Draft("histogram", meta)]


def _read_counts(value: Any) -> tuple[list[float], list[float]]:
    try:
        given, bounds = value
        counts = [_number(n) for n in given]
        edges = [float(n) for n in bounds]
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"np_histogram is a pair of counts and edges: {error}") from None
    if len(edges) != len(counts) + 1 or not counts:
        raise InvalidInput(
            f"np_histogram has one edge more than counts, got {len(counts)} counts and "
            f"{len(edges)} edges"
        )
    if len(counts) > MAX_BINS or any(a > b for a, b in itertools.pairwise(edges)):
        raise InvalidInput(f"np_histogram has at most {MAX_BINS} counts and edges that rise")
    return counts, edges


def _number(value: Any) -> float:
    number = float(value)
    return int(number) if number.is_integer() else number


def _count(array: Any, num_bins: int) -> tuple[list[float], list[float], dict[str, float]]:
    np = numpy()
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    if finite.dtype.kind in "bf" and finite.dtype != np.float64:
        finite = finite.astype(np.float32 if finite.dtype == np.float32 else np.float64)
    nan = int(np.isnan(array).sum()) if array.dtype.kind == "f" else 0
    stats: dict[str, float] = {"n": int(array.size), "nan": nan}
    stats["inf"] = int(array.size - finite.size) - nan
    if not finite.size:
        return [0], [0.0, 1.0], stats
    counts, edges = np.histogram(finite, bins=num_bins)
    wide = finite.astype(np.float64, copy=False)
    stats |= {"min": float(wide.min()), "max": float(wide.max()), "mean": float(wide.mean())}
    stats |= {"std": float(wide.std()), "norm": float(np.sqrt(np.dot(wide, wide)))}
    stats["zeros"] = int(array.size - np.count_nonzero(array))
    return [int(n) for n in counts], [float(n) for n in edges], stats
