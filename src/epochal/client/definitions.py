"""How series want to be read: their x-axis and what their summary says.

The answer to `define_metric`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from epochal.client import guard
from epochal.client.keyset import Aggregate, KeySet, Number
from epochal.domain.names import SYSTEM_PREFIX, clean_key
from epochal.domain.record import Definition
from epochal.errors import InvalidInput

SUMMARIES = ("min", "max", "mean", "first", "last", "best", "none")
GOALS = {"minimize": "min", "maximize": "max", "min": "min", "max": "max"}


def read_definition(
    name: object,
    step_metric: object = None,
    summary: str | Iterable[str] | None = None,
    hidden: bool | None = None,
    goal: str | None = None,
) -> Definition:
    """Check the arguments of `define_metric`.

    Raises:
        InvalidInput: a word is unknown, or the name is empty or has ``*`` elsewhere than at its
            end.
    """
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"define_metric needs a key such as 'val/loss', got {name!r:.80}")
    if "*" in name[:-1]:
        raise InvalidInput(f"'*' may only stand at the end of a metric name, got {name!r:.80}")
    if goal is not None and goal not in GOALS:
        raise InvalidInput(f"goal must be 'minimize' or 'maximize', got {goal!r:.80}")
    axis = getattr(step_metric, "name", step_metric)
    return Definition(
        wall_us=time.time_ns() // 1000,
        name=clean_key(name)[0],
        step_metric=None if axis is None else clean_key(axis)[0],
        summary=_read_summary(summary),
        hidden=bool(hidden),
        goal=None if goal is None else GOALS[goal],
    )


def _read_summary(summary: str | Iterable[str] | None) -> list[str]:
    words = summary.split(",") if isinstance(summary, str) else list(summary or ())
    chosen: list[str] = []
    for word in words:
        kind = str(word).strip().lower()
        if kind == "copy":
            kind = "last"
        if kind not in SUMMARIES:
            known = ", ".join(SUMMARIES)
            guard.warn_once(
                ("summary", kind),
                f"define_metric: unknown summary {kind!r:.80}; known are {known}",
            )
        elif kind not in chosen:
            chosen.append(kind)
    return chosen


def matches(pattern: str, key: str) -> bool:
    """Whether a key is meant by a name that may end in ``*``."""
    return key.startswith(pattern[:-1]) if pattern.endswith("*") else key == pattern


class Definitions:
    """All definitions of a run; of several that fit a key, an exact one wins, then the longest."""

    def __init__(self) -> None:
        self._by_name: dict[str, Definition] = {}

    def add(self, definition: Definition) -> None:
        """Take one more; a later one of the same name replaces."""
        self._by_name[definition.name] = definition

    def find(self, key: str) -> Definition | None:
        """The definition for a key."""
        fitting = [name for name in self._by_name if matches(name, key)]
        if not fitting:
            return None
        return self._by_name[max(fitting, key=lambda name: (name == key, len(name)))]

    def summarize(
        self, key_sets: Iterable[KeySet], aggregates: Mapping[str, Aggregate]
    ) -> dict[str, Any]:
        """What was logged, as the summary shows it.

        Last values, or what the definitions ask for.
        """
        logged: dict[str, Any] = {}
        for keyset in sorted(key_sets, key=lambda k: k.last[2]):
            logged.update(zip(keyset.names, keyset.last[3], strict=False))
        for key in [key for key in logged if key.startswith(SYSTEM_PREFIX)]:
            del logged[key]
        if not self._by_name:
            return logged
        for key in list(logged):
            definition = self.find(key)
            if definition is not None and definition.summary:
                shown = _show(definition, aggregates.get(key), logged[key])
                logged[key] = shown
                if shown is None:
                    del logged[key]
        return logged


def _show(definition: Definition, aggregate: Aggregate | None, last: Number) -> Any:
    values: dict[str, Any] = {}
    for kind in definition.summary:
        if kind == "none":
            continue
        word = (definition.goal or "min") if kind == "best" else kind
        values[kind] = last if aggregate is None else aggregate.get(word)
    if len(values) == 1:
        return next(iter(values.values()))
    return values or None
