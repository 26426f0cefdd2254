"""The binary columns that carry numbers to the page: a JSON head and little-endian arrays.

What is packed comes back bit for bit. Unpacking takes any bytes: whatever does not follow the
format ends in `InvalidInput` (the format is in docs/internals/wire.md) before an array is made,
and no array reaches outside of the data.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from epochal.domain.values import to_json
from epochal.errors import InvalidInput

MAGIC: Final = b"EPCOLS01"
_START: Final = struct.Struct("<8sII")
_DTYPES: Final[Mapping[str, np.dtype[Any]]] = {
    "u8": np.dtype("<u1"),
    "u16": np.dtype("<u2"),
    "u32": np.dtype("<u4"),
    "i64": np.dtype("<i8"),
    "f32": np.dtype("<f4"),
    "f64": np.dtype("<f8"),
}
_NAMES: Final = {dtype: name for name, dtype in _DTYPES.items()}

Column = NDArray[Any]


class _Place(msgspec.Struct, frozen=True):
    """Where one column lies; ``offset`` is in bytes from the end of the head."""

    name: str
    dtype: str
    length: int
    offset: int


class _Head(msgspec.Struct, frozen=True):
    columns: list[_Place]


_decode_places = msgspec.json.Decoder(_Head).decode
_decode_head = msgspec.json.Decoder(dict[str, Any]).decode


def pack_columns(head: Mapping[str, Any], columns: Sequence[tuple[str, Column]]) -> bytes:
    """Lay columns behind a JSON head.

    Args:
        head: what the columns mean; its ``columns`` entry is written here. Numbers that are not
            finite become ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.
        columns: name and one-dimensional array each, of dtype uint8, uint16, uint32, int64,
            float32 or float64. Names are unique.

    Returns:
        The message, ``EPCOLS01`` first.

    Raises:
        InvalidInput: a dtype or shape that the format does not have, or a name that comes twice.
    """
    places: list[dict[str, Any]] = []
    chunks: list[bytes | memoryview] = []
    offset = 0
    for name, column in columns:
        dtype = column.dtype.newbyteorder("<")
        if dtype not in _NAMES or column.ndim != 1:
            raise InvalidInput(
                f"column {name!r} is a {column.ndim}-dimensional {column.dtype}; "
                f"expected one dimension of {', '.join(_DTYPES)}"
            )
        data = np.ascontiguousarray(column, dtype).view(np.uint8).data  # no copy before the join
        padding = -len(data) % 8
        places.append(
            {"name": name, "dtype": _NAMES[dtype], "length": len(column), "offset": offset}
        )
        chunks += (data, b"\0" * padding)
        offset += len(data) + padding
    if len({place["name"] for place in places}) < len(places):
        raise InvalidInput("two columns have the same name; expected unique names")
    text = msgspec.json.encode({**_json_object(head), "columns": places})
    text += b" " * (-len(text) % 8)
    return b"".join((_START.pack(MAGIC, len(text), 0), text, *chunks))


def unpack_columns(data: bytes | memoryview) -> tuple[dict[str, Any], dict[str, Column]]:
    """Read what `pack_columns` wrote.

    Args:
        data: the whole message; it may come from anywhere.

    Returns:
        The head without its ``columns`` entry, and the columns by name. The arrays are read-only
        views of ``data``.

    Raises:
        InvalidInput: the data does not follow the format.
    """
    view = memoryview(data)
    if len(view) < _START.size:
        raise InvalidInput(f"a columns message has at least {_START.size} bytes; got {len(view)}")
    magic, size, _ = _START.unpack_from(view)
    if magic != MAGIC:
        raise InvalidInput(f"a columns message starts with {MAGIC!r}; got {magic!r}")
    end = _START.size + size + (-size % 8)
    if end > len(view):
        raise InvalidInput(f"the head should end at byte {end}; the message has {len(view)} bytes")
    text = bytes(view[_START.size : _START.size + size])
    try:
        head = _decode_head(text)
        places = _decode_places(text).columns
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"the head of a columns message cannot be read: {error}") from error
    body = view[end:]
    arrays = {place.name: _view_column(place, body) for place in places}
    if len(arrays) < len(places):
        raise InvalidInput("two columns have the same name; expected unique names")
    del head["columns"]
    return head, arrays


def _view_column(place: _Place, body: memoryview) -> Column:
    dtype = _DTYPES.get(place.dtype)
    if dtype is None:
        raise InvalidInput(
            f"column {place.name!r} has dtype {place.dtype!r}; "
            f"expected one of {', '.join(_DTYPES)}"
        )
    sound = place.length >= 0 and place.offset >= 0 and place.offset % 8 == 0
    if not sound or place.offset + place.length * dtype.itemsize > len(body):
        raise InvalidInput(
            f"column {place.name!r} claims {place.length} items from byte {place.offset}; "
            f"expected a multiple of 8 inside of {len(body)} bytes"
        )
    array: Column = np.frombuffer(body, dtype, place.length, place.offset)
    return array


def _json_object(head: Mapping[str, Any]) -> dict[str, Any]:
    """``head`` with numbers that JSON can carry."""
    plain = to_json(head)
    if not isinstance(plain, dict):
        raise InvalidInput(f"a head is a mapping; got {type(head).__name__}")
    return plain
