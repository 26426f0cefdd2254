"""A run's config between wandb's form, ``{key: {"value": ..., "desc": ...}}``, and ours. Pure.

The entry ``_wandb`` is not config: it holds versions and the metrics that ``define_metric`` named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from epochal.domain.record import Definition

OWN: Final = "_wandb"
_SUMMARIES: Final = {1: "min", 2: "max", 3: "mean", 4: "best", 5: "last", 6: "none", 8: "first"}
_GOALS: Final = {1: "minimize", 2: "maximize"}


class Split(NamedTuple):
    """Config values, and what wandb keeps beside them."""

    values: dict[str, Any]
    own: dict[str, Any]


def split(config: Mapping[str, Any]) -> Split:
    """Take wandb's form apart."""
    values: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for key, entry in config.items():
        is_wrapped = isinstance(entry, dict) and "value" in entry
        value = entry["value"] if is_wrapped else entry
        if key == OWN:
            own = value if isinstance(value, dict) else {}
        else:
            values[key] = value
    return Split(values, own)


def join(values: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Wandb's form of a config."""
    found: dict[str, Any] = {key: {"value": value, "desc": None} for key, value in values.items()}
    if own:
        found[OWN] = {"value": dict(own), "desc": None}
    return found


def gone(had: Mapping[str, Any], values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted keys of values that a whole new config has no more; clients forget empty mappings."""
    for key, value in had.items():
        if key not in values:
            if value != {}:
                yield prefix + key
        elif isinstance(value, dict) and isinstance(values[key], dict) and prefix.count(".") < 30:
            yield from gone(value, values[key], f"{prefix}{key}.")


def lies_in(key: str, others: Iterable[str]) -> bool:
    """Whether a dotted key is one of some others, or within one."""
    return any(key == other or key.startswith(f"{other}.") for other in others)


def definitions(own: Mapping[str, Any], now_us: int) -> Iterator[Definition]:
    """What ``define_metric`` said, from the fields of the client's MetricRecord message."""
    given = own.get("m")
    metrics = [entry for entry in given if isinstance(entry, dict)] if given else []
    names = [str(entry.get("1") or entry.get("2") or "") for entry in metrics]
    for name, entry in zip(names, metrics, strict=True):
        if not name:
            continue
        axis = entry.get("4")
        index = entry.get("5")
        if not axis and isinstance(index, int) and 1 <= index <= len(names):
            axis = names[index - 1]
        options = _numbers(entry.get("6"))
        summary = [
            _SUMMARIES[number] for number in _numbers(entry.get("7")) if number in _SUMMARIES
        ]
        goal = entry.get("8")
        yield Definition(
            now_us, name, step_metric=str(axis) if axis else None, summary=summary,
            hidden=2 in options, goal=_GOALS.get(goal) if isinstance(goal, int) else None,
        )  # fmt: skip


def summaries_of(own: Mapping[str, Any], key: str) -> set[str]:
    """What ``define_metric`` asked to be told of a series instead of its last value."""
    return {word for one in definitions(own, 0) if _fits(one.name, key) for word in one.summary}


def silent_in(own: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """The series among some keys that ``define_metric`` wanted without a summary."""
    silent = [one.name for one in definitions(own, 0) if "none" in one.summary]
    return [key for key in keys if any(_fits(name, key) for name in silent)] if silent else []


def _fits(name: str, key: str) -> bool:
    return name == key or (name.endswith("*") and key.startswith(name[:-1]))


def _numbers(value: object) -> list[int]:
    return [item for item in value if isinstance(item, int)] if isinstance(value, list) else []
