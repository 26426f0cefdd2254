"""Buckets of a long series over time, one stretch after the other.

Where steps and times rise together, the stretches of a series follow each other on the axis as
they do in the files: each is reduced by itself, and no more than one of them is in memory. The
answer is that of all points at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from epochal.store.buckets import Buckets, bucket_series, join_buckets, last_places
from epochal.store.loggrid import AnyGrid
from epochal.store.points import Window
from epochal.store.tails import averages_at, is_long


def time_extent(windows: Sequence[Window]) -> tuple[int, int] | None:
    """First and last time of a long series; None where it must be read as a whole.

    Raises:
        CorruptFile: a segment is damaged.
        OSError: a segment cannot be read.
    """
    if not is_long(windows):
        return None
    stretches = _in_order(windows)
    first, last = stretches[0].stretch.wall_us, stretches[-1].stretch.wall_us
    return int(first[0]), int(last[-1])


def bucket_times(
    windows: Sequence[Window], grid: AnyGrid, shift: int, *, smooth: float | None = None
) -> Buckets | None:
    """The buckets of a series that has a `time_extent`; None where its times go back.

    Args:
        windows: of the series.
        grid: over microseconds.
        shift: time of x = 0.
        smooth: weight of the moving average.

    Raises:
        CorruptFile: a segment is damaged.
        OSError: a segment cannot be read.
    """
    parts: list[Buckets] = []
    before: int | None = None
    for window in _in_order(windows):
        times = window.stretch.wall_us
        if (before is not None and times[0] < before) or bool(np.any(times[1:] < times[:-1])):
            return None
        before = int(times[-1])
        part = bucket_series(times - shift, window.stretch.value, grid)
        if len(part):
            parts.append(part)
    found = join_buckets(parts)
    if smooth is None:
        return found
    ends = last_places(found, grid) + shift
    return replace(found, smooth=averages_at(windows, ends, smooth, lambda one: one.wall_us))


def _in_order(windows: Sequence[Window]) -> list[Window]:
    return sorted(windows, key=lambda window: window.stretch.step_min)
