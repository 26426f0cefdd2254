"""Buckets and points as the binary columns of docs/internals/wire.md.

A bucket column is float32 where that is enough to draw it truly: every finite value stays finite,
none but 0 becomes 0, and in each series rounding moves no value by more than 1/4096 of the series'
own extent in that column. Otherwise the whole column is float64. Points are bit-exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from epochal.domain.columns import pack_columns
from epochal.store.buckets import Buckets
from epochal.store.codec import Floats
from epochal.store.loggrid import AnyGrid, LogGrid
from epochal.store.points import Points, View

Field: TypeAlias = Literal["first", "last", "min", "max", "mean"]

FIELDS: Final[tuple[Field, ...]] = ("first", "last", "min", "max", "mean")
VISIBLE_PART: Final = 1 / 4096


def pack_buckets(
    grid: AnyGrid,
    series: Sequence[tuple[str, str, Buckets]],
    *,
    x: str | dict[str, str],
    lo: float,
    hi: float,
    fields: Sequence[Field] = FIELDS,
) -> bytes:
    """The answer to a `BucketQuery`.

    Args:
        grid: shared by all series.
        series: run uid (empty for a group), key or formula, and buckets of each, in the order
            asked for.
        x: the x-axis as asked for: ``"step"``, ``"wall"``, ``"relative"`` or ``{"metric": key}``.
        lo: lowest x in view.
        hi: highest x in view.
        fields: value columns wanted.
    """
    parts = [buckets for _, _, buckets in series]
    starts = np.cumsum([0, *map(len, parts)])
    columns: list[tuple[str, NDArray[Any]]] = [
        ("bucket", _places(parts, grid)),
        ("x_first", _real(parts, "x_first").astype(np.float32)),
        ("x_last", _real(parts, "x_last").astype(np.float32)),
        ("n", _whole(parts, "n")),
    ]
    chosen = [field for field in FIELDS if field in fields]
    columns += [(field, _drawable(_real(parts, field), starts)) for field in chosen]
    for name in ("n_nan", "n_posinf", "n_neginf"):
        counts = _whole(parts, name)
        if counts.any():
            columns.append((name, counts))
    if parts and all(part.smooth is not None for part in parts):
        columns.append(("smooth", _drawable(_real(parts, "smooth"), starts)))
    if any(part.std is not None for part in parts):
        columns.append(
            ("std", _drawable(_stack([_std(part) for part in parts], np.float64), starts))
        )
        columns.append(
            ("runs", _stack([_runs(part) for part in parts], np.int64).astype(np.uint32))
        )
    listed = [
        {
            "run": run,
            "key": key,
            "start": int(start),
            "count": len(buckets),
            "points": int(buckets.n.sum()),
            "n_nan": int(buckets.n_nan.sum()),
            "exact": bool(np.all(buckets.n <= 1)),
        }
        for (run, key, buckets), start in zip(series, starts, strict=False)
    ]
    head = {"x": x, **_spacing(grid), "lo": lo, "hi": hi}
    return pack_columns({**head, "series": listed}, columns)


def pack_points(run: str, view: View, series: Sequence[tuple[str, Points]]) -> bytes:
    """The answer to a `PointQuery`.

    Args:
        run: the run's uid.
        view: the view that the points are in.
        series: key and points of each, in the order asked for.
    """
    parts = [points for _, points in series]
    starts = np.cumsum([0, *map(len, parts)])
    integer = bool(parts) and all(points.integer for points in parts)
    dtype = np.int64 if integer else np.float64
    columns: list[tuple[str, NDArray[Any]]] = [
        ("step", _stack([points.step for points in parts], np.int64)),
        ("wall_us", _stack([points.wall_us for points in parts], np.int64)),
        ("value", _stack([points.value for points in parts], dtype)),
    ]
    listed = [
        {"key": key, "start": int(start), "count": len(points), "integer": points.integer}
        for (key, points), start in zip(series, starts, strict=False)
    ]
    return pack_columns({"run": run, "view": view, "series": listed}, columns)


def _spacing(grid: AnyGrid) -> dict[str, Any]:
    if isinstance(grid, LogGrid):
        return {"scale": "log", "width": grid.unit, "origin": 0}
    return {"scale": "linear", "width": grid.width, "origin": grid.origin}


def _places(parts: Sequence[Buckets], grid: AnyGrid) -> NDArray[Any]:
    """Where the buckets start, in widths from the origin."""
    if not isinstance(grid, LogGrid):
        return _whole(parts, "bucket")
    return grid.starts(_stack([part.bucket for part in parts], np.int64)) / grid.unit


def _std(part: Buckets) -> Floats:
    return np.zeros(len(part)) if part.std is None else part.std


def _runs(part: Buckets) -> NDArray[np.int64]:
    return (part.n_finite > 0).astype(np.int64) if part.runs is None else part.runs


def _stack(arrays: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    if not arrays:
        return np.empty(0, dtype)
    return np.concatenate(arrays, dtype=dtype)


def _whole(parts: Sequence[Buckets], name: str) -> NDArray[np.uint32]:
    return _stack([getattr(part, name) for part in parts], np.int64).astype(np.uint32)


def _real(parts: Sequence[Buckets], name: str) -> Floats:
    return _stack([getattr(part, name) for part in parts], np.float64)


def _drawable(values: Floats, starts: NDArray[np.int64]) -> NDArray[Any]:
    """The column as float32 where that draws the same picture."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        small = values.astype(np.float32)
        rounded = small.astype(np.float64)
        lost = np.isfinite(values) & (~np.isfinite(rounded) | ((rounded == 0) & (values != 0)))
        if lost.any():
            return values
        begins = starts[:-1][np.diff(starts) > 0]
        if not len(begins):
            return small
        moved = np.fmax.reduceat(np.abs(rounded - values), begins)
        extent = np.fmax.reduceat(values, begins) - np.fmin.reduceat(values, begins)
        blurred = (extent > 0) & (moved > extent * VISIBLE_PART)
    return values if blurred.any() else small
