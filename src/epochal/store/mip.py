"""The coarse copy of a long column: its buckets on a power-of-two grid of about 64 points each.

The cells lie on the same grid as every chart (bucket widths are powers of two, origins multiples
of them), so the buckets of a chart on the step axis are unions of whole cells: min, max, first,
last and all counts are exact at any zoom that is coarser than the cells, edges included. Nothing
snaps and no NaN is hidden. The mean of a cell is kept as precisely as the column's own values are
stored.

A mip exists only where steps strictly increase; elsewhere the points themselves are read.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

from epochal.store.buckets import Buckets
from epochal.store.codec import Bytes, Floats, Integers, decode, encode, narrow
from epochal.store.grid import Grid

POINTS_PER_CELL: Final = 64
MIN_ROWS: Final = 1024
"""Shorter columns have no mip: reading their points is as fast."""

_LENGTHS: Final = struct.Struct("<III")


class Mip:
    """The cells of one column, decoded.

    Args:
        grid: the grid of the cells.
        cells: its buckets.
    """

    __slots__ = ("cells", "grid")

    def __init__(self, grid: Grid, cells: Buckets) -> None:
        self.grid = grid
        self.cells = cells


class CrossedCells(Mip):
    """The cells of a series over the values of another one.

    Args:
        grid: over those values.
        cells: its buckets.
        bounds: the lowest and the highest finite one of those values; None when there is none.
        positive: the lowest one above 0, infinite when there is none.
    """

    __slots__ = ("bounds", "positive")

    def __init__(
        self, grid: Grid, cells: Buckets, bounds: tuple[float, float] | None, positive: float
    ) -> None:
        super().__init__(grid, cells)
        self.bounds = bounds
        self.positive = positive


class TimedCells(Mip):
    """The cells of a series over time.

    Args:
        grid: over microseconds from a moment.
        cells: its buckets.
        bounds: the first and the last of those microseconds; None when there is no point.
        rising: the points follow each other in time as they do in steps.
    """

    __slots__ = ("bounds", "rising")

    def __init__(
        self, grid: Grid, cells: Buckets, bounds: tuple[int, int] | None, *, rising: bool
    ) -> None:
        super().__init__(grid, cells)
        self.bounds = bounds
        self.rising = rising


def cell_grid(step_min: int, step_max: int, rows: int) -> Grid:
    """The grid whose cells hold about 64 of ``rows`` evenly spread steps."""
    width = POINTS_PER_CELL * (step_max - step_min + 1) // max(rows, 1)
    exponent = max(0, (width - 1).bit_length())
    first, last = step_min >> exponent, step_max >> exponent
    return Grid(first << exponent, 2.0**exponent, last - first + 1)


def encode_axis(cells: Buckets) -> bytes:
    """The part that all columns of a group share: which cells, how many points, which steps."""
    offsets = np.concatenate((cells.x_first, cells.x_last)).astype(np.int64)
    return _join(encode(cells.bucket), encode(cells.n), encode(offsets))


def encode_cells(cells: Buckets, values: Floats | Integers) -> bytes:
    """The part of one column; ``values``, its points, decide how precisely means are kept."""
    extremes = np.concatenate((cells.min, cells.max, cells.first, cells.last))
    mean = cells.mean
    if values.dtype == np.float64 and narrow(values.view(np.float64)) is not None:
        mean = _at_most(mean.astype(np.float32).astype(np.float64), cells)
    counts = np.concatenate((cells.n_nan, cells.n_posinf, cells.n_neginf))
    return _join(encode(extremes), encode(mean), encode(counts) if counts.any() else b"")


def decode_mip(grid: Grid, axis: Bytes, column: Bytes) -> Mip:
    """Read a mip from its two parts.

    Raises:
        ValueError: a part is damaged.
    """
    bucket, n, offsets = (_integers(part) for part in _split(axis))
    extremes, mean, counts = _split(column)
    count = len(bucket)
    low, high, first, last = _rows(_floats(extremes), 4, count)
    tallies = _integers(counts) if len(counts) else np.zeros(3 * count, np.int64)
    n_nan, n_posinf, n_neginf = _rows(tallies, 3, count)
    x_first, x_last = _rows(offsets.astype(np.float64), 2, count)
    if len(n) != count:
        raise ValueError(f"a mip should count the points of {count} cells; got {len(n)}")
    cells = Buckets(
        bucket=bucket,
        n=n,
        x_first=x_first,
        x_last=x_last,
        first=first,
        last=last,
        min=low,
        max=high,
        mean=_rows(_floats(mean), 1, count)[0],
        n_nan=n_nan,
        n_posinf=n_posinf,
        n_neginf=n_neginf,
    )
    return Mip(grid, cells)


def _at_most(mean: Floats, cells: Buckets) -> Floats:
    with np.errstate(invalid="ignore"):
        bounded: Floats = np.clip(mean, cells.min, cells.max)
    return bounded


def _join(*parts: bytes) -> bytes:
    return b"".join((_LENGTHS.pack(*map(len, parts)), *parts))


def _split(block: Bytes) -> list[memoryview]:
    view = memoryview(block)
    if len(view) < _LENGTHS.size:
        raise ValueError(f"a mip has at least {_LENGTHS.size} bytes; got {len(view)}")
    parts: list[memoryview] = []
    at = _LENGTHS.size
    for length in _LENGTHS.unpack_from(view):
        parts.append(view[at : at + length])
        at += length
    if at != len(view):
        raise ValueError(f"a mip should have {at} bytes; got {len(view)}")
    return parts


def _integers(block: Bytes) -> Integers:
    values = decode(block)
    if values.dtype != np.int64:
        raise ValueError("a mip holds floats where it should hold integers")
    return values.view(np.int64)


def _floats(block: Bytes) -> Floats:
    values = decode(block)
    if values.dtype != np.float64:
        raise ValueError("a mip holds integers where it should hold floats")
    return values.view(np.float64)


def _rows(values: NDArray[np.generic], rows: int, count: int) -> NDArray[np.generic]:
    if len(values) != rows * count:
        raise ValueError(f"a mip should hold {rows} x {count} values; got {len(values)}")
    return values.reshape(rows, count)
