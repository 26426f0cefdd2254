"""The common case of an event file, all at once: events that hold one float scalar.

Pure. Records that differ only in time, step and value are read as one array; what else there is
comes back as the numbers of the records left. Which bytes may differ is decided by decoding one of
them in the general way, and that the others equal it elsewhere is compared byte by byte.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from epochal.imports.tensorboard.event import SCALAR, TENSOR, Value, read_event
from epochal.imports.tensorboard.records import ROWS, Records, count_lengths
from epochal.imports.tensorboard.wire import Malformed

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]

SHORTEST: Final = 16
LONGEST: Final = 1024
FEWEST: Final = 4
_TIME: Final = 0x09
_STEP: Final = 0x10
_SUMMARY: Final = 0x2A
_SIMPLE: Final = 0x15
_PRIMES: Final = np.random.default_rng(20_260_101).integers(1 << 62, size=LONGEST) * 2 + 1


class Scalars(msgspec.Struct):
    """Scalars as columns, in no order of their own.

    Attributes:
        order: number of the record within the stretch.
        tag: index into ``tags``.
        step: as written.
        wall_us: microseconds since 1970 UTC.
        value: exactly the float32 or float64 that was written.
        tags: names.
    """

    order: Numbers
    tag: Numbers
    step: Numbers
    wall_us: Numbers
    value: NDArray[np.float64]
    tags: list[str]


class Place(NamedTuple):
    """Where a scalar's value stands in a record."""

    tag: str
    start: int
    size: int


class _Rows(NamedTuple):
    """Records of one length with steps of one length."""

    order: Numbers
    data: Bytes
    digits: int


_REMEMBERED: Final = 16_384
_known: dict[bytes, Place | None] = {}


def read_dense(buffer: bytes, records: Records) -> tuple[Scalars, Numbers]:
    """Read the scalars that follow a pattern, and tell which records do not."""
    reader = _Reader()
    data = np.frombuffer(buffer, np.uint8)
    for length, count in count_lengths(records.lengths):
        if count < FEWEST or not SHORTEST < length <= LONGEST:
            continue
        chosen = np.flatnonzero(records.lengths == length)
        windows = sliding_window_view(data, length)
        for start in range(0, len(chosen), ROWS):
            part = chosen[start : start + ROWS]
            for rows in _split_by_step(part, windows[records.starts[part]]):
                reader.read(rows)
    found = reader.result()
    left = np.ones(len(records.starts), np.bool_)
    left[found.order] = False
    return found, np.flatnonzero(left)


def _split_by_step(order: Numbers, data: Bytes) -> list[_Rows]:
    """Sort records by how many bytes their step takes, 0 when it is left out."""
    timed = data[:, 0] == _TIME
    found = []
    without = timed & (data[:, 9] == _SUMMARY)
    if without.any():
        found.append(_Rows(order[without], data[without], 0))
    going = timed & (data[:, 9] == _STEP)
    for digits in range(1, 11):
        column = 9 + digits
        if not going.any() or column + 1 >= data.shape[1]:
            break
        ends = going & (data[:, column] < 0x80)
        full = ends & (data[:, column + 1] == _SUMMARY)
        if full.all():
            found.append(_Rows(order, data, digits))
        elif full.any():
            found.append(_Rows(order[full], data[full], digits))
        going &= ~ends
    return found


class _Reader:
    """Collects columns."""

    def __init__(self) -> None:
        self.tags: dict[str, int] = {}
        self._order: list[Numbers] = []
        self._tag: list[Numbers] = []
        self._step: list[Numbers] = []
        self._wall: list[Numbers] = []
        self._value: list[NDArray[np.float64]] = []

    def read(self, rows: _Rows) -> None:
        """Take the records whose values stand at one of the two places that there are."""
        length = rows.data.shape[1]
        simple = rows.data[:, length - 5] == _SIMPLE
        if simple.all():
            self._read_at(rows, length - 4, 4)
            return
        if simple.any():
            self._read_at(_Rows(rows.order[simple], rows.data[simple], rows.digits), length - 4, 4)
        rest = _Rows(rows.order[~simple], rows.data[~simple], rows.digits)
        place = find_scalar(rest.data[0].tobytes())
        if place is not None:
            self._read_at(rest, place.start, place.size)

    def _read_at(self, rows: _Rows, start: int, size: int) -> None:
        pattern = _pattern(rows, start, size)
        words = _words(pattern)
        _, firsts, groups = np.unique(_hash(words), return_index=True, return_inverse=True)
        places = [_place(rows.data[first], pattern[first], start, size) for first in firsts]
        numbers = [
            -1 if place is None else self.tags.setdefault(place.tag, len(self.tags))
            for place in places
        ]
        tag = np.array(numbers, np.int64)[groups]
        good = (words == words[firsts[groups]]).all(axis=1) & (tag >= 0)
        if good.all():
            self._take(rows, tag, start, size)
        elif good.any():
            kept = _Rows(rows.order[good], rows.data[good], rows.digits)
            self._take(kept, tag[good], start, size)

    def _take(self, rows: _Rows, tag: Numbers, start: int, size: int) -> None:
        self._order.append(rows.order)
        self._tag.append(tag)
        self._step.append(_steps(rows))
        self._wall.append(_walls(rows.data))
        digits = np.ascontiguousarray(rows.data[:, start : start + size])
        self._value.append(digits.view(f"<f{size}")[:, 0].astype(np.float64))

    def result(self) -> Scalars:
        """Everything that was read."""
        none = np.zeros(0, np.int64)
        return Scalars(
            order=np.concatenate([none, *self._order]),
            tag=np.concatenate([none, *self._tag]),
            step=np.concatenate([none, *self._step]),
            wall_us=np.concatenate([none, *self._wall]),
            value=np.concatenate([none.astype(np.float64), *self._value]),
            tags=list(self.tags),
        )


def _place(row: Bytes, pattern: Bytes, start: int, size: int) -> Place | None:
    """What a pattern is; remembered, as every file of a directory has the same ones."""
    key = bytes((size, *start.to_bytes(2, "little"))) + pattern.tobytes()
    if key not in _known:
        if len(_known) >= _REMEMBERED:
            _known.clear()
        place = find_scalar(row.tobytes())
        fits = place is not None and (place.start, place.size) == (start, size)
        _known[key] = place if fits else None
    return _known[key]


def _pattern(rows: _Rows, start: int, size: int) -> Bytes:
    """What must be equal: all but time, step and value, which have fixed places."""
    begin = 10 + rows.digits if rows.digits else 9
    before, after = rows.data[:, begin:start], rows.data[:, start + size :]
    return before if not after.shape[1] else np.concatenate([before, after], axis=1)


def _words(pattern: Bytes) -> NDArray[np.uint64]:
    width = pattern.shape[1]
    room = np.zeros((len(pattern), -(-width // 8) * 8), np.uint8)
    room[:, :width] = pattern
    return room.view(np.uint64)


def _hash(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Only to find what is likely equal."""
    found = np.zeros(len(words), np.uint64)
    for number in range(words.shape[1]):
        found += (words[:, number] ^ (found >> np.uint64(29))) * np.uint64(_PRIMES[number])
    return found


def _steps(rows: _Rows) -> Numbers:
    found = np.zeros(len(rows.data), np.uint64)
    for place in range(rows.digits):
        digit = rows.data[:, 10 + place].astype(np.uint64) & np.uint64(0x7F)
        found |= digit << np.uint64(7 * place)
    return found.view(np.int64)


def _walls(data: Bytes) -> Numbers:
    seconds = np.ascontiguousarray(data[:, 1:9]).view("<f8")[:, 0]
    sound = (seconds >= 0) & (seconds < 9.0e12)
    return np.rint(np.where(sound, seconds, 0.0) * 1e6).astype(np.int64)


def find_scalar(data: bytes) -> Place | None:
    """Where the value of a record with exactly one float scalar stands; None for any other record.

    That it stands there is proved by writing another value there and decoding the record again.
    A tensor counts only with its metadata, which says that it is a scalar.
    """
    value = _only_value(data)
    if value is None:
        return None
    plugin = None if value.metadata is None else value.metadata.plugin
    if value.field == SCALAR and plugin in (None, "", "scalars"):
        place = Place(value.tag, len(data) - 4, 4)
    elif value.field == TENSOR and plugin == "scalars":
        size = _TENSORS.get(value.content[:6], 0)
        if not size or len(value.content) != 6 + size or data.count(value.content) != 1:
            return None
        return Place(value.tag, data.index(value.content) + 6, size)
    else:
        return None
    probe = data[: place.start] + struct.pack("<f", -1.5)
    changed = _only_value(probe)
    proved = changed is not None and changed.tag == value.tag and changed.scalar == -1.5
    return place if proved else None


def _only_value(data: bytes) -> Value | None:
    """The one value of an event that holds nothing else."""
    try:
        event = read_event(data)
    except Malformed:
        return None
    more = (event.version, event.session, event.log, event.run_metadata)
    if len(event.values) != 1 or any(more) or event.graph or event.meta_graph:
        return None
    return event.values[0]


_TENSORS: Final = {
    # type, an empty shape, then the values packed or as they lie in memory
    b"\x08\x01\x12\x00\x2a\x04": 4,
    b"\x08\x01\x12\x00\x22\x04": 4,
    b"\x08\x02\x12\x00\x32\x08": 8,
    b"\x08\x02\x12\x00\x22\x08": 8,
}
"""How a tensor of one number begins, and how many bytes follow."""
