"""The front holds what nothing beats, whatever the directions."""

from __future__ import annotations

import random

from epochal.domain.front import front_of


def test_the_front_is_what_nothing_beats() -> None:
    """Checked against every pair."""
    source = random.Random(4)
    told = [[source.randint(0, 9), source.randint(0, 9), source.randint(0, 9)] for _ in range(80)]
    maximize = [False, True, False]
    signs = [1, -1, 1]

    def beats(one: list[int], other: list[int]) -> bool:
        a = [v * s for v, s in zip(one, signs, strict=True)]
        b = [v * s for v, s in zip(other, signs, strict=True)]
        return a != b and all(x <= y for x, y in zip(a, b, strict=True))

    slow = [n for n, one in enumerate(told) if not any(beats(other, one) for other in told)]
    assert front_of(told, maximize) == slow


def test_equals_stay_and_nothing_has_no_front() -> None:
    assert front_of([[1.0, 2.0], [1.0, 2.0], [2.0, 2.0]], [False, False]) == [0, 1]
    assert front_of([], [True]) == []
