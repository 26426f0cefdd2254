"""Filters and orders on artifacts: written in our grammar, evaluated on what is in memory. Pure.

There are few artifacts in a project and few versions in one, so that no database is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from epochal.domain.expression import Field, Scalar, matches
from epochal.domain.objects import ArtifactRow, VersionRow
from epochal.domain.query import parse_order, parse_where
from epochal.errors import InvalidInput
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.conditions import read_filters, read_order

STATES: Final = {"committed": "COMMITTED", "pending": "PENDING", "deleted": "DELETED"}
NAMES: Final = {
    "name": "displayName", "state": "state", "type": "group", "description": "notes",
    "createdAt": "createdAt", "created_at": "createdAt", "updatedAt": "updatedAt",
    "updated_at": "updatedAt", "tags": "tags", "tag": "tags",
    "versionIndex": "summary.versionIndex", "version_index": "summary.versionIndex",
    "size": "summary.size", "fileCount": "summary.fileCount", "digest": "summary.digest",
}  # fmt: skip
"""What `conditions` calls what artifacts can be filtered and sorted by."""
METADATA: Final = "metadata."


class Values(NamedTuple):
    """What conditions see of one thing."""

    fields: Mapping[tuple[str, str], Scalar]
    tags: frozenset[str]

    def look(self, field: Field) -> Scalar:
        """The value of a field."""
        return self.fields.get((field.kind, field.name))


def values_of_version(row: VersionRow) -> Values:
    """A version's."""
    metadata = {
        ("config", key): value
        for key, value in row.metadata.items()
        if isinstance(value, (bool, int, float, str))
    }
    own: dict[tuple[str, str], Scalar] = {
        ("attribute", "name"): row.name, ("attribute", "state"): STATES.get(str(row.state)),
        ("attribute", "group"): row.type, ("attribute", "notes"): row.description,
        ("attribute", "created"): row.created_us,
        ("attribute", "updated"): row.committed_us or row.created_us,
        ("summary", "versionIndex"): row.version, ("summary", "size"): row.size,
        ("summary", "fileCount"): row.files, ("summary", "digest"): row.digest,
    }  # fmt: skip
    return Values({**metadata, **own}, frozenset(row.tags))


def values_of_artifact(row: ArtifactRow) -> Values:
    """A collection's."""
    own: dict[tuple[str, str], Scalar] = {
        ("attribute", "name"): row.name, ("attribute", "group"): row.type,
        ("attribute", "notes"): row.description, ("attribute", "created"): row.created_us,
        ("attribute", "updated"): row.updated_us, ("attribute", "state"): "READY",
        ("summary", "size"): row.size,
    }  # fmt: skip
    return Values(own, frozenset())


def chosen(given: Given, things: Sequence[Values]) -> list[int]:
    """Which of some things the arguments ``filters`` and ``order`` want: their indexes, in order.

    Raises:
        InvalidInput: they cannot be filtered or sorted so.
    """
    where = parse_where(read_filters(_renamed(given.json("filters") or {})).where)
    found = [index for index, one in enumerate(things) if matches(where, one.look, one.tags)]
    names = [name.strip() for name in given.text("order").split(",") if name.strip()]
    signed = [("-" if name[0] == "-" else "") + _name(name.lstrip("+-").strip()) for name in names]
    for order in reversed(parse_order(read_order(",".join(signed)) if signed else [])):
        found = _sorted(found, things, order.field, descending=order.descending)
    return found


def _sorted(
    found: list[int], things: Sequence[Values], field: Field, *, descending: bool
) -> list[int]:
    """Sorted by a field; those without it last."""
    held = {index: things[index].look(field) for index in found}
    known = [index for index in found if held[index] is not None]

    def place(index: int) -> tuple[bool, Any]:
        return isinstance(held[index], str), held[index]

    known.sort(key=place, reverse=descending)
    return [*known, *(index for index in found if held[index] is None)]


def _renamed(filters: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in filters.items():
        if key in ("$and", "$or", "$nor") and isinstance(value, list):
            found[key] = [_renamed(item) if isinstance(item, dict) else item for item in value]
        elif key == "$not" and isinstance(value, dict):
            found[key] = _renamed(value)
        else:
            found[key if key.startswith("$") else _name(key)] = value
    return found


def _name(key: str) -> str:
    if key in NAMES:
        return NAMES[key]
    if key.startswith(METADATA):
        return f"config.{key.removeprefix(METADATA)}"
    raise InvalidInput(
        f"artifacts cannot be filtered or sorted by {key!r:.80} here; use metadata.NAME or one of "
        f"{', '.join(sorted(NAMES))}"
    )
