"""CRC-32C as event files use it, of many short records or of one long one at a time, in numpy.

Pure. The checksum is linear: that of a record is the exclusive or of what each byte contributes at
its distance from the end, and of a constant for the length. So many records of one length are
checked column by column, and a long one by joining halves. Polynomial: RFC 3720, appendix B.4.
Masking: TensorFlow, ``core/lib/hash/crc32c.h``.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]

POLYNOMIAL: Final = 0x82F63B78
MASK_DELTA: Final = 0xA282EAD8
COLUMNS_LIMIT: Final = 4096
"""Longer records are checked one by one."""
_SHORT: Final = 200
_ONES: Final = 0xFFFFFFFF


def _first_table() -> Words:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(POLYNOMIAL), table >> 1)
    return table.astype(np.uint32)


_TABLE: Final = _first_table()
_LIST: Final[list[int]] = _TABLE.tolist()
_distances: list[Words] = [_TABLE]


def _at_distance(distance: int) -> Words:
    """What each byte contributes when so many bytes follow it."""
    while len(_distances) <= distance:
        last = _distances[-1]
        _distances.append((last >> np.uint32(8)) ^ _TABLE[last & np.uint32(255)])
    return _distances[distance]


@functools.lru_cache(maxsize=8192)
def _of_zeros(length: int) -> int:
    return crc32c(bytes(length))


def crc32c(data: bytes) -> int:
    """The checksum of one record."""
    if len(data) > _SHORT:
        return _of_long(data)
    crc = _ONES
    for byte in data:
        crc = (crc >> 8) ^ _LIST[(crc ^ byte) & 255]
    return crc ^ _ONES


def masked(crc: int) -> int:
    """As it stands in the file."""
    return ((((crc >> 15) | (crc << 17)) & _ONES) + MASK_DELTA) & _ONES


def masked_columns(crc: Words) -> Words:
    """`masked` of many."""
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(MASK_DELTA)


def crc32c_rows(rows: NDArray[np.uint8]) -> Words:
    """The checksum of each row, at most `COLUMNS_LIMIT` bytes each."""
    count, length = rows.shape
    crc = np.full(count, _of_zeros(length), np.uint32)
    for number, column in enumerate(np.ascontiguousarray(rows.T)):
        crc ^= _at_distance(length - 1 - number)[column]
    return crc


@functools.lru_cache(maxsize=64)
def _shift_tables(level: int) -> tuple[Words, Words, Words, Words]:
    """For each byte of a checksum, what it becomes when 2**level zero bytes follow."""
    if level == 0:
        # The remainder's low byte is looked up, the others move down by one byte.
        values = np.arange(256, dtype=np.uint32)
        return _TABLE, values, values << np.uint32(8), values << np.uint32(16)
    below = _shift_tables(level - 1)
    first, second, third, fourth = (_shift(_shift_unit(place), below) for place in range(4))
    return first, second, third, fourth


def _shift_unit(place: int) -> Words:
    """All values of one byte of a checksum, followed by half as many zeros by the caller."""
    return np.arange(256, dtype=np.uint32) << np.uint32(8 * place)


def _shift(crc: Words, tables: tuple[Words, Words, Words, Words]) -> Words:
    """Twice the shift of the tables."""
    for _ in range(2):
        crc = _apply(crc, tables)
    return crc


def _apply(crc: Words, tables: tuple[Words, Words, Words, Words]) -> Words:
    low = np.uint32(255)
    result: Words = tables[0][crc & low] ^ tables[1][(crc >> np.uint32(8)) & low]
    result ^= tables[2][(crc >> np.uint32(16)) & low]
    result ^= tables[3][crc >> np.uint32(24)]
    return result


def _of_long(data: bytes) -> int:
    """Join neighbors, then pairs of neighbors, and so on; zeros in front change nothing."""
    size = 1 << (len(data) - 1).bit_length()
    padded = np.zeros(size, np.uint8)
    body = padded[size - len(data) :]
    body[:] = np.frombuffer(data, np.uint8)
    body[:4] ^= np.uint8(255)  # the checksum starts from ones
    crc = _TABLE[padded]
    level = 0
    while len(crc) > 1:
        crc = _apply(crc[0::2], _shift_tables(level)) ^ crc[1::2]
        level += 1
    return int(crc[0]) ^ _ONES
