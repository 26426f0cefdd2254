"""Runs that went to another project: what is asked for, and what a copy keeps of where it was.

The new run has a label for each place where it was before, named after the uid that it had there.
Its text begins with the time of the move, so that a database can compare it with other times.
"""

from __future__ import annotations

from typing import Final

import msgspec

from epochal.domain.names import DEFAULT_ENTITY

CAME: Final = "$moved."
"""How the label begins that tells where a run was before; the uid that it had follows."""
PARENT: Final = "mlflow.parentRunId"
"""The label in which foreign clients name the uid of the run above."""
_DIGITS: Final = 16


class MoveTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a run shall go; without an ``id`` it keeps its own. The project may be new."""

    project: str
    entity: str = DEFAULT_ENTITY
    id: str = ""


class Came(msgspec.Struct, frozen=True, array_like=True):
    """Where a run was before, and what tells whether that was written to since.

    Attributes:
        entity: whose project it was in.
        project: in which.
        id: under which id.
        mark: digest of how far each of its journals went.
    """

    entity: str
    project: str
    id: str
    mark: str


def came_text(moved_us: int, came: Came) -> str:
    """The text of the label; ``moved_us`` is microseconds since 1970 UTC."""
    return f"{moved_us:0{_DIGITS}d} {msgspec.json.encode(came).decode()}"


def read_came(text: str) -> Came | None:
    """What `came_text` wrote; None for anything else."""
    try:
        return msgspec.json.decode(text[_DIGITS + 1 :], type=Came)
    except msgspec.MsgspecError:
        return None
