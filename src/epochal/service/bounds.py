"""How much one request may ask for, and that text in it is text.

Numbers that only say how much is wanted are brought into their range in silence; lists that are
too long are refused.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Final

from epochal.domain.artifact import check_digest
from epochal.domain.names import DEFAULT_ENTITY, MAX_KEY, MAX_TEXT, check_name
from epochal.errors import InvalidInput

MAX_PAGE: Final = 1_000
MAX_COLUMNS: Final = 500
MAX_ORDER: Final = 16
MAX_IDS: Final = 10_000
MAX_WHERE: Final = 10_000
MAX_BUCKETS: Final = 8_192
MAX_SERIES: Final = 5_000
MAX_CELLS: Final = 4_000_000
_PANEL_POINTS: Final = 8_192
_SERIES_POINTS: Final = 2_048
MAX_POINT_KEYS: Final = 1_000
MAX_LOG_LINES: Final = 5_000
MAX_TAGS: Final = 1_000
MAX_DIGESTS: Final = 1_000
MAX_CHANGED: Final = 1_000
"""Runs that one request changes or deletes: others who write wait for it."""
MAX_MOVED: Final = 100
"""Runs that one request moves: all that they hold is copied."""


def points_alone(series: int) -> int:
    """How many points each of so many series in a panel may have to be drawn one by one."""
    return min(_SERIES_POINTS, _PANEL_POINTS // series)


def clamp(value: int, low: int, high: int) -> int:
    """The nearest number of ``low..high``."""
    return max(low, min(value, high))


def at_most(items: Sized, limit: int, what: str) -> None:
    """Refuse a list or text that is longer than its limit.

    Raises:
        InvalidInput: ``items`` has more than ``limit`` members.
    """
    if len(items) > limit:
        raise InvalidInput(
            f"{what}: {len(items):,} are too many, the limit is {limit:,}; ask in parts"
        )


def plain_text(value: str, what: str, limit: int = MAX_TEXT) -> str:
    """Text that a database can hold: no lone surrogates, no NUL, at most ``limit`` characters.

    Raises:
        InvalidInput: it is not.
    """
    at_most(value, limit, f"characters in {what}")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidInput(f"{what} holds NUL or half a surrogate pair; send plain Unicode text")
    return value


def keys(values: list[str], limit: int, what: str) -> list[str]:
    """Series keys, each within its length."""
    at_most(values, limit, what)
    for value in values:
        plain_text(value, f"one of the {what}", MAX_KEY)
    return values


def digests(values: list[str]) -> list[str]:
    """Digests of blobs, each well-formed."""
    at_most(values, MAX_DIGESTS, "digests")
    return [check_digest(value) for value in values]


def entity_name(value: str | None) -> str:
    """The entity that a request means; ``local`` when it names none."""
    return check_name(value, "entity name") if value else DEFAULT_ENTITY


def project_name(value: str) -> str:
    """A project's name as the store knows it."""
    return check_name(value, "project name")
