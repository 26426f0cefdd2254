"""Statistics of a column over the runs of many groups, all groups at a time.

Nothing is sampled: each statistic is over every run of its group. Values near the largest float
are scaled, so that neither mean nor deviation is infinite where it need not be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from epochal.domain.group import GroupCell
from epochal.store.codec import Floats, Integers
from epochal.store.runvalues import RunValues


class Members:
    """The runs of some groups, of which none is empty.

    Args:
        groups: places of runs for each; one may be in several.
    """

    def __init__(self, groups: Sequence[Sequence[int]]) -> None:
        counts = np.array([len(group) for group in groups], np.int64)
        self.places = np.concatenate([np.array(group, np.int64) for group in groups] or [_NO_RUNS])
        self.starts = np.cumsum(counts) - counts
        self.group = np.repeat(np.arange(len(groups)), counts)

    def sums(self, values: Floats) -> Floats:
        """Over each group, of one value for each member."""
        if not len(self.starts):
            return np.empty(0)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.add.reduceat(values, self.starts)


_HUGE: Final = 2.0**480
_SCALE: Final = 2.0**-600
_NO_RUNS = np.empty(0, np.int64)


def means(column: RunValues, members: Members) -> list[float | None]:
    """The mean of the finite numbers of each group; None where there is none."""
    values, finite = _finite_of(column, members)
    return _told(_means(values, members.sums(finite.astype(np.float64)), members))


def group_cells(column: RunValues, members: Members) -> list[GroupCell]:
    """What is told of a column for each group."""
    if not len(members.starts):
        return []
    values, finite = _finite_of(column, members)
    n_finite = members.sums(finite.astype(np.float64))
    mean = _means(values, n_finite, members)
    std = _deviations(values, finite, mean, members)
    least = np.minimum.reduceat(np.where(finite, values, np.inf), members.starts)
    most = np.maximum.reduceat(np.where(finite, values, -np.inf), members.starts)
    present = column.present[members.places]
    n = members.sums(present.astype(np.float64))
    bad = members.sums(column.counted[members.places].astype(np.float64)) - n_finite
    distinct = _distinct(column, present, members)
    shared = _shared(column, distinct, present, members)
    told = zip(
        n.astype(np.int64).tolist(), bad.astype(np.int64).tolist(), distinct.tolist(), shared,
        _told(mean), _told(std), _told(least), _told(most), strict=True,
    )  # fmt: skip
    return [GroupCell(*cell) for cell in told]


def _finite_of(column: RunValues, members: Members) -> tuple[Floats, Any]:
    """The numbers of all members, 0 where one has no finite number; and where one has."""
    numbers = column.numbers[members.places]
    finite = np.isfinite(numbers)
    return np.where(finite, numbers, 0.0), finite


def _means(values: Floats, n_finite: Floats, members: Members) -> Floats:
    scale = _scales(values, members)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if scale is None:
            return members.sums(values) / n_finite
        mean: Floats = members.sums(values * scale[members.group]) / n_finite / scale
        return np.clip(mean, values.min(), values.max())  # what rounding puts past the largest


def _deviations(values: Floats, finite: Any, mean: Floats, members: Members) -> Floats:
    """Of the members of each group from its mean."""
    counted = members.sums(finite.astype(np.float64)) - 1
    scale = _scales(values, members)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if scale is not None:
            values, mean = values * scale[members.group], mean * scale
        off = np.where(finite, values - mean[members.group], 0.0)
        std: Floats = np.sqrt(members.sums(off * off) / counted)
        return np.where(counted > 0, std if scale is None else std / scale, np.nan)


def _scales(values: Floats, members: Members) -> Floats | None:
    """For each group a power of two that keeps its sums of squares from overflowing.

    None where none is in danger.
    """
    sizes = np.abs(values)
    if float(sizes.max(initial=0.0)) <= _HUGE:
        return None
    return np.where(np.maximum.reduceat(sizes, members.starts) > _HUGE, _SCALE, 1.0)


def _distinct(column: RunValues, present: Any, members: Members) -> Integers:
    """How many different values each group has."""
    codes = column.codes[members.places]
    wide = int(codes.max(initial=0)) + 1
    pairs = np.sort((members.group * wide + codes)[present])
    first = np.ones(len(pairs), np.bool_)
    first[1:] = pairs[1:] != pairs[:-1]
    return np.bincount(pairs[first] // wide, minlength=len(members.starts))


def _shared(column: RunValues, distinct: Integers, present: Any, members: Members) -> list[Any]:
    """The value of those groups whose runs have no other."""
    found: list[Any] = [None] * len(distinct)
    if not (distinct == 1).any():
        return found
    groups, firsts = np.unique(members.group[present], return_index=True)
    places = members.places[present][firsts]
    for group, place in zip(groups.tolist(), places.tolist(), strict=True):
        if distinct[group] == 1:
            found[group] = column.value(place)
    return found


def _told(values: Floats) -> list[float | None]:
    """None for what is not finite."""
    return [
        v if ok else None
        for v, ok in zip(values.tolist(), np.isfinite(values).tolist(), strict=True)
    ]
