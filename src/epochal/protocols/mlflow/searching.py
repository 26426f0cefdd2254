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
    """What may be asked of one experiment or model; of a metric, its last value."""

    attributes: Mapping[str, Any]
    tags: Mapping[str, str]
    params: Mapping[str, str] = {}
    metrics: Mapping[str, float] = {}


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
    chosen = [pair for pair in seen if _meets_all(pair[1], clauses)]
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
            return thing.metrics.get(key)
    return thing.attributes.get(key)


def _meets_all(thing: Thing, clauses: Sequence[Clause]) -> bool:
    return all(holds(clause, _value(clause.kind, clause.key, thing)) for clause in clauses)


def _sort_key(sort: Sort, pair: tuple[Any, Thing]) -> tuple[int, Any]:
    value = _value(sort.kind, sort.key, pair[1])
    empty: Any = 0 if sort.kind == "metric" else ""
    rank = 2 if value is None else 1 if isinstance(value, float) and math.isnan(value) else 0
    return (-rank if sort.descending else rank), (empty if rank else value)
