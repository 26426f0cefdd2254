"""One cell of a table: what it is, and plain data that says the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from epochal.domain.table import plain_number, type_of_cell
from epochal.media.draft import Draft, Part
from epochal.media.foreign import as_media

MAX_DEPTH = 16
MAX_ITEMS = 10_000


def read_cell(value: Any) -> Any:
    """A cell as it is kept: plain data, or the drafts of media."""
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**64 else str(value)
    if kind is float:
        return plain_number(value)
    media = as_media(value)
    if media is not None:
        drafts = media.__epochal_media__()
        return drafts[0] if drafts else None
    return _plain(value, 0)


def type_of(cell: Any) -> str | None:
    """The type of a cell that `read_cell` gave."""
    if isinstance(cell, Draft):
        return cell.kind
    return "number" if cell in ("NaN", "Infinity", "-Infinity") else type_of_cell(cell)


class CellParts:
    """Collects the bytes of the media cells of one table."""

    def __init__(self) -> None:
        self.parts: dict[str, Part] = {}
        self._count = 0

    def place(self, cell: Any) -> Any:
        """The cell as it stands in the table's bytes."""
        if not isinstance(cell, Draft):
            return cell
        plain: dict[str, Any] = {"kind": cell.kind, "meta": cell.meta}
        if cell.parts:
            plain["cell"] = self._count
            for role, part in cell.parts.items():
                name = f"cell:{self._count}" + ("" if role == "data" else f":{role}")
                self.parts[name] = part
            self._count += 1
        return plain


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, float):
        return plain_number(float(value))
    if isinstance(value, int):
        return int(value)
    if depth >= MAX_DEPTH:
        return "..."
    if isinstance(value, Mapping):
        items = list(value.items())[:MAX_ITEMS]
        return {str(key): _plain(item, depth + 1) for key, item in items}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1) for item in list(value)[:MAX_ITEMS]]
    if hasattr(value, "tolist"):
        return _plain(value.tolist(), depth + 1)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if str(value) in ("<NA>", "NaT"):
        return None
    return str(value)[:65_536]
