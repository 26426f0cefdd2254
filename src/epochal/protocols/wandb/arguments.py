"""The arguments of a field, read leniently: missing is null, a lone item is a list of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from epochal.errors import InvalidInput

_decode = msgspec.json.Decoder().decode


class Given:
    """Arguments by name; those of a mutation's ``input`` stand beside the others.

    Args:
        values: as the document and its variables gave them.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        inner = values.get("input")
        self.values: dict[str, Any] = {**values, **(inner if isinstance(inner, dict) else {})}

    def text(self, name: str, default: str = "") -> str:
        """A text; numbers are taken as theirs.

        Raises:
            InvalidInput: it is something else.
        """
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return str(value)
        raise InvalidInput(f"{name} must be a string, got {value!r:.80}")

    def needed(self, name: str) -> str:
        """A text that must be there.

        Raises:
            InvalidInput: it is missing or empty.
        """
        value = self.text(name)
        if not value:
            raise InvalidInput(f"{name} is missing")
        return value

    def number(self, name: str, default: int) -> int:
        """A whole number.

        Raises:
            InvalidInput: it is none.
        """
        value = self.values.get(name)
        if value is None:
            return default
        try:
            return int(value)
        except (TypeError, ValueError, OverflowError):
            raise InvalidInput(f"{name} must be a whole number, got {value!r:.80}") from None

    def optional(self, name: str) -> int | None:
        """A whole number, or None when it was not given."""
        return None if self.values.get(name) is None else self.number(name, 0)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A truth value."""
        value = self.values.get(name)
        return default if value is None else bool(value)

    def items(self, name: str) -> list[Any]:
        """A list; one item alone is a list of one, nothing is an empty one."""
        value = self.values.get(name)
        if value is None:
            return []
        return list(value) if isinstance(value, (list, tuple)) else [value]

    def texts(self, name: str) -> list[str]:
        """A list of texts.

        Raises:
            InvalidInput: an item is none.
        """
        found = [item for item in self.items(name) if item is not None]
        for item in found:
            if not isinstance(item, str):
                raise InvalidInput(f"{name} must be a list of strings, got {item!r:.80} in it")
        return found

    def objects(self, name: str) -> list[dict[str, Any]]:
        """A list of input objects.

        Raises:
            InvalidInput: an item is none.
        """
        found = self.items(name)
        for item in found:
            if not isinstance(item, dict):
                raise InvalidInput(f"{name} must be a list of objects, got {item!r:.80} in it")
        return found

    def json(self, name: str) -> dict[str, Any] | None:
        """The object in a JSONString, or None when it was not given.

        Raises:
            InvalidInput: it is no JSON object.
        """
        value = self.values.get(name)
        if value is None or value == "":
            return None
        found = read_json(value, name) if isinstance(value, str) else value
        if not isinstance(found, dict):
            raise InvalidInput(f"{name} must hold a JSON object, got {value!r:.80}")
        return found


def read_json(text: str, what: str) -> Any:
    """JSON in which NaN and infinities may stand bare.

    Raises:
        InvalidInput: it is no JSON.
    """
    try:
        return _decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        pass  # bare NaN, or broken
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{what} is no JSON ({error!s:.100}): {text[:80]!r}") from None
