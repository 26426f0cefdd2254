"""What differs between two runs of a pipeline, step by step, and why a step ran.

Told from what the keys were made of, so that it says exactly what made the cache miss. Pure.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from epochal.domain.pipeline import DONE, Dependency, Facts, StepCourse
from epochal.errors import TooLarge

Table: TypeAlias = Callable[[str], Iterable[Dependency]]
"""Reads the dependencies that a ``Facts.table`` names."""


class StepDifference(msgspec.Struct, frozen=True):
    """A step in two runs.

    Attributes:
        name: of the step.
        before: its state in the first run; None where that has no such step.
        after: the same for the second run.
        same: both have the same key, so that they stand for the same work.
        reasons: what differs, for people; a line may go on with a difference of code.
    """

    name: str
    before: str | None
    after: str | None
    same: bool
    reasons: list[str]


def compare_courses(
    before: Mapping[str, StepCourse], after: Mapping[str, StepCourse], table: Table
) -> list[StepDifference]:
    """All steps of two runs: those of the second one in order, then what only the first has."""
    return [
        _compare(name, before.get(name), after.get(name), table)
        for name in dict.fromkeys([*after, *before])
    ]


def _compare(
    name: str, one: StepCourse | None, other: StepCourse | None, table: Table
) -> StepDifference:
    states = (one.state if one else None, other.state if other else None)
    if one is None or other is None:
        which = "second" if one is None else "first"
        return StepDifference(name, *states, False, [f"only the {which} run has this step"])
    if one.key and one.key == other.key:
        same = (one.state in DONE) == (other.state in DONE)
        reasons = [] if same else [f"the same key, but {one.state} -> {other.state}"]
        return StepDifference(name, *states, same, reasons)
    if one.facts is None or other.facts is None:
        which = "first" if one.facts is None else "second"
        return StepDifference(name, *states, False, [f"the {which} run did not get to this step"])
    reasons = differences(one.facts, other.facts, table)
    return StepDifference(name, *states, False, reasons or ["its key has another format"])


def why(step: StepCourse, earlier: StepCourse | None, table: Table) -> str:
    """Why a step ran, or did not.

    Args:
        step: the step.
        earlier: the same step in the newest earlier run of the pipeline that got to it.
        table: reads the dependencies of the code.
    """
    name = step.name
    if step.state == "cached":
        return f"step {name!r} did not run: run {step.run_id} had the same key"
    if step.facts is None:
        return f"step {name!r} has not run ({step.state}{': ' if step.error else ''}{step.error})"
    return f"step {name!r} ran: {_reason(step, step.facts, earlier, table)}"


def _reason(step: StepCourse, facts: Facts, earlier: StepCourse | None, table: Table) -> str:
    if earlier is None or earlier.facts is None:
        return "it is the first time in this home"
    if earlier.key == step.key:
        if earlier.state in DONE:
            return "nothing changed, but caching is off for it, or its outputs were removed"
        return f"nothing changed, but the last time it {earlier.state}"
    lines = differences(earlier.facts, facts, table)
    return "\n  ".join(["", *lines]).lstrip("\n ") if lines else "its key has another format"


def differences(old: Facts, new: Facts, table: Table) -> list[str]:
    """What changed from one key to the other, for people; empty when nothing did.

    Args:
        old: the earlier one.
        new: the later one.
        table: reads the dependencies that a ``Facts.table`` names.
    """
    found = []
    for name in dict.fromkeys([*old.parameters, *new.parameters]):
        before, after = old.parameters.get(name), new.parameters.get(name)
        if before != after:
            found.append(f"parameter {name}: {_pair(before and before[1], after and after[1])}")
    found += [f"input {name}: other content" for name in _changed(old.inputs, new.inputs)]
    found += [f"class {name} of an input changed" for name in _changed(old.classes, new.classes)]
    found += [
        f"{name}: {_pair(old.more.get(name), new.more.get(name))}"
        for name in _changed(old.more, new.more)
    ]
    if old.code != new.code:
        try:
            found += _code_differences(list(table(old.table)), list(table(new.table)))
        except TooLarge as error:
            found.append(f"code changed ({error.message})")
    return found


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]


def _pair(before: str | None, after: str | None) -> str:
    if before is None:
        return f"new, {after}"
    return f"gone, was {before}" if after is None else f"{before} -> {after}"


def _code_differences(old: list[Dependency], new: list[Dependency]) -> list[str]:
    if not old or not new:
        return ["code changed (its earlier state was not kept)"]
    before = {each.name: each for each in old}
    after = {each.name: each for each in new}
    found = []
    for name in dict.fromkeys([*before, *after]):
        one, other = before.get(name), after.get(name)
        if one is None or other is None:
            kind = (one or other or old[0]).kind
            found.append(f"{kind} {name} is {'gone' if other is None else 'new'}")
        elif one.digest != other.digest:
            found.append(_dependency_difference(one, other))
    return found


def _dependency_difference(one: Dependency, other: Dependency) -> str:
    if one.kind == "library":
        return f"library {one.name}: {one.digest} -> {other.digest}"
    head = f"{one.kind} {one.name} changed"
    if not one.source or not other.source or one.source == other.source:
        return head
    lines = difflib.unified_diff(
        one.source.splitlines(), other.source.splitlines(), "", "", "", "", 2
    )
    body = [f"    {line}" for line in list(lines)[3:]]
    return "\n".join([head, *body])
