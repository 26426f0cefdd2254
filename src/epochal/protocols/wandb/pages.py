"""Pages of lists, as connections: edges with cursors, and whether more follow."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Final

from epochal.errors import InvalidInput
from epochal.protocols.wandb.arguments import Given

DEFAULT: Final = 100
MOST: Final = 10_000


def page(items: Sequence[Any], given: Given, *, default: int = DEFAULT) -> dict[str, Any]:
    """The page of a whole list that ``first`` and ``after`` ask for."""
    offset = read_cursor(given.text("after") or given.text("cursor"))
    limit = limit_of(given, default)
    part = items[offset : offset + limit]
    return connection(part, offset, len(items) > offset + limit, len(items))


def limit_of(given: Given, default: int = DEFAULT) -> int:
    """How many items a page has."""
    return max(0, min(given.number("first", default), MOST))


def connection(
    part: Sequence[Any], offset: int, more: bool, total: int | None = None
) -> dict[str, Any]:
    """A page of items of which ``offset`` stand before it."""
    edges = [
        {"node": item, "cursor": write_cursor(offset + index + 1)}
        for index, item in enumerate(part)
    ]
    info = {
        "__typename": "PageInfo",
        "endCursor": edges[-1]["cursor"] if edges else None,
        "startCursor": edges[0]["cursor"] if edges else None,
        "hasNextPage": more,
        "hasPreviousPage": offset > 0,
    }
    found: dict[str, Any] = {"edges": edges, "pageInfo": info}
    if total is not None:
        found["totalCount"] = total
    return found


def write_cursor(count: int) -> str:
    """The cursor after so many items."""
    return base64.b64encode(f"after:{count}".encode()).decode()


def read_cursor(text: str) -> int:
    """How many items a cursor stands behind; none for an empty one.

    Raises:
        InvalidInput: the server never gave it.
    """
    if not text:
        return 0
    try:
        word, _, number = base64.b64decode(text, validate=True).decode().partition(":")
        if word == "after":
            return max(0, int(number))
    except (binascii.Error, UnicodeError, ValueError):
        pass
    raise InvalidInput(f"{text[:80]!r} is no cursor of this server")
