"""What no other beats: the front of several objectives (Pareto)."""

from __future__ import annotations

from collections.abc import Sequence


def front_of(outcomes: Sequence[Sequence[float]], maximize: Sequence[bool]) -> list[int]:
    """Places of the outcomes that no other one beats.

    Args:
        outcomes: finite numbers, one for each objective.
        maximize: for each objective, whether more is better.

    Returns:
        Places in order. One outcome beats another when it is nowhere worse and somewhere better;
        equal ones both stay.

    Example:
        >>> front_of([[1.0, 5.0], [2.0, 2.0], [3.0, 3.0]], [False, False])
        [0, 1]
    """
    told = [
        tuple(-v if up else v for v, up in zip(one, maximize, strict=True)) for one in outcomes
    ]
    kept: list[tuple[float, ...]] = []
    for one in sorted(set(told)):  # whoever beats it stands before it
        if not any(all(a <= b for a, b in zip(other, one, strict=True)) for other in kept):
            kept.append(one)
    best = set(kept)
    return [place for place, one in enumerate(told) if one in best]
