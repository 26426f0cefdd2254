"""Any leaf value as three columns, ``kind``, ``num`` and ``txt``, and back without loss.

SQLite turns NaN into NULL and -0.0 into 0, and a REAL column rounds integers past 2**53;
PostgreSQL sorts NaN above infinity. So ``num`` only serves comparisons and sorting, and ``kind``
(with ``txt`` for wide integers) remembers what the value really was.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any, TypeAlias

import msgspec

from epochal.domain.values import INT64_MAX, INT64_MIN, to_json

MAX_SHOWN_TEXT = 4096
_EXACT = 2**53

Columns: TypeAlias = tuple[int, float | None, str | None]


class Kind(IntEnum):
    """What a stored value is."""

    FLOAT = 0
    INT = 1
    BOOL = 2
    NAN = 3
    NEGATIVE_ZERO = 4
    WIDE_INT = 5
    TEXT = 6
    NULL = 7
    JSON = 8


NUMBER_KINDS = frozenset(
    {Kind.FLOAT, Kind.INT, Kind.BOOL, Kind.NAN, Kind.NEGATIVE_ZERO, Kind.WIDE_INT}
)


def encode_number(value: float) -> Columns:
    """A number as ``(kind, num, txt)``. Infinities are ordinary floats to both databases."""
    if type(value) is float and value:
        return (Kind.NAN, None, None) if math.isnan(value) else (Kind.FLOAT, value, None)
    if isinstance(value, bool):
        return Kind.BOOL, float(value), None
    if isinstance(value, int):
        if -_EXACT <= value <= _EXACT:
            return Kind.INT, float(value), None
        return Kind.WIDE_INT, _rounded(value), str(value)
    if value != value:  # noqa: PLR0124  # NaN
        return Kind.NAN, None, None
    if value == 0 and math.copysign(1.0, value) < 0:
        return Kind.NEGATIVE_ZERO, 0.0, None
    return Kind.FLOAT, float(value), None


def encode_value(value: object) -> Columns:
    """Any leaf as ``(kind, num, txt)``.

    Long texts are cut to 4,096 characters, the blob has them whole.
    """
    if isinstance(value, (bool, int, float)):
        return encode_number(value)
    if isinstance(value, str):
        return Kind.TEXT, None, storable(value)[:MAX_SHOWN_TEXT]
    if value is None:
        return Kind.NULL, None, None
    text = msgspec.json.encode(to_json(value)).decode()
    return Kind.JSON, None, storable(text)[:MAX_SHOWN_TEXT]


def decode_value(kind: int, num: float | None, txt: str | None) -> Any:
    """The inverse; nested values come back as their JSON text when they were cut."""
    match kind:
        case Kind.FLOAT:
            return num
        case Kind.INT:
            return int(num or 0)
        case Kind.BOOL:
            return bool(num)
        case Kind.NAN:
            return math.nan
        case Kind.NEGATIVE_ZERO:
            return -0.0
        case Kind.WIDE_INT:
            return int(txt or "0")
        case Kind.JSON:
            return _decode_json(txt or "")
        case Kind.TEXT:
            return txt
    return None


def storable(text: str) -> str:
    """Text that both databases take: NUL and lone surrogates become U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def clamp(number: int) -> int:
    """The nearest 64-bit integer."""
    if INT64_MIN <= number <= INT64_MAX:
        return number
    return INT64_MIN if number < 0 else INT64_MAX


def _decode_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _rounded(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
