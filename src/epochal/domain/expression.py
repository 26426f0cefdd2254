"""What a ``where`` expression means, as frozen values, and the plain evaluator that defines it.

The laws, which the SQL of `store.search` is tested against:

- A comparison with a missing value is false, ``!=`` included. ``not`` then makes it true.
- A number and a text are never equal and never ordered; ``!=`` between them is true.
- ``== nan`` finds NaN, ``!= nan`` finds everything else that is there; NaN is never smaller or
  larger than anything.
- true and false count as 1 and 0.
- ``like`` knows ``*`` and ``?`` and ignores the case of ASCII letters; only texts can match.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

FieldKind = Literal[
    "attribute", "config", "summary", "tags", "last", "min", "max", "mean", "count"
]
Operator = Literal["==", "!=", "<", "<=", ">", ">="]


class Field(msgspec.Struct, frozen=True):
    """Something of a run that has a value.

    An attribute, a config or summary key, a tag that has a value, or an aggregate of a series.
    """

    kind: FieldKind
    name: str


class Ago(msgspec.Struct, frozen=True):
    """A moment before now, in seconds."""

    seconds: float


Value: TypeAlias = bool | int | float | str | Ago
Scalar: TypeAlias = bool | int | float | str | None


class Comparison(msgspec.Struct, frozen=True):
    """``field operator value``."""

    field: Field
    operator: Operator
    value: Value


class Membership(msgspec.Struct, frozen=True):
    """``field in [value, ...]``: equal to any of them."""

    field: Field
    values: tuple[Value, ...]


class HasTag(msgspec.Struct, frozen=True):
    """``"tag" in tags``."""

    tag: str


class Like(msgspec.Struct, frozen=True):
    """``field like "pattern*"``."""

    field: Field
    pattern: str


class Exists(msgspec.Struct, frozen=True):
    """``exists(field)``: the run has a value there; NaN is a value."""

    field: Field


class And(msgspec.Struct, frozen=True):
    """All of them."""

    items: tuple[Expression, ...]


class Or(msgspec.Struct, frozen=True):
    """Any of them."""

    items: tuple[Expression, ...]


class Not(msgspec.Struct, frozen=True):
    """The opposite."""

    item: Expression


class Order(msgspec.Struct, frozen=True):
    """One sort criterion. Missing values come last in both directions."""

    field: Field
    descending: bool


Expression: TypeAlias = Comparison | Membership | HasTag | Like | Exists | And | Or | Not
Lookup: TypeAlias = Callable[[Field], Scalar]
"""Gives a field's value of one run, None when it is missing."""


def matches(  # one return for each kind of condition
    expression: Expression | None,
    lookup: Lookup,
    tags: frozenset[str] = frozenset(),
    now_us: int = 0,
) -> bool:
    """Whether one run satisfies the expression. The reference for every faster way.

    Args:
        expression: as parsed; None matches everything.
        lookup: values of the run.
        tags: the run's tags.
        now_us: what ``ago(...)`` counts from, microseconds since 1970 UTC.
    """
    match expression:
        case None:
            return True
        case And(items):
            return all(matches(item, lookup, tags, now_us) for item in items)
        case Or(items):
            return any(matches(item, lookup, tags, now_us) for item in items)
        case Not(item):
            return not matches(item, lookup, tags, now_us)
        case HasTag(tag):
            return tag in tags
        case Exists(field):
            return lookup(field) is not None
        case Like(field, pattern):
            return like(lookup(field), pattern)
        case Membership(field, values):
            found = lookup(field)
            return any(compare(found, "==", resolve(value, now_us)) for value in values)
        case Comparison(field, operator, value):
            return compare(lookup(field), operator, resolve(value, now_us))


def fields_of(expression: Expression | None) -> Iterator[Field]:
    """Every field that the expression looks at, repetitions included."""
    match expression:
        case And(items) | Or(items):
            for item in items:
                yield from fields_of(item)
        case Not(item):
            yield from fields_of(item)
        case Comparison(field) | Membership(field) | Like(field) | Exists(field):
            yield field


def asks_archived(expression: Expression | None) -> bool:
    """Whether the expression itself says which archived runs are meant; none are hidden then."""
    return Field("attribute", "archived") in fields_of(expression)


def resolve(value: Value, now_us: int) -> bool | int | float | str:
    """The value itself, or the moment in microseconds that an `Ago` stands for."""
    return now_us - round(value.seconds * 1e6) if isinstance(value, Ago) else value


def compare(  # one return for each operator
    found: Scalar, operator: Operator, value: bool | float | str
) -> bool:
    """One comparison under the laws of this module."""
    if found is None:
        return False
    if isinstance(found, str) != isinstance(value, str):
        return operator == "!="
    if isinstance(found, float) and isinstance(value, float) and _both_nan(found, value):
        return operator == "=="
    match operator:
        case "==":
            return found == value
        case "!=":
            return found != value
        case "<":
            return found < value  # type: ignore[operator]  # both text or both numbers
        case "<=":
            return found <= value  # type: ignore[operator]
        case ">":
            return found > value  # type: ignore[operator]
        case ">=":
            return found >= value  # type: ignore[operator]


def like(found: Scalar, pattern: str) -> bool:
    """Whether a text fits a pattern of ``*`` and ``?``."""
    return isinstance(found, str) and _pattern(pattern).fullmatch(found) is not None


def _both_nan(found: float, value: float) -> bool:
    return math.isnan(found) and math.isnan(value)


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    text = "".join(parts.get(character, _letter(character)) for character in pattern)
    return re.compile(text, re.DOTALL)


def _letter(character: str) -> str:
    if character.isascii() and character.isalpha():
        return f"[{character.lower()}{character.upper()}]"
    return re.escape(character)
