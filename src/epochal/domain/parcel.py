"""Many small blobs as one stretch of bytes, the same on the way up and on the way down.

For each blob 32 bytes of its sha256, a little-endian u32 with its size, its bytes. Nothing is
trusted for having been packed: digests are checked here, or by the caller if it says so.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable

from epochal.errors import InvalidInput

MAX_SMALL = 1024 * 1024
"""The largest blob that travels in a parcel."""
MAX_PARCEL = 8 * 1024 * 1024
"""The bytes of blobs in one parcel, heads not counted."""
_HEAD = struct.Struct("<32sI")
HEAD_SIZE = _HEAD.size


def pack_parcel(items: Iterable[tuple[str, bytes]]) -> bytes:
    """The parcel of these blobs, given as digest and bytes."""
    parts: list[bytes] = []
    for digest, data in items:
        parts += [_HEAD.pack(bytes.fromhex(digest), len(data)), data]
    return b"".join(parts)


def open_parcel(body: bytes | bytearray, *, check: bool = True) -> list[tuple[str, bytes]]:
    """The blobs of a parcel, by digest.

    Args:
        body: the parcel.
        check: compare the digests; else the caller does.

    Raises:
        InvalidInput: it is torn, a blob is too large, or its bytes are not what they should be.
    """
    items = []
    position = 0
    while position < len(body):
        if len(body) - position < HEAD_SIZE:
            raise InvalidInput(f"the body is cut short at byte {position}; send it whole")
        raw, size = _HEAD.unpack_from(body, position)
        position += HEAD_SIZE
        if size > MAX_SMALL or position + size > len(body):
            raise InvalidInput(
                f"the blob at byte {position} says that it has {size} bytes; at most {MAX_SMALL} "
                f"and no more than the body holds are taken"
            )
        data = bytes(body[position : position + size])
        if check and hashlib.sha256(data).digest() != raw:
            raise InvalidInput(f"the blob at byte {position} does not have its digest; send again")
        items.append((raw.hex(), data))
        position += size
    return items
