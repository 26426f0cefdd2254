"""Conditions and orders on things that are few, in memory: experiments and models.

What `filters` reads is held against one thing's attributes, tags, params and metrics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from epochal.domain.matching import holds
from epochal.domain.tracked import Clause, Sort

__all__ = ["Thing", "choose"]

T = TypeVar("T")


class Thing(NamedTuple):
    """What may be asked of one experiment or model.

    Of a metric every value may meet a condition, and the last one gives the order.
    """

    attributes: Mapping[str, Any]
    tags: Mapping[str, str]
    params: Mapping[str, str] = {}
    metrics: Mapping[str, Sequence[float]] = {}


def choose(
    items: Sequence[T],
    view: Callable[[T], Thing],
    clauses: Sequence[Clause],
    order: Sequence[Sort],
) -> list[T]:
    """The items that meet all conditions, in order; equal ones keep theirs.

    Args:
        items: all of them, in the order that decides at last.
        view: what may be asked of an item.
        clauses: all must hold; a missing value meets none but ``null``.
        order: missing values come last in both directions, NaN just before them.
    """
    seen = [(item, view(item)) for item in items]
    chosen = [pair for pair in seen if all(_meets(clause, pair[1]) for clause in clauses)]
    for sort in reversed(order):  # Python's sort is stable: the last criterion goes first
        chosen.sort(key=partial(_sort_key, sort), reverse=sort.descending)
    return [item for item, _ in chosen]


def _value(kind: str, key: str, thing: Thing) -> Any:
    match kind:
        case "tag":
            return thing.tags.get(key)
        case "param":
            return thing.params.get(key)
        case "metric":
            values = thing.metrics.get(key)
            return values[-1] if values else None
    return thing.attributes.get(key)


def _meets(clause: Clause, thing: Thing) -> bool:
    if clause.kind == "metric":
        return any(holds(clause, value) for value in thing.metrics.get(clause.key, ()))
    return holds(clause, _value(clause.kind, clause.key, thing))


def _sort_key(sort: Sort, pair: tuple[Any, Thing]) -> tuple[int, Any]:
    value = _value(sort.kind, sort.key, pair[1])
    empty: Any = 0 if sort.kind == "metric" else ""
    rank = 2 if value is None else 1 if isinstance(value, float) and math.isnan(value) else 0
    return (-rank if sort.descending else rank), (empty if rank else value)
