"""The last part of a segment: which columns it has, where they lie, and checksums of everything.

A segment is ``EPOCHALS | blocks | directory | footer``. The footer's layout
never changes, so that any version can tell a damaged file from one that is too new. The directory
is one msgpack array; new items go to the end of a struct with a default.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import msgspec

from epochal.errors import CorruptFile, NewerFormat
from epochal.store.statistics import Number

MAGIC: Final = b"EPOCHALS"
VERSION: Final = 1

_FOOTER_FRONT: Final = struct.Struct("<QHH")  # length of the directory, version, flags (0)
_FOOTER_BACK: Final = struct.Struct("<I8s")  # crc32 of directory and front, magic
FOOTER_SIZE: Final = _FOOTER_FRONT.size + _FOOTER_BACK.size
NONE: Final = -1
"""Stands for "no block" where a block's index would stand."""


class Columns(msgspec.Struct, frozen=True, array_like=True):
    """The columns of a group, item ``i`` of each list for key ``i``; see `ColumnStatistics`."""

    keys: list[str]
    block: list[int]
    position: list[int]
    """Index of the column's first value in its block."""
    integer: list[bool]
    n_nan: list[int]
    n_inf: list[int]
    min: list[Number | None]
    max: list[Number | None]
    mean: list[float | None]
    first: list[Number]
    last: list[Number]
    mip_block: list[int]


class GroupAxis(msgspec.Struct, frozen=True, array_like=True):
    """What the columns of a group share. Blocks are given by index, `NONE` where there is none.

    Attributes:
        rows: length of every column.
        order_first: arrival number of the first row.
        order_last: arrival number of the last row.
        step_min: smallest step.
        step_max: greatest step.
        wall_min: earliest time, microseconds since 1970 UTC.
        wall_max: latest time.
        rising: steps strictly increase.
        step_first: step of the first row.
        stride: difference between any two neighboring steps, where ``step_block`` is `NONE`.
        step_block: steps, unless they are evenly spaced.
        wall_block: times.
        order_block: arrival numbers, unless they have no gap.
        mip_block: the shared part of the mips.
        mip_start: number of cell 0, counted in cells from step 0.
        mip_exponent: base-2 logarithm of a cell's width in steps.
        mip_cells: number of cells on the grid, empty ones included.
    """

    rows: int
    order_first: int
    order_last: int
    step_min: int
    step_max: int
    wall_min: int
    wall_max: int
    rising: bool
    step_first: int
    stride: int
    step_block: int
    wall_block: int
    order_block: int
    mip_block: int
    mip_start: int
    mip_exponent: int
    mip_cells: int


class GroupEntry(msgspec.Struct, frozen=True, array_like=True):
    """One group: its axis and its columns."""

    axis: GroupAxis
    columns: Columns


class Directory(msgspec.Struct, frozen=True, array_like=True):
    """The whole directory. Blocks follow each other without gaps, the first after the magic."""

    groups: list[GroupEntry]
    lengths: list[int]
    """Bytes of each block."""
    checksums: list[int]
    """crc32 of each block."""


class Footer(msgspec.Struct, frozen=True):
    """The end of the file: bytes of the directory, and the checksum that covers it."""

    directory_length: int
    version: int
    checksum: int


_decode = msgspec.msgpack.Decoder(Directory).decode


def pack_directory(directory: Directory) -> bytes:
    """The directory and the footer, ready to be written after the last block."""
    body = msgspec.msgpack.encode(directory)
    front = _FOOTER_FRONT.pack(len(body), VERSION, 0)
    checksum = zlib.crc32(front, zlib.crc32(body))
    return b"".join((body, front, _FOOTER_BACK.pack(checksum, MAGIC)))


def unpack_footer(data: bytes, path: object) -> Footer:
    """Read the last `FOOTER_SIZE` bytes.

    Raises:
        CorruptFile: the file does not end as a segment does.
    """
    if len(data) != FOOTER_SIZE:
        raise CorruptFile(path, f"it has no footer of {FOOTER_SIZE} bytes")
    length, version, _ = _FOOTER_FRONT.unpack_from(data)
    checksum, magic = _FOOTER_BACK.unpack_from(data, _FOOTER_FRONT.size)
    if magic != MAGIC:
        raise CorruptFile(path, f"it ends with {magic!r} instead of {MAGIC!r}; it may be cut off")
    return Footer(length, version, checksum)


def unpack_directory(body: bytes, footer: Footer, footer_data: bytes, path: object) -> Directory:
    """Check and read a directory.

    Args:
        body: ``footer.directory_length`` bytes before the footer.
        footer: the footer, read.
        footer_data: its bytes.
        path: for messages.

    Raises:
        CorruptFile: the checksum or the structure is wrong.
        NewerFormat: a newer Epochal wrote it.
    """
    checksum = zlib.crc32(footer_data[: _FOOTER_FRONT.size], zlib.crc32(body))
    if len(body) != footer.directory_length or checksum != footer.checksum:
        raise CorruptFile(path, "the checksum of its directory is wrong")
    if footer.version > VERSION:
        raise NewerFormat(
            f"{path} has format version {footer.version}, and this Epochal reads up to {VERSION}; "
            f"upgrade Epochal to read it"
        )
    try:
        directory = _decode(body)
    except msgspec.DecodeError as error:
        raise CorruptFile(path, f"its directory cannot be read: {error}") from error
    if not _is_consistent(directory):
        raise CorruptFile(path, "its directory contradicts itself")
    return directory


def _is_consistent(directory: Directory) -> bool:
    blocks = len(directory.lengths)
    if blocks != len(directory.checksums) or min(directory.lengths, default=0) < 0:
        return False
    for group in directory.groups:
        axis, columns = group.axis, group.columns
        lists = [getattr(columns, name) for name in columns.__struct_fields__]
        if axis.rows < 1 or not columns.keys or len(set(map(len, lists))) != 1:
            return False
        needed = [axis.wall_block, *columns.block, *columns.position]
        used = [axis.step_block, axis.wall_block, axis.order_block, axis.mip_block]
        used += [*columns.block, *columns.mip_block]
        if min(needed) < 0 or min(used) < NONE or max(used) >= blocks:
            return False
    return True
