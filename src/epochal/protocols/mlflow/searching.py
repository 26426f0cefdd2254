"""Conditions and orders on things that are few, in memory: experiments and models.

What `filters` reads is held against one thing's attributes, tags, params and metrics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from epochal.domain.tracked import Clause, Sort

__all__ = ["Thing", "choose", "matches"]

T = TypeVar("T")


class Thing(NamedTuple):
    """What may be asked of one experiment or model."""

    attributes: Mapping[str, Any]
    tags: Mapping[str, str]
    params: Mapping[str, str] = {}
    metrics: Mapping[str, float] = {}


def matches(value: str, pattern: str) -> bool:
    """SQL's LIKE with case: ``%`` is any text, ``_`` any character. Never slow, unlike regexes."""
    at = here = 0
    star, mark = -1, 0
    while at < len(value):
        if here < len(pattern) and pattern[here] == "%":
            star, mark, here = here, at, here + 1
        elif here < len(pattern) and pattern[here] in ("_", value[at]):
            at, here = at + 1, here + 1
        elif star >= 0:  # let the last % take one character more
            mark += 1
            at, here = mark, star + 1
        else:
            return False
    return all(character == "%" for character in pattern[here:])


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
    "like": matches,
    "ilike": lambda a, b: matches(a.lower(), b.lower()),
}


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
    chosen = [pair for pair in seen if all(_holds(clause, pair[1]) for clause in clauses)]
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


def _holds(clause: Clause, thing: Thing) -> bool:
    value = _value(clause.kind, clause.key, thing)
    if clause.operator in ("null", "not null"):
        return (value is None) == (clause.operator == "null")
    return value is not None and _COMPARE[clause.operator](value, clause.value)


def _sort_key(sort: Sort, pair: tuple[Any, Thing]) -> tuple[int, Any]:
    value = _value(sort.kind, sort.key, pair[1])
    empty: Any = 0 if sort.kind == "metric" else ""
    rank = 2 if value is None else 1 if isinstance(value, float) and math.isnan(value) else 0
    return (-rank if sort.descending else rank), (empty if rank else value)
