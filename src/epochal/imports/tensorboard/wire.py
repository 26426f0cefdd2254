"""Protocol buffers as they lie on the wire: fields by number, without a schema.

Pure. Whatever bytes are given, reading them ends with fields or with `Malformed`, never with
another error, and takes time in proportion to their number. Groups, which no message of
TensorBoard uses, are `Malformed`. Format: protobuf.dev, "Encoding".
"""

from __future__ import annotations

import struct
from typing import TypeAlias

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MASK64 = (1 << 64) - 1

Field: TypeAlias = tuple[int, int, "int | bytes"]
"""Number, wire type, and the value: an unsigned integer, or bytes for the other wire types."""


class Malformed(Exception):
    """These bytes are no such message."""


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned integer of at most 64 bits and the offset behind it.

    Raises:
        Malformed: it does not end within ten bytes, or the data ends first.
    """
    value = shift = 0
    try:
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & _MASK64, at
            shift += 7
            if shift > 63:
                raise Malformed("a number has more than ten bytes")
    except IndexError:
        raise Malformed("a number is cut off") from None


def read_fields(data: bytes) -> list[Field]:
    """All fields of a message in order.

    Raises:
        Malformed: see the module.
    """
    fields: list[Field] = []
    at, size = 0, len(data)
    value: int | bytes
    while at < size:
        key, at = read_varint(data, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise Malformed("field number 0")
        if kind == VARINT:
            value, at = read_varint(data, at)
        else:
            if kind == BYTES:
                length, at = read_varint(data, at)
            elif kind == FIXED64:
                length = 8
            elif kind == FIXED32:
                length = 4
            else:
                raise Malformed(f"wire type {kind}")
            if length > size - at:
                raise Malformed("a field is cut off")
            value = data[at : at + length]
            at += length
        fields.append((number, kind, value))
    return fields


class Message:
    """The fields of a message, asked for by number; of a field that comes twice the last counts.

    Raises:
        Malformed: the bytes are no message. Asking for a field of another wire type, too.
    """

    def __init__(self, data: bytes) -> None:
        self.fields = read_fields(data)

    def _last(self, number: int, kind: int) -> int | bytes | None:
        found: int | bytes | None = None
        for given, wire, value in self.fields:
            if given == number:
                if wire != kind:
                    raise Malformed(f"field {number} has wire type {wire}, expected {kind}")
                found = value
        return found

    def data(self, number: int) -> bytes | None:
        """The bytes of a string, message or packed field; None when it is absent."""
        found = self._last(number, BYTES)
        return found if isinstance(found, bytes) else None

    def every(self, number: int) -> list[bytes]:
        """Every occurrence of a repeated string or message."""
        return [value for given, _, value in self.fields if given == number
                and isinstance(value, bytes)]  # fmt: skip

    def text(self, number: int) -> str:
        """A string; empty when it is absent."""
        return (self.data(number) or b"").decode("utf-8", "replace")

    def unsigned(self, number: int) -> int:
        """An unsigned integer, an enum or a bool; 0 when it is absent."""
        found = self._last(number, VARINT)
        return found if isinstance(found, int) else 0

    def signed(self, number: int) -> int:
        """An int32 or int64; 0 when it is absent."""
        found = self.unsigned(number)
        return found - (1 << 64) if found >> 63 else found

    def double(self, number: int) -> float:
        """A double; 0 when it is absent."""
        found = self._last(number, FIXED64)
        return float(struct.unpack("<d", found)[0]) if isinstance(found, bytes) else 0.0

    def float(self, number: int) -> float | None:
        """A 32-bit float, exactly; None when it is absent."""
        found = self._last(number, FIXED32)
        return struct.unpack("<f", found)[0] if isinstance(found, bytes) else None


def packed_varints(message: Message, number: int) -> list[int]:
    """A repeated integer, packed or not, as unsigned 64-bit numbers.

    Raises:
        Malformed: it is cut off.
    """
    found: list[int] = []
    for given, kind, value in message.fields:
        if given != number:
            continue
        if isinstance(value, int):
            found.append(value)
        elif kind == BYTES:
            at = 0
            while at < len(value):
                item, at = read_varint(value, at)
                found.append(item)
        else:
            raise Malformed(f"field {number} holds no integers")
    return found


def packed_fixed(message: Message, number: int, size: int) -> bytes:
    """A repeated fixed-size field, packed or not, as the bytes of its items.

    Raises:
        Malformed: its size is no multiple of ``size``.
    """
    kinds = {BYTES, FIXED64 if size == 8 else FIXED32}
    found = b"".join(
        value
        for given, kind, value in message.fields
        if given == number and kind in kinds and isinstance(value, bytes)
    )
    if len(found) % size:
        raise Malformed(f"field {number} has {len(found)} bytes, no multiple of {size}")
    return found
