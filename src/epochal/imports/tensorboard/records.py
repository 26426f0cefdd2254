"""The records of an event file: where they lie and whether they are sound.

Pure. A record is ``u64 length, u32 masked crc of the length, data, u32 masked crc of the data``,
little-endian. Every checksum is verified. A tail that is not whole is left for later. Damage is
stepped over when a sound record follows, and counted; nothing is ever guessed. Format:
TensorFlow, ``core/lib/io/record_writer.h``.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from epochal.domain.checksum import CRC32C
from epochal.imports.tensorboard.checksum import (
    COLUMNS_LIMIT,
    crc32c,
    masked,
    masked_columns,
)

HEAD: Final = 12
FRAMING: Final = 16
MAX_RECORD: Final = 1 << 31
"""Protobuf allows no longer message."""
ROWS: Final = 32_768
"""Records checked in one go."""
_FEW: Final = 4
_SHORT: Final = 1 << 14
"""Shorter lengths are counted in a table."""
_SEARCH: Final = 1 << 20
_LENGTH: Final = struct.Struct("<Q")
_CRC: Final = struct.Struct("<I")

Offsets = NDArray[np.int64]


class Records(msgspec.Struct):
    """What a stretch of an event file holds.

    Attributes:
        starts: offsets of the data of sound records within the stretch, in order.
        lengths: bytes of data of each.
        end: offset after the last record that was read or stepped over.
        damaged: records and gaps that were stepped over.
        tail_damaged: whether what lies at ``end`` is no beginning of a record.
    """

    starts: Offsets
    lengths: Offsets
    end: int
    damaged: int
    tail_damaged: bool


def read_records(buffer: bytes, *, whole: bool = False) -> Records:
    """Find the records of a stretch that begins where a record begins.

    Args:
        buffer: bytes of the file.
        whole: the stretch ends with a record that was read before, so that a damaged one at its
            end is stepped over; else it may still be in the making and is left.
    """
    found: list[int] = []
    gaps = 0
    at, broken = _walk(buffer, 0, found)
    while broken:
        following = _find_record(buffer, at + 1)
        if following is None:
            break
        gaps += 1
        at, broken = _walk(buffer, following, found)
    if whole and at < len(buffer):
        gaps, at, broken = gaps + 1, len(buffer), False
    heads = np.array(found, np.int64)
    lengths = _lengths(buffer, heads)
    good = check_data(np.frombuffer(buffer, np.uint8), heads, lengths)
    if len(good) and not good[-1] and not whole and found[-1] + lengths[-1] + FRAMING == at:
        at, broken = found[-1], True
        heads, lengths, good = heads[:-1], lengths[:-1], good[:-1]
    bad = int(len(good) - good.sum())
    if bad:
        heads, lengths = heads[good], lengths[good]
    return Records(heads + HEAD, lengths, at, gaps + bad, broken and _is_something(buffer, at))


def _is_something(buffer: bytes, at: int) -> bool:
    """Whether anything but zeros, which are room that nobody wrote to yet, lies there."""
    return any(buffer[at : at + 4096]) or buffer[at:].strip(b"\0") != b""


def _walk(buffer: bytes, at: int, found: list[int]) -> tuple[int, bool]:
    """Go from record to record while their heads are sound.

    Returns:
        Where it ended, and whether that is damage instead of a record that is not whole.
    """
    first = len(found)
    unpack, append, last = _LENGTH.unpack_from, found.append, len(buffer) - FRAMING
    limit = len(buffer)
    while at <= last:
        following = at + unpack(buffer, at)[0] + FRAMING
        if following > limit:
            break
        append(at)
        at = following
    heads = np.array(found[first:], np.int64)
    good = _check_heads(buffer, heads)
    if not good.all():
        worst = int(good.argmin())
        at = found[first + worst]
        del found[first + worst :]
        return at, True
    return at, limit - at >= HEAD and not _head_is_sound(buffer, at)


def _head_is_sound(buffer: bytes, at: int) -> bool:
    length = buffer[at : at + 8]
    crc = int.from_bytes(buffer[at + 8 : at + HEAD], "little")
    return masked(crc32c(length)) == crc and int.from_bytes(length, "little") < MAX_RECORD


def _check_heads(buffer: bytes, heads: Offsets) -> NDArray[np.bool_]:
    """Whether the lengths have the checksums that stand behind them."""
    lengths = _lengths(buffer, heads)
    stored = _take(buffer, heads + 8, 4).view("<u4")[:, 0]
    sizes = [length for length, _ in count_lengths(lengths)]
    expected = np.array([masked(crc32c(_LENGTH.pack(size))) for size in sizes], np.uint32)
    found: NDArray[np.bool_] = stored == expected[np.searchsorted(sizes, lengths)]
    return found


def count_lengths(lengths: Offsets) -> list[tuple[int, int]]:
    """Each length that there is, and how often."""
    if len(lengths) and lengths.min() >= 0 and lengths.max() < _SHORT:
        counts = np.bincount(lengths)
        sizes = np.flatnonzero(counts)
        counts = counts[sizes]
    else:
        sizes, counts = np.unique(lengths, return_counts=True)
    return list(zip(sizes.tolist(), counts.tolist(), strict=True))


def _lengths(buffer: bytes, heads: Offsets) -> Offsets:
    return _take(buffer, heads, 8).view("<i8")[:, 0]


def _take(buffer: bytes, offsets: Offsets, width: int) -> NDArray[np.uint8]:
    if not len(offsets):
        return np.zeros((0, width), np.uint8)
    return sliding_window_view(np.frombuffer(buffer, np.uint8), width)[offsets]


def check_data(data: NDArray[np.uint8], heads: Offsets, lengths: Offsets) -> NDArray[np.bool_]:
    """Whether the data of records have their checksums."""
    good = np.ones(len(heads), np.bool_)
    rest = np.ones(len(heads), np.bool_)
    for length, count in count_lengths(lengths):
        if count < _FEW or length > COLUMNS_LIMIT:
            continue
        chosen = np.flatnonzero(lengths == length)
        rest[chosen] = False
        windows = sliding_window_view(data, length + 4)
        for start in range(0, len(chosen), ROWS):
            part = chosen[start : start + ROWS]
            rows = windows[heads[part] + HEAD]
            stored = np.ascontiguousarray(rows[:, length:]).view("<u4")[:, 0]
            good[part] = masked_columns(CRC32C.of_rows(rows[:, :length])) == stored
    for index in np.flatnonzero(rest).tolist():
        begin = int(heads[index]) + HEAD
        end = begin + int(lengths[index])
        stored_crc = int.from_bytes(data[end : end + 4].tobytes(), "little")
        good[index] = masked(crc32c(data[begin:end].tobytes())) == stored_crc
    return good


def _find_record(buffer: bytes, at: int) -> int | None:
    """The first offset from ``at`` on at which a whole and sound record lies."""
    data = np.frombuffer(buffer, np.uint8)
    while at <= len(buffer) - FRAMING:
        block = data[at : at + _SEARCH + HEAD - 1]
        heads = sliding_window_view(block, HEAD)
        # Four of the eight bytes of a length are zero in every record that there can be.
        likely = np.flatnonzero(~heads[:, 4:8].any(axis=1))
        rows = heads[likely]
        stored = np.ascontiguousarray(rows[:, 8:]).view("<u4")[:, 0]
        sound = likely[masked_columns(CRC32C.of_rows(rows[:, :8])) == stored]
        for offset in (sound + at).tolist():
            (length,) = _LENGTH.unpack_from(buffer, offset)
            end = offset + HEAD + length
            if end + 4 <= len(buffer):
                (crc,) = _CRC.unpack_from(buffer, end)
                if masked(crc32c(buffer[offset + HEAD : end])) == crc:
                    return int(offset)
        at += _SEARCH
    return None
