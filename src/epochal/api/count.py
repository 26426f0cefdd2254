"""Checks numbers that say how much is wanted, as Python callers may pass anything."""

from __future__ import annotations

from epochal.errors import InvalidInput


def checked_count(value: object, what: str, low: int, high: int | None = None) -> int:
    """Return ``value`` when it is an integer within bounds, both included.

    Raises:
        InvalidInput: it is not.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, int) and whole and low <= value and (high is None or value <= high):
        return value
    bounds = f"from {low} upward" if high is None else f"from {low} to {high}"
    raise InvalidInput(f"{what} must be an integer {bounds}, got {value!r:.80}")
