"""Filters and orders of wandb's public API in our grammar of conditions. Pure.

Filters look like those of MongoDB: ``{"$and": [{"config.lr": {"$lt": 0.1}}, {"tags": "a"}]}``.
What our grammar cannot say is refused with a message that names it, never left out.

As in MongoDB, ``$ne`` and ``$nin`` hold for runs that have no such value. A regular expression is
taken as far as it is a pattern with wildcards, and takes no notice of the case of letters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from epochal.errors import InvalidInput
from epochal.protocols.wandb.regexes import patterns

ATTRIBUTES: Final = {
    "name": "id", "displayName": "name", "display_name": "name", "state": "state",
    "group": "group", "groupName": "group", "jobType": "job_type", "job_type": "job_type",
    "notes": "notes", "host": "host",
    "createdAt": "created", "created_at": "created",
    "heartbeatAt": "updated", "heartbeat_at": "updated",
    "updatedAt": "updated", "updated_at": "updated",
    "duration": "duration", "summary_metrics._runtime": "duration",
    "summary_metrics._step": "last_step",
}  # fmt: skip
"""Our attributes by wandb's names."""
TEXTS: Final = frozenset({"group", "job_type", "notes"})
"""Attributes that are an empty text where they are missing."""
TIMES: Final = frozenset({"created", "updated"})
SCOPES: Final = {"config": "config", "summary_metrics": "summary", "summaryMetrics": "summary",
                 "summary": "summary"}  # fmt: skip
LISTED: Final = ("name", "sweep", "username", "user.username")
"""Keys of which a list of values may stand beside all other conditions."""
MAX_DEPTH: Final = 30
_COMPARISONS: Final = {"$eq": "==", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}


class Condition(NamedTuple):
    """Which runs are wanted.

    Attributes:
        where: in our grammar; empty for all.
        lists: for keys of `LISTED`, values of which a run must have one. A run's id is no
            attribute of which thousands fit into a condition, and the others are no attributes.
    """

    where: str
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()


def read_filters(filters: Mapping[str, Any]) -> Condition:
    """The condition that filters stand for.

    Raises:
        InvalidInput: something in them cannot be said in our grammar.
    """
    lists: list[tuple[str, tuple[str, ...]]] = []
    parts: list[str] = []
    for entry in _flat(filters, 0):
        for key, value in entry.items():
            listed = _listed(key, value)
            if listed is not None:
                lists.append((key.removeprefix("user."), listed))
            else:
                parts.append(_entry(key, value, 0))
    return Condition(_joined(parts, "and"), tuple(lists))


def read_order(text: str) -> list[str]:
    """Sort criteria, from ``+created_at`` or ``-summary_metrics.loss,name``; newest first if none.

    Raises:
        InvalidInput: runs cannot be sorted by that.
    """
    found: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        if part:
            descending = part.startswith("-")
            field = _field(part.lstrip("+-").strip())
            found.append(f"-{field}" if descending else field)
    return found or ["-created"]


def _flat(filters: Mapping[str, Any], depth: int) -> list[Mapping[str, Any]]:
    """What must hold in any case: ``$and`` at the top laid out."""
    _check_depth(depth)
    found: list[Mapping[str, Any]] = []
    rest = {key: value for key, value in filters.items() if key != "$and"}
    if rest:
        found.append(rest)
    for item in _items(filters["$and"], "$and") if "$and" in filters else ():
        found += _flat(item, depth + 1)
    return found


def _listed(key: str, value: object) -> tuple[str, ...] | None:
    if key not in LISTED:
        return None
    if isinstance(value, Mapping) and len(value) == 1:
        name, inner = next(iter(value.items()))
        if name == "$in" and isinstance(inner, list):
            return tuple(str(item) for item in inner)
        value = inner if name == "$eq" else None
    return (value,) if isinstance(value, str) and key != "name" else None


def _condition(filters: Mapping[str, Any], depth: int) -> str:
    _check_depth(depth)
    return _joined([_entry(key, value, depth) for key, value in filters.items()], "and")


def _entry(key: str, value: Any, depth: int) -> str:
    if key in ("$and", "$or", "$nor"):
        parts = [_condition(item, depth + 1) for item in _items(value, key)]
        found = _joined(parts, "and" if key == "$and" else "or")
        return f"not ({found})" if key == "$nor" else found
    if key == "$not":
        return f"not ({_condition(_items([value], key)[0], depth + 1)})"
    if key.startswith("$"):
        raise InvalidInput(f"filters cannot use {key!r:.80} here; $and, $or, $nor and $not can be")
    if key == "tags":
        return _tags(value)
    if key in LISTED and key != "name":
        raise InvalidInput(
            f"a filter on {key!r} can only be an equality or $in beside the others, not inside "
            f"$or or $not"
        )
    return _on_field(_field(key), value, depth)


def _on_field(field: str, value: Any, depth: int) -> str:
    _check_depth(depth)
    if not isinstance(value, Mapping):
        return _equal(field, value)
    if not value:
        raise InvalidInput(f"the filter on {field} is an empty object; give it a value")
    return _joined([_operator(field, name, inner, depth) for name, inner in value.items()], "and")


def _operator(field: str, name: str, value: Any, depth: int) -> str:
    if name == "$eq":
        return _equal(field, value)
    if name in _COMPARISONS:
        return f"{field} {_COMPARISONS[name]} {_value(field, value)}"
    if name == "$ne":
        return f"not ({_equal(field, value)})"
    if name in ("$in", "$nin"):
        found = _membership(field, _list(value, name))
        return f"not ({found})" if name == "$nin" else found
    if name == "$exists":
        return _exists(field) if value else f"not ({_exists(field)})"
    if name == "$regex":
        return regex(field, value)
    if name == "$not":
        return f"not ({_on_field(field, value, depth + 1)})"
    known = "$eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $regex and $not"
    raise InvalidInput(f"filters cannot use {name!r:.80} on a field here; {known} can be")


def _equal(field: str, value: Any) -> str:
    if value is None:
        return f"not ({_exists(field)})"
    return f"{field} == {_value(field, value)}"


def _membership(field: str, values: Sequence[Any]) -> str:
    known = [value for value in values if value is not None]
    found = f"{field} in [{', '.join(_value(field, value) for value in known)}]"
    return found if len(known) == len(values) else f"({found} or not ({_exists(field)}))"


def _exists(field: str) -> str:
    return f'{field} != ""' if field in TEXTS else f"exists({field})"


def _tags(value: Any) -> str:
    if isinstance(value, str):
        return _tag(value)
    if isinstance(value, list):
        return _joined([_tag(item) for item in value], "and")
    if not isinstance(value, Mapping) or not value:
        raise InvalidInput(f"a filter on tags needs a tag or an operator, got {value!r:.80}")
    ways: dict[str, Callable[[Any], str]] = {
        "$eq": _tags,
        "$ne": lambda inner: f"not ({_tags(inner)})",
        "$in": lambda inner: _joined([_tag(item) for item in _list(inner, "$in")], "or"),
        "$nin": lambda inner: (
            f"not ({_joined([_tag(item) for item in _list(inner, '$nin')], 'or')})"
        ),
        "$all": lambda inner: _joined([_tag(item) for item in _list(inner, "$all")], "and"),
        "$not": lambda inner: f"not ({_tags(inner)})",
    }
    unknown = [name for name in value if name not in ways]
    if unknown:
        raise InvalidInput(
            f"filters cannot use {unknown[0]!r:.80} on tags here; {', '.join(ways)} can be"
        )
    return _joined([ways[name](inner) for name, inner in value.items()], "and")


def _tag(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"a tag is a text, got {value!r:.80}")
    return f"{quoted(value)} in tags"


def _field(key: str) -> str:
    """Our name of a field.

    Raises:
        InvalidInput: there is none.
    """
    attribute = ATTRIBUTES.get(key.replace("summaryMetrics.", "summary_metrics."))
    if attribute is not None:
        return attribute
    scope, dot, rest = key.partition(".")
    if scope in SCOPES and dot and rest:
        if scope == "config":  # wandb stores {"lr": {"value": 0.1}}
            name, _, inner = rest.partition(".value.")
            rest = f"{name}.{inner}" if inner else rest.removesuffix(".value") or rest
        return f"{SCOPES[scope]}[{quoted(rest)}]"
    raise InvalidInput(
        f"runs cannot be filtered or sorted by {key!r:.80} here; use config.NAME, "
        f"summary_metrics.NAME, tags, or one of {', '.join(sorted(ATTRIBUTES))}"
    )


def _value(field: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        if field in TIMES:
            raise InvalidInput(
                f'{field} is compared with a date such as "2026-01-31T12:00:00", got {value!r:.80}'
            )
        return repr(value)
    if isinstance(value, str):
        return quoted(value)
    raise InvalidInput(f"a filter can compare with a number or a text, got {value!r:.80}")


def quoted(text: str) -> str:
    """A text as our grammar writes it."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + plain.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def regex(field: str, pattern: Any) -> str:
    """A condition for a regular expression that is a pattern with wildcards.

    Raises:
        InvalidInput: it is more than that.
    """
    return _joined([f"{field} like {quoted(one)}" for one in patterns(pattern)], "or")


def _joined(parts: Sequence[str], word: str) -> str:
    wanted = [part for part in parts if part]
    if word == "or" and (not parts or len(wanted) < len(parts)):
        raise InvalidInput("$or, $nor and $in need at least one condition each, none may be empty")
    if len(wanted) == 1:
        return wanted[0]
    return f" {word} ".join(f"({part})" for part in wanted)


def _items(value: Any, name: str) -> list[Mapping[str, Any]]:
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        return value
    raise InvalidInput(f"{name} needs a list of filters, got {value!r:.80}")


def _list(value: Any, name: str) -> list[Any]:
    if isinstance(value, list):
        return value
    raise InvalidInput(f"{name} needs a list, got {value!r:.80}")


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise InvalidInput(f"filters are nested deeper than {MAX_DEPTH} levels")
