"""Runs of journal rows of one form, turned into columns without making a Python object per value.

Rows that hold as many numbers of the same sizes have frames of one length with the same bytes at
the same places: what differs are key set, step, time and values. Such a run is checked and read as
one array. Each frame's checksum is verified all the same. Whatever has another form is left to the
general way (`store.columns.group_rows`), which gives the same columns bit for bit. `pack_run`
writes such a run.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from epochal.domain.checksum import crc32_rows
from epochal.domain.values import INT64_MAX
from epochal.journal.frame import FRAME_HEADER_SIZE, MAX_PAYLOAD
from epochal.store.codec import Integers, Values
from epochal.store.columns import ColumnGroup

LEAST: Final = 16
"""Shorter runs are not worth the trouble."""
BLOCK_BYTES: Final = 1 << 20
"""So much is looked at in one go."""
_HEADER: Final = struct.Struct("<II")
_ROW: Final = 0x94
_FLOAT: Final = 0xCB
_SMALL: Final = 0x80
"""Smaller integers are one byte in msgpack."""
_NEGATIVE: Final = 0xE0
"""From it on a byte is a small negative integer; one stands second in a fact."""
_UINT64: Final = 0xCF
_INT64: Final = 0xD3
_INTEGERS: Final = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
"""Unsigned integers of msgpack, by their first byte: size in bytes, big-endian."""
_TYPES: Final = {
    _FLOAT: ">f8",
    **{mark: f">u{size}" for mark, size in _INTEGERS.items()},
    0xD0: ">i1",
    0xD1: ">i2",
    0xD2: ">i4",
    0xD3: ">i8",
}
"""Numbers of msgpack by their first byte, which tells type and size; others are one byte."""
_encode = msgspec.msgpack.Encoder().encode


class Form(msgspec.Struct, frozen=True):
    """Where everything stands in the frames of a run, counted from a frame's first byte.

    Attributes:
        length: bytes of a payload.
        stride: bytes from one frame to the next.
        number: of the key set's number; one byte, or the type's and those of an integer.
        step: of the step's first byte, its type.
        wall: of the time's first byte.
        values: of the first value's first byte.
        places: of each value's first byte.
        marks: the first bytes themselves, of the first row.
    """

    length: int
    stride: int
    number: int
    step: int
    wall: int
    values: int
    places: list[int]
    marks: NDArray[np.uint8]

    @property
    def width(self) -> int:
        """Values of a row."""
        return len(self.places)


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
    return buffer[body] == _ROW and buffer[body + 1] < _NEGATIVE


def _form_at(buffer: bytes, position: int) -> Form | None:
    """The form of the row at ``position``; None when it is no row of numbers."""
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
    places = _places(buffer, values, width, body + length)
    if not places:
        return None
    return Form(
        length=length, stride=FRAME_HEADER_SIZE + length + (-length & 7),
        number=body + 1 - position, step=step - position, wall=wall - position,
        values=values - position, places=[place - position for place in places],
        marks=np.array([buffer[place] for place in places], np.uint8),
    )  # fmt: skip


def _places(buffer: bytes, at: int, width: int, end: int) -> list[int]:
    """Where each of ``width`` numbers begins; none when they are others or end elsewhere."""
    if at + 9 * width == end and buffer[at:end:9].count(_FLOAT) == width:
        return list(range(at, end, 9))
    places = []
    for _ in range(width):
        if at >= end:
            return []
        places.append(at)
        mark = buffer[at]
        if mark in _TYPES:
            at += 1 + int(_TYPES[mark][2:])
        elif mark < _SMALL or mark >= _NEGATIVE:
            at += 1
        else:
            return []
    return places if at == end else []


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
    good &= _same_marks(frames[:, form.places], form.marks)
    for index in np.flatnonzero(form.marks == _UINT64).tolist():
        good &= _unsigned(frames, form.places[index]) <= INT64_MAX
    stored = np.ascontiguousarray(frames[:, 4:8]).view("<u4")[:, 0]
    payloads = frames[:, FRAME_HEADER_SIZE : FRAME_HEADER_SIZE + form.length]
    good &= stored == crc32_rows(payloads)
    good &= _unsigned(frames, form.wall) <= INT64_MAX
    good &= _unsigned(frames, form.step) <= INT64_MAX
    return frames if good.all() else frames[: int(good.argmin())]


def _same_marks(marks: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which rows have the wanted first bytes; small integers are all alike."""
    same = marks == wanted
    for column in np.flatnonzero((wanted < _SMALL) | (wanted >= _NEGATIVE)).tolist():
        small = wanted[column] < _SMALL
        same[:, column] = (marks[:, column] < _SMALL) if small else marks[:, column] >= _NEGATIVE
    found: NDArray[np.bool_] = same.all(axis=1)
    return found


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
    is_plain = bool((form.marks == _FLOAT).all())
    values = _floats(frames, form, chosen) if is_plain else _mixed(frames, form, chosen)
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


def _floats(frames: NDArray[np.uint8], form: Form, chosen: Integers) -> list[Values]:
    """The columns of rows of floats, in the chosen order."""
    cells = frames[:, form.values : form.values + 9 * form.width].reshape(-1, form.width, 9)
    digits = np.ascontiguousarray(cells[:, :, 1:]).view(">f8")[:, :, 0]
    return list(np.ascontiguousarray(digits[chosen].T.astype("<f8")))


def _mixed(frames: NDArray[np.uint8], form: Form, chosen: Integers) -> list[Values]:
    """The columns of rows with integers, in the chosen order."""
    values: list[Values] = []
    for place, mark in zip(form.places, form.marks.tolist(), strict=True):
        kind = _TYPES.get(mark)
        if kind is None:
            values.append(frames[chosen, place].astype(np.int8).astype(np.int64))
            continue
        digits = np.ascontiguousarray(frames[chosen, place + 1 : place + 1 + int(kind[2:])])
        column = digits.view(kind)[:, 0]
        values.append(column.astype(np.float64 if column.dtype.kind == "f" else np.int64))
    return values


def pack_run(schema: int, step: Integers, wall_us: Integers, values: Sequence[Values]) -> bytes:
    """Frames of rows of one key set, one after the other, as a journal holds them.

    Args:
        schema: id of the key set in the journal.
        step: not negative.
        wall_us: not negative.
        values: one array for each key, float64 or int64.
    """
    width = len(values)
    head = bytes([_ROW]) + _encode(schema)
    array = bytes([0x90 + width]) if width < 16 else b"\xdd" + width.to_bytes(4, "big")
    if 16 <= width < 1 << 16:
        array = b"\xdc" + width.to_bytes(2, "big")
    at_step = FRAME_HEADER_SIZE + len(head)
    at_wall = at_step + 9
    at_values = at_wall + 9 + len(array)
    length = at_values + 9 * width - FRAME_HEADER_SIZE
    frames = np.zeros((len(step), FRAME_HEADER_SIZE + length + (-length & 7)), np.uint8)
    frames[:, FRAME_HEADER_SIZE:at_step] = np.frombuffer(head, np.uint8)
    frames[:, at_wall + 9 : at_values] = np.frombuffer(array, np.uint8)
    for place, mark, column in (
        (at_step, _UINT64, step.astype(">i8")),
        (at_wall, _UINT64, wall_us.astype(">i8")),
        *((at_values + 9 * index, *_packed(column)) for index, column in enumerate(values)),
    ):
        frames[:, place] = mark
        frames[:, place + 1 : place + 9] = column.view(np.uint8).reshape(-1, 8)
    heads = np.empty((len(step), 2), "<u4")
    heads[:, 0] = length
    heads[:, 1] = crc32_rows(frames[:, FRAME_HEADER_SIZE : FRAME_HEADER_SIZE + length])
    frames[:, :FRAME_HEADER_SIZE] = heads.view(np.uint8)
    return frames.tobytes()


def _packed(column: Values) -> tuple[int, NDArray[Any]]:
    if column.dtype == np.int64:
        return _INT64, column.astype(">i8")
    return _FLOAT, column.astype(">f8")
