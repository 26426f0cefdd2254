"""CRC-32C as event files use it, masked; of a long record in numpy, by joining halves.

Pure. Many short records are summed at once by `epochal.domain.checksum`. Masking: TensorFlow,
``core/lib/hash/crc32c.h``.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

from epochal.domain.checksum import CRC32C, Words

MASK_DELTA: Final = 0xA282EAD8
COLUMNS_LIMIT: Final = 4096
"""Longer records are checked one by one."""
_SHORT: Final = 200
_ONES: Final = 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """The checksum of one record."""
    return _of_long(data) if len(data) > _SHORT else CRC32C.of_bytes(data)


def masked(crc: int) -> int:
    """As it stands in the file."""
    return ((((crc >> 15) | (crc << 17)) & _ONES) + MASK_DELTA) & _ONES


def masked_columns(crc: Words) -> Words:
    """`masked` of many."""
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(MASK_DELTA)


@functools.lru_cache(maxsize=64)
def _shift_tables(level: int) -> tuple[Words, Words, Words, Words]:
    """For each byte of a checksum, what it becomes when 2**level zero bytes follow."""
    if level == 0:
        # The remainder's low byte is looked up, the others move down by one byte.
        values = np.arange(256, dtype=np.uint32)
        return CRC32C.table, values, values << np.uint32(8), values << np.uint32(16)
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
    crc = CRC32C.table[padded]
    level = 0
    while len(crc) > 1:
        crc = _apply(crc[0::2], _shift_tables(level)) ^ crc[1::2]
        level += 1
    return int(crc[0]) ^ _ONES
