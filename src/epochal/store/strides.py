"""Runs of journal rows of one form, turned into columns without making a Python object per value.

Rows that hold as many floats each have frames of one length with the same bytes at the same
places: what differs are key set, step, time and values. Such a run is checked and read as one
array. Each frame's checksum is verified all the same. Whatever has another form is left to the
general way (`store.columns.group_rows`), which gives the same columns bit for bit.
"""

from __future__ import annotations

import itertools
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
_FACT: Final = 0xE0
"""What stands second in a fact is negative."""
_FLOAT: Final = 0xCB
_SMALL: Final = 0x80
"""Smaller integers are one byte in msgpack."""
_INTEGERS: Final = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
"""Unsigned integers of msgpack, by their first byte: size in bytes, big-endian."""


class Form(msgspec.Struct, frozen=True):
    """Where everything stands in the frames of a run, counted from a frame's first byte.

    Attributes:
        length: bytes of a payload.
        stride: bytes from one frame to the next.
        number: of the key set's number; one byte, or the type's and those of an integer.
        step: of the step's first byte, its type.
        wall: of the time's first byte.
        values: of the first value's type byte; each takes nine bytes.
        width: values of a row.
    """

    length: int
    stride: int
    number: int
    step: int
    wall: int
    values: int
    width: int


def take_run(
    buffer: bytes, position: int, schemas: dict[int, list[str]], ordinal: int
) -> tuple[list[ColumnGroup], int] | None:
    """The rows of one form that begin at a frame.

    Args:
        buffer: journal bytes.
        position: where a frame begins.
        schemas: the key sets declared before it.
        ordinal: arrival number of the first row.

    Returns:
        The columns, one group for each key set, and where the run ends; None when there is no run
        here.
    """
    form = _form_at(buffer, position)
    if form is None or not _repeats(buffer, position, form):
        return None
    blocks: list[NDArray[np.uint8]] = []
    count = max(LEAST, BLOCK_BYTES // form.stride)
    end = position
    while True:
        block = _block(buffer, end, form, min(count, (len(buffer) - end) // form.stride))
        known = _known_rows(block, form, schemas)
        if known:
            blocks.append(block[:known])
            end += known * form.stride
        if known < count:
            break
    rows = blocks[0] if len(blocks) == 1 else np.concatenate(blocks) if blocks else None
    if rows is None or len(rows) < LEAST:
        return None
    return _groups(rows, form, schemas, ordinal), end


def is_row(buffer: bytes, position: int) -> bool:
    """Whether the frame at ``position``, of two bytes at least, seems to be a row."""
    body = position + FRAME_HEADER_SIZE
    return buffer[body] == _ROW and buffer[body + 1] < _FACT


def _form_at(buffer: bytes, position: int) -> Form | None:
    """The form of the row at ``position``; None when it is no row of floats."""
    if position + FRAME_HEADER_SIZE + 24 > len(buffer):
        return None
    length, _ = _HEADER.unpack_from(buffer, position)
    body = position + FRAME_HEADER_SIZE
    if length > MAX_PAYLOAD or body + length > len(buffer) or buffer[body] != _ROW:
        return None
    step = body + 2 + _INTEGERS.get(buffer[body + 1], 0)
    if step == body + 2 and buffer[body + 1] >= _SMALL:
        return None
    wall = step + 1 + _INTEGERS.get(buffer[step], 0)
    if wall == step + 1 or wall + 12 > len(buffer) or buffer[wall] != 0xCF:
        return None
    width, values = _array_at(buffer, wall + 9)
    if not width or values + 9 * width != body + length:
        return None
    return Form(
        length=length, stride=FRAME_HEADER_SIZE + length + (-length & 7),
        number=body + 1 - position, step=step - position, wall=wall - position,
        values=values - position, width=width,
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
    return (
        last + form.stride <= len(buffer)
        and _HEADER.unpack_from(buffer, last)[0] == form.length
        and buffer[last + FRAME_HEADER_SIZE] == _ROW
        and buffer[last + form.step] == buffer[position + form.step]
    )


def _block(buffer: bytes, position: int, form: Form, count: int) -> NDArray[np.uint8]:
    """Up to ``count`` frames from ``position`` on that have the form and a good checksum."""
    size = count * form.stride
    frames = np.frombuffer(buffer, np.uint8, size, position).reshape(count, form.stride)
    if not count:
        return frames
    fixed = [*range(4), FRAME_HEADER_SIZE, form.step, form.wall]
    fixed += range(form.wall + 9, form.values)
    if form.step > form.number + 1:
        fixed.append(form.number)
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


def _numbers(frames: NDArray[np.uint8], form: Form) -> NDArray[np.uint64]:
    """The number of each row's key set."""
    if form.step == form.number + 1:
        return frames[:, form.number].astype(np.uint64)
    return _unsigned(frames, form.number)


def _known_rows(frames: NDArray[np.uint8], form: Form, schemas: dict[int, list[str]]) -> int:
    """How many rows there are before one whose key set is unknown, or does not fit."""
    numbers = _numbers(frames, form)
    known = len(numbers)
    is_small = form.step == form.number + 1
    for number in np.unique(numbers).tolist():
        keys = schemas.get(number)
        if (
            keys is None
            or len(keys) != form.width
            or len(set(keys)) != len(keys)
            or (is_small and number >= _SMALL)
        ):
            known = min(known, int((numbers == number).argmax()))
    return known


def _unsigned(frames: NDArray[np.uint8], at: int) -> NDArray[np.uint64]:
    size = _INTEGERS.get(int(frames[0, at]), 8)
    digits = np.ascontiguousarray(frames[:, at + 1 : at + 1 + size])
    return digits.view(f">u{size}")[:, 0].astype(np.uint64)


def _groups(
    frames: NDArray[np.uint8], form: Form, schemas: dict[int, list[str]], ordinal: int
) -> list[ColumnGroup]:
    """The columns of each key set; numbers of equal ones share theirs."""
    numbers = _numbers(frames, form)
    same: dict[tuple[str, ...], int] = {}
    for number in np.unique(numbers).tolist():
        first = same.setdefault(tuple(schemas[number]), number)
        if first != number:
            numbers[numbers == number] = first
    chosen = np.argsort(numbers, kind="stable")
    numbers = numbers[chosen]
    bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    order = chosen + ordinal
    step = _unsigned(frames, form.step)[chosen].astype(np.int64)
    wall_us = _unsigned(frames, form.wall)[chosen].astype(np.int64)
    cells = frames[:, form.values : form.values + 9 * form.width].reshape(-1, form.width, 9)
    digits = np.ascontiguousarray(cells[:, :, 1:]).view(">f8")[:, :, 0]
    values = np.ascontiguousarray(digits[chosen].T.astype("<f8"))
    return [
        ColumnGroup(
            keys=list(schemas[int(numbers[start])]),
            order=order[start:end],
            step=step[start:end],
            wall_us=wall_us[start:end],
            values=[column[start:end] for column in values],
        )
        for start, end in itertools.pairwise(bounds)
    ]
