"""The bytes of a table: JSON lines. Pure.

The first line is the head: ``{"format": 1, "columns": [...], "types": [...], "rows": n}``. Every
following line is one row, an array with one cell per column.

========  =====================================================================
type      cells
========  =====================================================================
number    a JSON number; ``"NaN"``, ``"Infinity"``, ``"-Infinity"``
boolean   ``true`` or ``false``
text      a string
json      any JSON
mixed     any of these, media too
<kind>    media of that kind: ``{"kind": ..., "meta": {...}, "cell": n}``; the
          bytes lie in the item's blob ``cell:<n>`` when ``cell`` is there
========  =====================================================================

``null`` stands for a missing cell in every column.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from epochal.errors import InvalidInput

FORMAT = 1
PREVIEW_ROWS = 100
PREVIEW_TEXT = 200
MAX_COLUMNS = 10_000

_encode = msgspec.json.Encoder().encode


class TableHead(msgspec.Struct, frozen=True):
    """The first line of a table's bytes."""

    columns: list[str]
    types: list[str]
    rows: int
    format: int = FORMAT


def type_of_cell(cell: object) -> str | None:
    """The type of one plain cell; None for a missing one."""
    if cell is None:
        return None
    if isinstance(cell, bool):
        return "boolean"
    if isinstance(cell, (int, float)):
        return "number"
    if isinstance(cell, str):
        return "text"
    return "json"


def join_types(known: str | None, new: str | None) -> str | None:
    """The type of a column that holds cells of both types."""
    if known is None or known == new:
        return new
    return known if new is None else "mixed"


def plain_number(value: float) -> float | str:
    """A number that JSON can carry."""
    if isinstance(value, int) or math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def encode_table(
    columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[Any]]
) -> list[bytes]:
    """The table's bytes, in pieces.

    Args:
        columns: names.
        types: one per column, see above.
        rows: plain cells, one per column.
    """
    head = TableHead(list(columns), list(types), len(rows))
    return [_encode(head), b"\n", msgspec.json.Encoder().encode_lines(rows)]


def decode_table(data: bytes) -> tuple[TableHead, list[list[Any]]]:
    """Read a table's bytes.

    Raises:
        InvalidInput: this is no table, or its rows do not fit its head.
    """
    first, _, rest = data.partition(b"\n")
    try:
        head = msgspec.json.decode(first, type=TableHead)
        rows = msgspec.json.Decoder(list[Any]).decode_lines(rest)
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"this is no table: {error}") from None
    if head.format != FORMAT:
        raise InvalidInput(f"the table has format {head.format}, this Epochal reads {FORMAT}")
    width = len(head.columns)
    if len(rows) != head.rows or any(len(row) != width for row in rows):
        raise InvalidInput(
            f"the table's head promises {head.rows} rows of {width} cells, its lines differ"
        )
    return head, rows


def preview(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """The first rows with long cells cut, for a page that has not fetched the table."""
    cut: list[list[Any]] = []
    for row in rows:
        if len(cut) == PREVIEW_ROWS:
            break
        cut.append([_cut(cell) for cell in row])
    return cut


def _cut(cell: Any) -> Any:
    if isinstance(cell, str) and len(cell) > PREVIEW_TEXT:
        return cell[:PREVIEW_TEXT] + "..."
    if isinstance(cell, (list, dict)) and "kind" not in cell:
        text = _encode(cell).decode()
        return cell if len(text) <= PREVIEW_TEXT else text[:PREVIEW_TEXT] + "..."
    return cell
