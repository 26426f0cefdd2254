"""The signed-rank test says what SciPy's says, and counts ties exactly."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from epochal.search.ranks import chance


def counted(differences: list[float]) -> float:
    """The chance as its definition has it: over all choices of signs."""
    sizes = [abs(one) for one in differences]
    ranks = [
        sum(other < one for other in sizes) + (sum(other == one for other in sizes) + 1) / 2
        for one in sizes
    ]
    above = sum(rank for rank, one in zip(ranks, differences, strict=True) if one > 0)
    free = [rank for rank, one in zip(ranks, differences, strict=True) if one != 0]
    sums = [
        sum(rank for rank, up in zip(free, ups, strict=True) if up)
        for ups in itertools.product((False, True), repeat=len(free))
    ]
    return sum(one >= above for one in sums) / len(sums)


@pytest.mark.parametrize("seed", range(5))
def test_a_few_pairs_are_counted_with_ties_and_pairs_that_are_equal(seed: int) -> None:
    source = random.Random(seed)
    differences = [float(source.randint(-3, 4)) for _ in range(9)]
    assert math.isclose(chance(differences), counted(differences)), differences


@pytest.mark.parametrize("pairs", [5, 25, 26, 400])
def test_it_agrees_with_scipy(pairs: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    source = random.Random(pairs)
    differences = [source.gauss(0.1, 1.0) for _ in range(pairs)]
    expected = stats.wilcoxon(differences, alternative="greater", correction=pairs > 25).pvalue
    assert chance(differences) == pytest.approx(float(expected), rel=1e-9 if pairs <= 25 else 0.02)


def test_pairs_that_do_not_differ_prove_nothing() -> None:
    assert chance([]) == 1.0
    assert chance([0.0, 0.0]) == 1.0
    assert chance([math.inf, math.nan, 1.0]) == 1 / 8
