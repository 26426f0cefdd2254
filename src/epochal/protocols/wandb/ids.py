"""Opaque ids: standard base64 of ``Type:...``, which clients take apart only to carry them.

A run's id holds its whole address, so it can be read without asking the store.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from epochal.domain.names import run_uid
from epochal.errors import NotFound


class Place(NamedTuple):
    """Where a run is."""

    entity: str
    project: str
    run_id: str

    @property
    def uid(self) -> str:
        """The run's uid."""
        return run_uid(self.entity, self.project, self.run_id)


def write_id(type: str, *parts: str | int) -> str:
    """The id of a thing."""
    text = ":".join([type, *map(str, parts)])
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()


def read_id(id: str, type: str) -> str:
    """What follows the type in an id.

    Raises:
        NotFound: it is no id of that type.
    """
    try:
        text = base64.b64decode(id, validate=True).decode("utf-8", "surrogatepass")
    except (binascii.Error, UnicodeError, ValueError):
        text = ""
    kind, colon, rest = text.partition(":")
    if not colon or kind != type:
        raise NotFound(f"{id[:80]!r} is no id of a {type}")
    return rest


def run_key(place: Place) -> str:
    """The id of a run."""
    return write_id("Run", "v1", place.run_id, place.project, place.entity)


def read_run_key(id: str) -> Place:
    """The run that an id names.

    Raises:
        NotFound: it is no id of a run.
    """
    parts = read_id(id, "Run").split(":")
    if len(parts) != 4:
        raise NotFound(f"{id[:80]!r} is no id of a run")
    return Place(parts[3], parts[2], parts[1])
