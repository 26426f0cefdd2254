"""Nested mappings to flat keys, within limits: 32 levels, 100,000 leaves, no cycles.

``{"train": {"loss": 1}}`` becomes ``train.loss``. What lies past a limit is left out, and said
once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from epochal.client import guard
from epochal.client.metrics import computed
from epochal.domain.names import clean_key
from epochal.domain.values import MAX_DEPTH, MAX_LEAVES

MAX_REMEMBERED = 100_000

_cleaned: dict[str, str] = {}
_PLAIN = frozenset({bool, float, int, str, type(None), dict, list})


def key_of(raw: object) -> str:
    """The usable key for anything that stands as a key; says once what was changed about it."""
    if type(raw) is str:
        known = _cleaned.get(raw)
        if known is not None:
            return known
    name, problem = clean_key(raw)
    if problem is not None:
        guard.warn_once(("key", name), f"log(): {problem}")
    elif isinstance(raw, str):
        if len(_cleaned) >= MAX_REMEMBERED:
            _cleaned.clear()
        _cleaned[raw] = name
    return name


def leaves(data: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Yield ``(key, value)`` for every leaf.

    Keys are cleaned, joined with ``.``, and may repeat.
    """
    count = 0
    stack: list[tuple[str, int, Iterator[tuple[Any, Any]]]] = [
        ("", id(data), iter([*data.items()]))
    ]
    while stack:
        prefix, _, items = stack[-1]
        for raw, given in items:
            name = key_of(f"{prefix}.{raw}" if prefix else raw)
            value = given if type(given) in _PLAIN else computed(given)
            if isinstance(value, Mapping):
                if _may_enter(name, value, stack):
                    stack.append((name, id(value), iter([*value.items()])))
                    break
                continue
            count += 1
            if count > MAX_LEAVES:
                guard.warn_once(
                    "leaves",
                    f"log(): more than {MAX_LEAVES:,} values in one call; the rest is left out",
                )
                return
            yield name, value
        else:
            stack.pop()


def _may_enter(
    name: str, value: Mapping[Any, Any], stack: list[tuple[str, int, Iterator[tuple[Any, Any]]]]
) -> bool:
    if any(identity == id(value) for _, identity, _ in stack):
        guard.warn_once(
            ("cycle", name), f"log(): {name[:80]!r} contains itself; the inner one is left out"
        )
        return False
    if len(stack) >= MAX_DEPTH:
        guard.warn_once(
            "depth",
            f"log(): {name[:80]!r} is nested deeper than {MAX_DEPTH} levels and is left out",
        )
        return False
    return True
