"""Series of several runs as one: their mean with the band of all of them, on the grid they share.

In a bucket a run counts with the mean of its finite points there. Where it has no point, but has
some before and after, it counts with the line between its neighbors, drawn over bucket numbers;
before its first and after its last point, and between two points with only NaN or infinite values
among them, it does not count. ``mean`` is the mean over the runs that count, ``std`` their sample
standard deviation (0 for one run), ``min`` and ``max`` the extremes of all points of all runs and
of those lines, ``runs`` how many count. Every run of the group is in it, never a sample, and no
extreme is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from epochal.store.buckets import Buckets, empty_buckets
from epochal.store.layout import Floats, Integers


class _Filled(NamedTuple):
    """One run on the buckets of its group; NaN where it does not count."""

    mean: Floats
    low: Floats
    high: Floats
    smooth: Floats | None


def combine(parts: Sequence[Buckets]) -> Buckets:
    """The buckets of a group.

    Args:
        parts: one for each run, all of one grid.

    Returns:
        Buckets wherever a run has a point; ``first`` and ``last`` are the mean.
    """
    present = [part for part in parts if len(part)]
    smoothed = bool(parts) and all(part.smooth is not None for part in parts)
    if not present:
        return replace(empty_buckets(smooth=smoothed), std=np.empty(0), runs=np.empty(0, np.int64))
    bucket = np.unique(np.concatenate([part.bucket for part in present]))
    filled = [_fill(part, bucket) for part in present]
    means = np.stack([one.mean for one in filled])
    counts = np.isfinite(means)
    runs = counts.sum(axis=0)
    mean = _mean(means, runs)
    deviation = np.where(counts, means - mean, 0.0)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        std = np.where(runs > 1, np.sqrt((deviation**2).sum(axis=0) / (runs - 1)), 0.0)
    std[runs == 0] = np.nan
    low = np.fmin.reduce([one.low for one in filled])
    high = np.fmax.reduce([one.high for one in filled])
    mean = np.clip(mean, low, high)
    smooth = None
    if smoothed:
        smooths = np.stack([one.smooth for one in filled if one.smooth is not None])
        smooth = _mean(smooths, np.isfinite(smooths).sum(axis=0))
    sums = {name: _sum(present, bucket, name) for name in ("n", "n_nan", "n_posinf", "n_neginf")}
    ends = _ends(present, bucket)
    return Buckets(
        bucket=bucket, x_first=ends[0], x_last=ends[1], first=mean, last=mean, min=low, max=high,
        mean=mean, smooth=smooth, std=std, runs=runs, **sums,
    )  # fmt: skip


def _fill(part: Buckets, bucket: Integers) -> _Filled:
    finite = part.n_finite > 0
    known = part.bucket[finite]
    if not len(known):
        nothing = np.full(len(bucket), np.nan)
        return _Filled(nothing, nothing, nothing, None if part.smooth is None else nothing)
    after = np.searchsorted(known, bucket)
    at = np.minimum(after, len(known) - 1)
    exact = known[at] == bucket
    # A stretch between two finite buckets is a gap when a bucket without finite values lies in it.
    breaks = np.searchsorted(part.bucket[~finite], known)
    bridged = (after > 0) & (after < len(known))
    bridged &= breaks[np.maximum(after, 1) - 1] == breaks[at]
    counted = exact | bridged

    def filled(values: Floats) -> Floats:
        line = np.interp(bucket, known, values[finite])
        return np.where(exact, values[finite][at], np.where(counted, line, np.nan))

    mean = filled(part.mean)
    low = np.where(exact, part.min[finite][at], mean)
    high = np.where(exact, part.max[finite][at], mean)
    return _Filled(mean, low, high, None if part.smooth is None else filled(part.smooth))


def _mean(rows: Floats, counts: Integers) -> Floats:
    """Mean over runs, formed of parts so that sums near the largest float do not overflow."""
    parts = np.where(np.isfinite(rows), rows, 0.0) / np.maximum(counts, 1)
    mean: Floats = np.where(counts > 0, parts.sum(axis=0), np.nan)
    return mean


def _sum(parts: Sequence[Buckets], bucket: Integers, name: str) -> Integers:
    total = np.zeros(len(bucket), np.int64)
    for part in parts:
        total[np.searchsorted(bucket, part.bucket)] += getattr(part, name)
    return total


def _ends(parts: Sequence[Buckets], bucket: Integers) -> tuple[Floats, Floats]:
    first = np.full(len(bucket), np.inf)
    last = np.full(len(bucket), -np.inf)
    for part in parts:
        places = np.searchsorted(bucket, part.bucket)
        first[places] = np.minimum(first[places], part.x_first)
        last[places] = np.maximum(last[places], part.x_last)
    return first, last
