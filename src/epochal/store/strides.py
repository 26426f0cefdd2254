"""Runs of journal rows of one form, turned into columns without making a Python object per value.

Rows of one key set that hold floats only have frames of one length with the same bytes at the same
places: what differs are step, time and values. Such a run is checked and read as one array. Each
frame's checksum is verified all the same. Whatever has another form is left to the general way
(`store.columns.group_rows`), which gives the same columns bit for bit.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from epochal.domain.values import INT64_MAX
from epochal.journal.frame import FRAME_HEADER_SIZE, MAX_PAYLOAD
from epochal.store.columns import ColumnGroup

LEAST: Final = 16
"""Shorter runs are not worth the trouble."""
BLOCK_BYTES: Final = 1 << 20
"""So much is looked at in one go."""
_HEADER: Final = struct.Struct("<II")
_ROW: Final = 0x94
_FLOAT: Final = 0xCB
_INTEGERS: Final = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
"""Unsigned integers of msgpack, by their first byte: size in bytes, big-endian."""


class Form(msgspec.Struct, frozen=True):
    """Where everything stands in the frames of a run, counted from a frame's first byte.

    Attributes:
        length: bytes of a payload.
        stride: bytes from one frame to the next.
        step: of the step's first byte, its type.
        wall: of the time's first byte.
        values: of the first value's type byte; each takes nine bytes.
        width: values of a row.
    """

    length: int
    stride: int
    step: int
    wall: int
    values: int
    width: int


def take_run(
    buffer: bytes, position: int, schemas: dict[int, list[str]], ordinal: int
) -> tuple[ColumnGroup, int] | None:
    """The rows of one form that begin at a frame.

    Args:
        buffer: journal bytes.
        position: where a frame begins.
        schemas: the key sets declared before it.
        ordinal: arrival number of the first row.

    Returns:
        The columns and where the run ends; None when there is no run here.
    """
    form = _form_at(buffer, position)
    if form is None or not _repeats(buffer, position, form):
        return None
    keys = schemas.get(buffer[position + FRAME_HEADER_SIZE + 1])
    if keys is None or len(keys) != form.width or len(set(keys)) != len(keys):
        return None
    blocks: list[NDArray[np.uint8]] = []
    count = max(LEAST, BLOCK_BYTES // form.stride)
    end = position
    while True:
        block = _block(buffer, end, form, min(count, (len(buffer) - end) // form.stride))
        if len(block):
            blocks.append(block)
            end += len(block) * form.stride
        if len(block) < count:
            break
    rows = blocks[0] if len(blocks) == 1 else np.concatenate(blocks) if blocks else None
    if rows is None or len(rows) < LEAST:
        return None
    return _columns(rows, form, list(keys), ordinal), end


def _form_at(buffer: bytes, position: int) -> Form | None:
    """The form of the row at ``position``; None when it is no row of floats."""
    if position + FRAME_HEADER_SIZE + 24 > len(buffer):
        return None
    length, _ = _HEADER.unpack_from(buffer, position)
    body = position + FRAME_HEADER_SIZE
    if length > MAX_PAYLOAD or body + length > len(buffer):
        return None
    if buffer[body] != _ROW or not 0 < buffer[body + 1] < 0x80:
        return None
    step = body + 2
    wall = step + 1 + _INTEGERS.get(buffer[step], 0)
    if wall == step + 1 or wall + 12 > len(buffer) or buffer[wall] != 0xCF:
        return None
    width, values = _array_at(buffer, wall + 9)
    if not width or values + 9 * width != body + length:
        return None
    return Form(
        length, FRAME_HEADER_SIZE + length + (-length & 7), step - position, wall - position,
        values - position, width,
    )  # fmt: skip


def _array_at(buffer: bytes, at: int) -> tuple[int, int]:
    """Items of the array whose first byte this is, and where the first one stands."""
    if 0x90 <= buffer[at] < 0xA0:
        return buffer[at] & 15, at + 1
    if buffer[at] == 0xDC:
        return int.from_bytes(buffer[at + 1 : at + 3], "big"), at + 3
    return 0, at


def _repeats(buffer: bytes, position: int, form: Form) -> bool:
    """Whether the last of `LEAST` frames looks like the first; cheap, and not yet a proof."""
    last = position + (LEAST - 1) * form.stride
    same = slice(FRAME_HEADER_SIZE, form.step + 1)
    return (
        last + form.stride <= len(buffer)
        and _HEADER.unpack_from(buffer, last)[0] == form.length
        and buffer[last + same.start : last + same.stop]
        == buffer[position + same.start : position + same.stop]
    )


def _block(buffer: bytes, position: int, form: Form, count: int) -> NDArray[np.uint8]:
    """Up to ``count`` frames from ``position`` on that have the form and a good checksum."""
    size = count * form.stride
    frames = np.frombuffer(buffer, np.uint8, size, position).reshape(count, form.stride)
    if not count:
        return frames
    fixed = [*range(4), *range(FRAME_HEADER_SIZE, form.step + 1), *range(form.wall, form.wall + 1)]
    fixed += range(form.wall + 9, form.values)
    template = np.frombuffer(buffer, np.uint8, form.values, position)[fixed]
    good = (frames[:, fixed] == template).all(axis=1)
    types = frames[:, form.values : form.values + 9 * form.width : 9]
    good &= (types == _FLOAT).all(axis=1)
    crc32, length = zlib.crc32, form.length
    first = position + FRAME_HEADER_SIZE
    found = [crc32(buffer[at : at + length]) for at in range(first, first + size, form.stride)]
    stored = np.ascontiguousarray(frames[:, 4:8]).view("<u4")[:, 0]
    good &= stored == np.array(found, np.uint32)
    good &= _unsigned(frames, form.wall) <= INT64_MAX
    good &= _unsigned(frames, form.step) <= INT64_MAX
    return frames if good.all() else frames[: int(good.argmin())]


def _unsigned(frames: NDArray[np.uint8], at: int) -> NDArray[np.uint64]:
    size = _INTEGERS.get(int(frames[0, at]), 8)
    digits = np.ascontiguousarray(frames[:, at + 1 : at + 1 + size])
    return digits.view(f">u{size}")[:, 0].astype(np.uint64)


def _columns(frames: NDArray[np.uint8], form: Form, keys: list[str], ordinal: int) -> ColumnGroup:
    count = len(frames)
    cells = frames[:, form.values : form.values + 9 * form.width].reshape(count, form.width, 9)
    digits = np.ascontiguousarray(cells[:, :, 1:]).view(">f8")[:, :, 0]
    return ColumnGroup(
        keys=keys,
        order=np.arange(ordinal, ordinal + count),
        step=_unsigned(frames, form.step).astype(np.int64),
        wall_us=_unsigned(frames, form.wall).astype(np.int64),
        values=list(np.ascontiguousarray(digits.T.astype("<f8"))),
    )
