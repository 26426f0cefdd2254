"""The segment: an immutable file of columns that belong to one journal.

``EPOCHALS | blocks | directory | footer``, little-endian. Rows of one key set form a group with
one axis (order, step, wall time) and a column for each key. Columns shorter than 1,024 rows share
blocks of about 4,096 values; longer ones have a block and, where steps strictly increase, a mip
each. A group has at most 131,072 rows; longer ones are written as several.

A segment appears under its name whole, synced and named durably, or not at all. Every byte is
covered by a checksum that is checked whenever the byte is read: damage ends in `CorruptFile`,
never in a wrong number. Reading takes no lock and may happen in any number of threads.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from epochal.errors import InvalidInput
from epochal.store.buckets import bucket_many
from epochal.store.codec import Integers, Values, encode, narrows
from epochal.store.columns import ColumnGroup, as_floats
from epochal.store.directory import (
    MAGIC,
    NONE,
    Columns,
    Directory,
    GroupAxis,
    GroupEntry,
    pack_directory,
)
from epochal.store.durable import Disk, DurableFiles, Write, durable_files
from epochal.store.mip import MIN_ROWS, cell_grid, encode_axis, encode_cells
from epochal.store.reading import KeyEntry, Segment, SegmentPart
from epochal.store.statistics import summarize_group
from epochal.store.verify import verify

__all__ = [
    "KeyEntry",
    "Segment",
    "SegmentInfo",
    "SegmentPart",
    "verify",
    "write_segment",
    "write_segment_to",
]

MAX_ROWS: Final = 131_072
PACKED_VALUES: Final = 4096


class SegmentInfo(msgspec.Struct, frozen=True):
    """What a segment holds.

    Attributes:
        rows: rows of all groups.
        points: values of all columns.
        keys: different keys.
        step_min: smallest step.
        step_max: greatest step.
        wall_min: earliest time, microseconds since 1970 UTC.
        wall_max: latest time.
        order_first: smallest arrival number.
        order_last: greatest arrival number.
        size: bytes of the file.
        checksum: crc32 of directory and footer; the directory holds the checksums of all blocks.
    """

    rows: int
    points: int
    keys: int
    step_min: int
    step_max: int
    wall_min: int
    wall_max: int
    order_first: int
    order_last: int
    size: int
    checksum: int


def write_segment(
    path: Path, groups: Iterable[ColumnGroup], *, disk: Disk | None = None
) -> SegmentInfo:
    """Write groups of one journal as a segment that is there when this returns.

    See `write_segment_to`.
    """
    with durable_files(disk or Disk()) as files:
        return write_segment_to(files, path, groups)


def write_segment_to(
    files: DurableFiles, path: Path, groups: Iterable[ColumnGroup]
) -> SegmentInfo:
    """Write groups of one journal as a segment.

    Args:
        files: the group of files that it appears with.
        path: its name; the directory exists. A file of this name is replaced.
        groups: at least one row in all; groups without rows or keys are passed over.

    Raises:
        InvalidInput: there is nothing to write.
        StorageFull: no room on the disk; the name is untouched.
        OSError: the file system failed; the name is untouched.
    """
    pieces = [
        group.rows(at, at + MAX_ROWS)
        for group in groups
        for at in range(0, len(group) if group.keys else 0, MAX_ROWS)
    ]
    if not pieces:
        raise InvalidInput(f"segment {path.name} would be empty; expected at least one row")
    with files.write(path) as write:
        blocks = _Blocks(write)
        write(MAGIC)
        directory = Directory(
            [_write_group(piece, blocks) for piece in pieces], blocks.lengths, blocks.checksums
        )
        ending = pack_directory(directory)
        write(ending)
    size = len(MAGIC) + sum(blocks.lengths) + len(ending)
    return _describe(directory, size, zlib.crc32(ending))


class _Blocks:
    """Writes blocks one after the other and remembers their lengths and checksums."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self.lengths: list[int] = []
        self.checksums: list[int] = []

    def add(self, block: bytes) -> int:
        """Write a block; returns its index."""
        self._write(block)
        self.lengths.append(len(block))
        self.checksums.append(zlib.crc32(block))
        return len(self.lengths) - 1


def _describe(directory: Directory, size: int, checksum: int) -> SegmentInfo:
    axes = [group.axis for group in directory.groups]
    return SegmentInfo(
        rows=sum(axis.rows for axis in axes),
        points=sum(group.axis.rows * len(group.columns.keys) for group in directory.groups),
        keys=len({key for group in directory.groups for key in group.columns.keys}),
        step_min=min(axis.step_min for axis in axes),
        step_max=max(axis.step_max for axis in axes),
        wall_min=min(axis.wall_min for axis in axes),
        wall_max=max(axis.wall_max for axis in axes),
        order_first=min(axis.order_first for axis in axes),
        order_last=max(axis.order_last for axis in axes),
        size=size,
        checksum=checksum,
    )


def _write_group(group: ColumnGroup, blocks: _Blocks) -> GroupEntry:
    long = len(group) >= MIN_ROWS
    stride = _stride(group.step)
    gapless = int(group.order[-1]) - int(group.order[0]) == len(group) - 1
    step_block = blocks.add(encode(group.step)) if stride is None else NONE
    wall_block = blocks.add(encode(group.wall_us))
    order_block = NONE if gapless else blocks.add(encode(group.order))
    places = _write_long(group, blocks) if long else _write_packed(group, blocks)
    mip_block, mip_blocks = NONE, [NONE] * len(group.keys)
    grid = cell_grid(int(group.step.min()), int(group.step.max()), len(group))
    if long and group.rising:
        mip_block, mip_blocks = _write_mips(group, blocks)
    axis = GroupAxis(
        rows=len(group),
        order_first=int(group.order[0]),
        order_last=int(group.order[-1]),
        step_min=int(group.step.min()),
        step_max=int(group.step.max()),
        wall_min=int(group.wall_us.min()),
        wall_max=int(group.wall_us.max()),
        rising=group.rising,
        step_first=int(group.step[0]),
        stride=stride or 0,
        step_block=step_block,
        wall_block=wall_block,
        order_block=order_block,
        mip_block=mip_block,
        mip_start=grid.start,
        mip_exponent=grid.exponent,
        mip_cells=grid.count,
    )
    return GroupEntry(axis, _describe_columns(group, places, mip_blocks))


def _describe_columns(
    group: ColumnGroup, places: list[tuple[int, int]], mip_blocks: list[int]
) -> Columns:
    facts = summarize_group(group)
    return Columns(
        keys=group.keys,
        block=[block for block, _ in places],
        position=[position for _, position in places],
        integer=[fact.integer for fact in facts],
        n_nan=[fact.n_nan for fact in facts],
        n_inf=[fact.n_inf for fact in facts],
        min=[fact.min for fact in facts],
        max=[fact.max for fact in facts],
        mean=[fact.mean for fact in facts],
        first=[fact.first for fact in facts],
        last=[fact.last for fact in facts],
        mip_block=mip_blocks,
    )


def _stride(step: Integers) -> int | None:
    """The difference between neighboring steps if it is the same everywhere."""
    if len(step) == 1:
        return 1
    stride = int(step[1]) - int(step[0])
    even = int(step[-1]) - int(step[0]) == stride * (len(step) - 1)
    return stride if even and bool(np.all(step[1:] - step[:-1] == stride)) else None


def _write_long(group: ColumnGroup, blocks: _Blocks) -> list[tuple[int, int]]:
    return [(blocks.add(encode(value)), 0) for value in group.values]


def _write_packed(group: ColumnGroup, blocks: _Blocks) -> list[tuple[int, int]]:
    """Several columns to a block; those of one stored kind share, as they compress alike."""
    kinds: dict[str, list[int]] = {}
    for index, kind in enumerate(_stored_kinds(group.values)):
        kinds.setdefault(kind, []).append(index)
    places = [(NONE, 0)] * len(group.keys)
    batch = max(1, PACKED_VALUES // len(group))
    for indices in kinds.values():
        for at in range(0, len(indices), batch):
            chosen = indices[at : at + batch]
            block = blocks.add(encode(np.concatenate([group.values[index] for index in chosen])))
            for number, index in enumerate(chosen):
                places[index] = (block, number * len(group))
    return places


def _stored_kinds(values: list[Values]) -> list[str]:
    """How `encode` will store each column."""
    kinds = ["int64" if value.dtype == np.int64 else "float64" for value in values]
    floats = [index for index, kind in enumerate(kinds) if kind == "float64"]
    if floats:
        small = narrows(np.array([as_floats(values[index]) for index in floats]))
        for index in np.array(floats)[small].tolist():
            kinds[index] = "float32"
    return kinds


def _write_mips(group: ColumnGroup, blocks: _Blocks) -> tuple[int, list[int]]:
    """The mips of all columns, one after the other: a chart of a whole run reads little else."""
    grid = cell_grid(int(group.step[0]), int(group.step[-1]), len(group))
    cells = bucket_many([(group.step, value) for value in group.values], grid)
    shared = blocks.add(encode_axis(cells[0]))
    columns = zip(cells, group.values, strict=True)
    return shared, [blocks.add(encode_cells(cell, value)) for cell, value in columns]
