"""The reading end of a segment: columns on demand, each byte checked as it is read.

A `Segment` holds the directory in memory and no open file: it costs nothing to keep and cannot run
out of descriptors. The axes that were decoded last are kept, `KEPT_ROWS` rows of all segments that
share them. Compaction may delete a segment that a reader still knows; reading then raises
FileNotFoundError, and the reader should look up the run's segments again.
"""

from __future__ import annotations

import os
import zlib
from itertools import accumulate
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from epochal.errors import CorruptFile
from epochal.store.codec import Integers, Values, decode
from epochal.store.directory import (
    FOOTER_SIZE,
    MAGIC,
    NONE,
    Directory,
    GroupAxis,
    unpack_directory,
    unpack_footer,
)
from epochal.store.grid import Grid
from epochal.store.mip import Mip, decode_mip
from epochal.store.mips import RecentMips
from epochal.store.parts import Part, Place
from epochal.store.recent import Recent
from epochal.store.statistics import Number

_SMALLEST: Final = len(MAGIC) + FOOTER_SIZE
KEPT_ROWS: Final = 1 << 23
"""64 MB of decoded steps, times and arrival numbers."""


class RecentAxes(Recent[Integers]):
    """The decoded axes that were used last."""

    def __init__(self) -> None:
        super().__init__(len, KEPT_ROWS)


class KeyEntry(msgspec.Struct, frozen=True):
    """One column of a segment, as the directory knows it; statistics are over finite values.

    Attributes:
        key: its name.
        group: index of its group.
        offset: where its block starts in the file, in bytes.
        length: bytes of the block.
        position: index of the column's first value in the block.
        count: points.
        n_nan: points that are NaN.
        n_inf: points that are infinite.
        min: smallest finite value, None when there is none.
        max: largest finite value.
        mean: mean of the finite values.
        first: first value in arrival order, finite or not.
        last: last value in arrival order.
        integer: values are int64.
        step_min: smallest step.
        step_max: greatest step.
        order_first: arrival number of the first point.
        order_last: arrival number of the last point.
        rising: steps strictly increase.
        mip_offset: where its mip starts in the file; None when it has none.
    """

    key: str
    group: int
    offset: int
    length: int
    position: int
    count: int
    n_nan: int
    n_inf: int
    min: Number | None
    max: Number | None
    mean: float | None
    first: Number
    last: Number
    integer: bool
    step_min: int
    step_max: int
    order_first: int
    order_last: int
    rising: bool
    mip_offset: int | None


class Segment:
    """A segment file, open for reading. Safe to share between threads.

    Args:
        path: the ``.eps`` file.
        mips: where decoded mips are kept; of its own by default.
        axes: where decoded axes are kept; likewise.

    Raises:
        OSError: it cannot be read.
        CorruptFile: it is cut off, changed, or no segment.
        NewerFormat: a newer Epochal wrote it.
    """

    def __init__(
        self, path: Path, mips: RecentMips[Mip] | None = None, axes: RecentAxes | None = None
    ) -> None:
        self.path = path
        self._mips: RecentMips[Mip] = RecentMips() if mips is None else mips
        self._axes = RecentAxes() if axes is None else axes
        self.directory = _read_directory(path)
        self._offsets = list(accumulate(self.directory.lengths, initial=len(MAGIC)))
        self._places: dict[str, list[tuple[int, int]]] = {}
        for number, group in enumerate(self.directory.groups):
            for index, key in enumerate(group.columns.keys):
                self._places.setdefault(key, []).append((number, index))
        self._packed: tuple[int, Values] | None = None

    def keys(self) -> list[str]:
        """All keys, each once."""
        return list(self._places)

    def entries(self, key: str) -> list[KeyEntry]:
        """What the directory says about a key, one entry for each group that has it."""
        return [self._entry(group, column) for group, column in self._places.get(key, ())]

    def parts(self, key: str) -> list[SegmentPart]:
        """The stretches of a key, by arrival; their arrays are read when asked for."""
        found = [SegmentPart(self, *place) for place in self._places.get(key, ())]
        return sorted(found, key=lambda part: part.order_first)

    def read(self, key: str) -> list[Part]:
        """The stretches of a key, read and decoded.

        Raises:
            OSError: the file cannot be read.
            CorruptFile: a block fails its checksum.
        """
        return [part.load() for part in self.parts(key)]

    def mip(self, key: str) -> list[Mip | None]:
        """The coarse copy of each stretch of a key; None where there is none."""
        return [part.mip() for part in self.parts(key)]

    def block(self, index: int) -> bytes:
        """The bytes of a block, checked.

        Raises:
            OSError: the file cannot be read.
            CorruptFile: the block fails its checksum.
        """
        length = self.directory.lengths[index]
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.pread(descriptor, length, self._offsets[index])
        finally:
            os.close(descriptor)
        if len(data) != length or zlib.crc32(data) != self.directory.checksums[index]:
            raise CorruptFile(
                self.path, f"block {index} at byte {self._offsets[index]} was changed"
            )
        return data

    def axis(self, group: int) -> GroupAxis:
        """What the columns of a group share."""
        return self.directory.groups[group].axis

    def step(self, group: int) -> Integers:
        """Steps of a group."""
        axis = self.axis(group)
        if axis.step_block == NONE:
            return axis.step_first + np.arange(axis.rows) * axis.stride
        return self._axis_block(axis.step_block, axis.rows)

    def wall_us(self, group: int) -> Integers:
        """Times of a group, microseconds since 1970 UTC."""
        axis = self.axis(group)
        return self._axis_block(axis.wall_block, axis.rows)

    def order(self, group: int) -> Integers:
        """Arrival numbers of a group."""
        axis = self.axis(group)
        if axis.order_block == NONE:
            return np.arange(axis.order_first, axis.order_first + axis.rows)
        return self._axis_block(axis.order_block, axis.rows)

    def value(self, group: int, column: int) -> Values:
        """Values of a column."""
        columns = self.directory.groups[group].columns
        rows = self.axis(group).rows
        block, position = columns.block[column], columns.position[column]
        recent = self._packed
        values = recent[1] if recent is not None and recent[0] == block else self._decode(block)
        if len(values) > rows:
            self._packed = (block, values)
        elif position == 0 and len(values) == rows:
            return values
        if position + rows > len(values):
            raise CorruptFile(self.path, f"block {block} holds {len(values)} values, too few")
        return values[position : position + rows]

    def column_mip(self, group: int, column: int) -> Mip | None:
        """The coarse copy of a column."""
        axis = self.axis(group)
        index = self.directory.groups[group].columns.mip_block[column]
        if NONE in {index, axis.mip_block}:
            return None
        exponent = axis.mip_exponent
        grid = Grid(axis.mip_start << exponent, 2.0**exponent, axis.mip_cells)

        def decode() -> Mip:
            return decode_mip(grid, self.block(axis.mip_block), self.block(index))

        try:
            return self._mips.get((self.path, group, column), decode)
        except ValueError as error:
            raise CorruptFile(self.path, f"mip block {index} cannot be read: {error}") from error

    def _axis_block(self, index: int, rows: int) -> Integers:
        return self._axes.get((self.path, index), lambda: self._decode_axis(index, rows))

    def _decode_axis(self, index: int, rows: int) -> Integers:
        values = self._decode(index)
        if values.dtype != np.int64 or len(values) != rows:
            raise CorruptFile(self.path, f"axis block {index} does not hold {rows} integers")
        axis: Integers = values.view(np.int64)
        axis.flags.writeable = False
        return axis

    def _decode(self, index: int) -> Values:
        try:
            return decode(self.block(index))
        except ValueError as error:
            raise CorruptFile(self.path, f"block {index} cannot be read: {error}") from error

    def _entry(self, group: int, index: int) -> KeyEntry:
        axis, columns = self.axis(group), self.directory.groups[group].columns
        block, mip = columns.block[index], columns.mip_block[index]
        return KeyEntry(
            key=columns.keys[index],
            group=group,
            offset=self._offsets[block],
            length=self.directory.lengths[block],
            position=columns.position[index],
            count=axis.rows,
            n_nan=columns.n_nan[index],
            n_inf=columns.n_inf[index],
            min=columns.min[index],
            max=columns.max[index],
            mean=columns.mean[index],
            first=columns.first[index],
            last=columns.last[index],
            integer=columns.integer[index],
            step_min=axis.step_min,
            step_max=axis.step_max,
            order_first=axis.order_first,
            order_last=axis.order_last,
            rising=axis.rising,
            mip_offset=None if mip == NONE else self._offsets[mip],
        )


class SegmentPart:
    """A column of a segment as a `Stretch`; its arrays are read when asked for."""

    __slots__ = ("_axis", "column", "group", "segment")

    def __init__(self, segment: Segment, group: int, column: int) -> None:
        self.segment = segment
        self.group = group
        self.column = column
        self._axis = segment.axis(group)

    @property
    def count(self) -> int:
        """Points."""
        return self._axis.rows

    @property
    def step_min(self) -> int:
        """Smallest step."""
        return self._axis.step_min

    @property
    def step_max(self) -> int:
        """Greatest step."""
        return self._axis.step_max

    @property
    def wall_min(self) -> int:
        """Earliest time, microseconds since 1970 UTC."""
        return self._axis.wall_min

    @property
    def wall_max(self) -> int:
        """Latest time."""
        return self._axis.wall_max

    @property
    def order_first(self) -> int:
        """Arrival number of the first point."""
        return self._axis.order_first

    @property
    def order_last(self) -> int:
        """Arrival number of the last point."""
        return self._axis.order_last

    @property
    def rising(self) -> bool:
        """Whether steps strictly increase."""
        return self._axis.rising

    @property
    def cell_exponent(self) -> int | None:
        """Base-2 logarithm of the mip's cell width in steps; None when there is no mip."""
        return None if self._axis.mip_block == NONE else self._axis.mip_exponent

    @property
    def order(self) -> Integers:
        """Arrival numbers."""
        return self.segment.order(self.group)

    @property
    def step(self) -> Integers:
        """Steps."""
        return self.segment.step(self.group)

    @property
    def wall_us(self) -> Integers:
        """Times, microseconds since 1970 UTC."""
        return self.segment.wall_us(self.group)

    @property
    def value(self) -> Values:
        """Values, float64 or int64."""
        return self.segment.value(self.group, self.column)

    @property
    def place(self) -> Place:
        """The segment, and the numbers of the group and the column in it."""
        return self.segment.path, self.group, self.column

    def mip(self) -> Mip | None:
        """The coarse copy, None when the column has none."""
        return self.segment.column_mip(self.group, self.column)

    def load(self) -> Part:
        """All four arrays at once."""
        return Part(self.order, self.step, self.wall_us, self.value)


def _read_directory(path: Path) -> Directory:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        start = os.pread(descriptor, len(MAGIC), 0)
        if start != MAGIC or size < _SMALLEST:
            raise CorruptFile(path, f"it is no segment: {size} bytes that start with {start!r}")
        footer_data = os.pread(descriptor, FOOTER_SIZE, size - FOOTER_SIZE)
        footer = unpack_footer(footer_data, path)
        at = size - FOOTER_SIZE - footer.directory_length
        if at < len(MAGIC):
            raise CorruptFile(
                path, f"its footer claims {footer.directory_length} bytes of directory"
            )
        body = os.pread(descriptor, footer.directory_length, at)
    finally:
        os.close(descriptor)
    directory = unpack_directory(body, footer, footer_data, path)
    if len(MAGIC) + sum(directory.lengths) != at:
        raise CorruptFile(
            path, f"its blocks should end at byte {at}; bytes are missing or were added"
        )
    return directory
