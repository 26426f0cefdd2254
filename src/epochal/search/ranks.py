"""Wilcoxon's signed-rank test: whether paired differences are above zero, or so by chance.

Exact for a few pairs, ties included; for more of them by the normal distribution. Where pairs are
equal, half of their ranks counts for either side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Final

EXACT: Final = 25
"""Pairs up to which all signs are counted."""


def chance(differences: Sequence[float]) -> float:
    """How likely ranks as high as these are for the positive side, if each sign were a coin toss.

    Args:
        differences: of pairs; infinite ones are the largest. One that is not a number counts as
            infinite: what it comes from is the worst there can be.

    Returns:
        From 0 to 1; 1 when no pair differs.
    """
    given = [math.inf if math.isnan(one) else one for one in differences]
    ranks = _doubled_ranks([abs(one) for one in given])
    signed = [rank for rank, one in zip(ranks, given, strict=True) if one != 0.0]
    above = sum(rank for rank, one in zip(ranks, given, strict=True) if one > 0.0)
    if not signed:
        return 1.0
    if len(signed) <= EXACT:
        counts = _counts(signed)
        return sum(counts[above:]) / (1 << len(signed))
    deviation = math.sqrt(sum(rank * rank for rank in signed)) / 2
    return math.erfc((above - 1 - sum(signed) / 2) / deviation / math.sqrt(2)) / 2


def _doubled_ranks(sizes: Sequence[float]) -> list[int]:
    """Twice the rank of each, from 2; equal ones share the mean of theirs, so all are whole."""
    ranks = [0] * len(sizes)
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    before = 0
    for _, equal in groupby(order, key=sizes.__getitem__):
        places = list(equal)
        for place in places:
            ranks[place] = 2 * before + len(places) + 1
        before += len(places)
    return ranks


def _counts(ranks: Sequence[int]) -> list[int]:
    """In how many of all choices of signs the positive ranks have each sum."""
    counts = [1]
    for rank in ranks:
        longer = counts + [0] * rank
        for total, count in enumerate(counts):
            longer[total + rank] += count
        counts = longer
    return counts
