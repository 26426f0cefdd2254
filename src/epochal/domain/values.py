"""Numbers and nested values on their way in and out.

NaN is data: a value that is not finite keeps its bits in journals and segments and travels
through JSON as one of
three strings. Nothing here ever turns NaN into null or zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"


NAN: Final = "NaN"
INFINITY: Final = "Infinity"
NEGATIVE_INFINITY: Final = "-Infinity"
_NON_FINITE: Final = {NAN: math.nan, INFINITY: math.inf, NEGATIVE_INFINITY: -math.inf}

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
MAX_DEPTH: Final = 32
MAX_LEAVES: Final = 100_000


def number_to_json(value: float) -> float | str:
    """A number as JSON can carry it: itself, or ``"NaN"``, ``"Infinity"``, ``"-Infinity"``."""
    if math.isnan(value):
        return NAN
    if math.isinf(value):
        return INFINITY if value > 0 else NEGATIVE_INFINITY
    return value


def number_from_json(value: object) -> float | int | None:
    """The inverse of `number_to_json`; None when the value is no number."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        return _NON_FINITE.get(value)
    return None


def to_json(value: object) -> JsonValue:
    """Make any nested value fit for JSON: non-finite numbers become strings, keys become strings.

    Args:
        value: decoded msgpack: None, bool, int, float, str, bytes, list, tuple or mapping.

    Returns:
        A value that every JSON parser accepts. Bytes become their repr; integers past 64 bits
        become text.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if INT64_MIN <= value <= INT64_MAX else str(value)
    if isinstance(value, float):
        return number_to_json(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return repr(value)


def flatten(data: Mapping[str, object], separator: str = ".") -> Iterator[tuple[str, object]]:
    """Yield the leaves of a nested mapping with joined keys.

    ``{"a": {"b": 1}}`` gives ``("a.b", 1)``. An empty mapping is a leaf of its own.
    Deeper than 32 levels, the rest is one leaf.

    Args:
        data: a mapping without cycles.
        separator: what joins the keys.
    """
    stack: list[tuple[str, int, Iterator[tuple[str, object]]]] = [("", 0, iter(data.items()))]
    while stack:
        prefix, depth, items = stack[-1]
        for key, value in items:
            name = f"{prefix}{separator}{key}" if prefix else str(key)
            if isinstance(value, Mapping) and value and depth + 1 < MAX_DEPTH:
                stack.append((name, depth + 1, iter(value.items())))
                break
            yield name, value
        else:
            stack.pop()


def merge_nested(base: dict[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """Return ``base`` with ``changes`` laid over it, nested mappings merged key by key."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, Mapping):
            merged[key] = merge_nested(old, value)
        else:
            merged[key] = value
    return merged
