"""Which aggregate of a series a run's summary shows, by the definitions that the run made.

The first entry of a definition's ``summary`` decides the value shown under the key itself; every
further one is shown as ``key.min`` and so on. An exact name wins over a pattern, a longer pattern
over a shorter one.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from epochal.domain.view import DefinitionRow


class Rule(IntEnum):
    """What ``latest.rule`` holds."""

    LAST = 0
    MIN = 1
    MAX = 2
    MEAN = 3
    NONE = 4


_WORDS = {
    "last": Rule.LAST,
    "min": Rule.MIN,
    "max": Rule.MAX,
    "mean": Rule.MEAN,
    "none": Rule.NONE,
}
_NAMES = {rule: word for word, rule in _WORDS.items()}


def find_definition(definitions: Iterable[DefinitionRow], key: str) -> DefinitionRow | None:
    """The definition that speaks for a key, or None."""
    best: DefinitionRow | None = None
    for definition in definitions:
        if definition.name == key:
            return definition
        name = definition.name
        if name.endswith("*") and key.startswith(name[:-1]):
            best = definition if best is None or len(best.name) < len(name) else best
    return best


def rules_of(definition: DefinitionRow | None) -> list[Rule]:
    """What to show, the first being for the key itself; never empty."""
    if definition is None:
        return [Rule.LAST]
    return [_read(word, definition.goal) for word in definition.summary] or [Rule.LAST]


def rule_name(rule: Rule) -> str:
    """The word for a rule in ``key.<word>``."""
    return _NAMES[rule]


def _read(word: str, goal: str | None) -> Rule:
    if word == "best":
        return Rule.MAX if (goal or "").startswith("max") else Rule.MIN
    return _WORDS.get(word, Rule.LAST)
