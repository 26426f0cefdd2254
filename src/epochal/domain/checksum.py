"""Checksums of many short rows at once, in numpy: CRC-32 as in journals, CRC-32C as elsewhere.

Pure. A reflected CRC is linear: rows of one length that differ in some bytes have checksums that
differ by what those bytes contribute at their distance from the end, and by nothing else. So one
row is summed byte by byte, the columns that are the same everywhere are compared, and only the
others are looked up. Every byte of every row counts. Polynomials: RFC 1952, section 8; RFC 3720,
appendix B.4.
"""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Rows = NDArray[np.uint8]

AT_ONCE: Final = 384 * 1024
"""Bytes of rows summed in one go: so many stay in the processor's cache."""
SHORT: Final = 72
FEW: Final = 128
"""Longer rows, and fewer, are summed faster one by one where that is done in C."""
_ONES: Final = 0xFFFFFFFF


class Checksum:
    """One reflected CRC of 32 bits, with ones before and after.

    Args:
        polynomial: reflected, without its highest term.
    """

    def __init__(self, polynomial: int) -> None:
        table = np.arange(256, dtype=np.uint32)
        for _ in range(8):
            table = np.where(table & 1, (table >> 1) ^ np.uint32(polynomial), table >> 1)
        self.table: Words = table.astype(np.uint32)
        self._list: list[int] = self.table.tolist()
        self._tables = self.table[np.newaxis]

    def of_bytes(self, data: bytes) -> int:
        """The checksum of a few bytes, one after the other."""
        crc, table = _ONES, self._list
        for byte in data:
            crc = (crc >> 8) ^ table[(crc ^ byte) & 255]
        return crc ^ _ONES

    def of_rows(self, rows: Rows) -> Words:
        """The checksum of each row.

        Args:
            rows: of any stride.
        """
        count = max(1, AT_ONCE // max(1, rows.shape[1]))
        starts = range(0, len(rows), count)
        sums = [self._of_some(rows[start : start + count]) for start in starts]
        return np.concatenate(sums) if sums else np.zeros(0, np.uint32)

    def _of_some(self, rows: Rows) -> Words:
        columns = np.ascontiguousarray(rows.T)
        first = columns[:, :1]
        places = np.flatnonzero((columns != first).any(axis=1))
        tables = self._at_distances(len(columns))[len(columns) - 1 - places]
        starts = np.arange(len(places))[:, np.newaxis] * 256
        chosen, known = columns[places], self.of_bytes(first.tobytes())
        crc: Words = np.bitwise_xor.reduce(tables.ravel().take(chosen + starts), axis=0)
        crc ^= np.uint32(known) ^ crc[0]
        return crc

    def _at_distances(self, count: int) -> NDArray[np.uint32]:
        """What each byte contributes when none follows it, one, and so on; ``count`` at least."""
        if len(self._tables) >= count:
            return self._tables
        tables = [*self._tables]
        while len(tables) < count:
            for _ in range(len(tables)):
                last = tables[-1]
                tables.append((last >> np.uint32(8)) ^ self.table[last & np.uint32(255)])
        self._tables = np.stack(tables)
        return self._tables


CRC32: Final = Checksum(0xEDB88320)
CRC32C: Final = Checksum(0x82F63B78)


def crc32_rows(rows: Rows) -> Words:
    """The checksum of each row as `zlib.crc32` gives it.

    Args:
        rows: of one byte or more, and any stride.
    """
    if rows.shape[1] <= SHORT and len(rows) >= FEW:
        return CRC32.of_rows(rows)
    data, length, crc32 = rows.tobytes(), rows.shape[1], zlib.crc32
    starts = range(0, len(data), length)
    return np.array([crc32(data[start : start + length]) for start in starts], np.uint32)
