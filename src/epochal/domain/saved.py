"""Saved views: what the page shows of a project, under a name.

A view is the query string of the page's address, so that whatever the page can show can be kept.
A view without a name of its own is named by its content: the same content, the same name.
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from typing import Final

import msgspec

from epochal.domain.names import DEFAULT_ENTITY, check_name
from epochal.errors import InvalidInput

MAX_QUERY: Final = 20_000
MAX_VIEW_NAME: Final = 100
MARK: Final = "~"
"""Begins the names that content gives."""


class ViewRow(msgspec.Struct, frozen=True):
    """A saved view. ``preferred``: a bare address of the project opens with it.

    ``updated_us`` and ``updated_by`` are of its name and query.
    """

    entity: str
    project: str
    name: str
    query: str
    preferred: bool
    created_us: int
    updated_us: int
    created_by: str
    updated_by: str = ""


class ViewList(msgspec.Struct, frozen=True):
    """The named views of a project, by name."""

    views: list[ViewRow]


class NewView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A view to keep; without a name its content names it."""

    project: str
    query: str
    entity: str = DEFAULT_ENTITY
    name: str = ""
    preferred: bool = False


class ViewChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of a view; None leaves it as it is.

    With ``updated_us`` nothing is changed when somebody saved the view at another time since.
    """

    name: str | None = None
    query: str | None = None
    preferred: bool | None = None
    updated_us: int | None = None


def content_name(query: str) -> str:
    """The name that a view's content gives: ``~`` and twelve letters and digits."""
    digest = hashlib.blake2b(query.encode(), digest_size=8).digest()
    return MARK + b32encode(digest).decode().rstrip("=").lower()[:12]


def check_view_name(value: str) -> str:
    """A name that somebody chose.

    Raises:
        InvalidInput: it is no name, too long, or begins like those that content gives.
    """
    name = check_name(value, "view name", MAX_VIEW_NAME)
    if name.startswith(MARK):
        raise InvalidInput(f"view name {name!r} begins with {MARK}; begin it otherwise")
    return name
