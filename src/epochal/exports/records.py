"""Records of event files: framing and checksums, and many scalars at once. Pure.

A record is u64 length, checksum of the length, the event, checksum of the event, little-endian;
both checksums are masked CRC-32C. Steps of scalars are written in ten bytes each, which is legal
and makes all events of a series equally long.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from epochal.domain.checksum import CRC32C
from epochal.exports.messages import data
from epochal.imports.tensorboard.checksum import crc32c, masked, masked_columns

_ROWS: Final = 16_384
_STEP_BYTES: Final = 10


def frame(event: bytes) -> bytes:
    """One record."""
    head = struct.pack("<Q", len(event))
    return (
        head
        + struct.pack("<I", masked(crc32c(head)))
        + event
        + struct.pack("<I", masked(crc32c(event)))
    )


def scalars(
    tag: str, steps: NDArray[np.int64], wall_us: NDArray[np.int64], values: NDArray[Any]
) -> Iterator[bytes]:
    """Records of a series: ``simple_value`` as 32-bit floats, NaN and infinities too."""
    for start in range(0, len(steps), _ROWS):
        part = slice(start, start + _ROWS)
        yield _block(tag, steps[part], wall_us[part], values[part])


def _block(
    tag: str, steps: NDArray[np.int64], wall_us: NDArray[np.int64], values: NDArray[Any]
) -> bytes:
    inner = data(1, tag) + b"\x15"  # field 2: simple_value
    value = data(1, inner + bytes(4))[:-4]
    summary = data(5, value + bytes(4))[:-4]
    length = 9 + 1 + _STEP_BYTES + len(summary) + 4
    rows = np.zeros((len(steps), length), np.uint8)
    rows[:, 0] = 0x09  # field 1: wall_time
    rows[:, 1:9] = (wall_us / 1e6).astype("<f8").view(np.uint8).reshape(-1, 8)
    rows[:, 9] = 0x10  # field 2: step
    rows[:, 10 : 10 + _STEP_BYTES] = _digits(steps)
    at = 10 + _STEP_BYTES
    rows[:, at : at + len(summary)] = np.frombuffer(summary, np.uint8)
    with np.errstate(over="ignore"):
        singles = values.astype("<f4")
    rows[:, length - 4 :] = singles.view(np.uint8).reshape(-1, 4)
    head = struct.pack("<Q", length)
    head += struct.pack("<I", masked(crc32c(head)))
    frames = np.empty((len(steps), 12 + length + 4), np.uint8)
    frames[:, :12] = np.frombuffer(head, np.uint8)
    frames[:, 12 : 12 + length] = rows
    sums = masked_columns(CRC32C.of_rows(rows)).astype("<u4")
    frames[:, 12 + length :] = sums.view(np.uint8).reshape(-1, 4)
    return frames.tobytes()


def _digits(steps: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Integers in ten bytes of seven bits, all but the last with a mark that more follow."""
    unsigned = steps.astype(np.uint64)
    digits = np.empty((len(steps), _STEP_BYTES), np.uint8)
    for place in range(_STEP_BYTES):
        digits[:, place] = (unsigned >> np.uint64(7 * place)).astype(np.uint8) & np.uint8(0x7F)
    digits[:, :-1] |= np.uint8(0x80)
    return digits
