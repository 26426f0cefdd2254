"""One stretch of one event file: read from disk, then turned into journal records.

A file is known by its beginning and by the bytes before the offset, not by its name alone: a copy
that replaced it (as rsync does) is gone on with, another file of the same name is read anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Final

import msgspec

from epochal.imports.tensorboard.blocks import Item, arrange
from epochal.imports.tensorboard.convert import Converter
from epochal.imports.tensorboard.dense import read_dense
from epochal.imports.tensorboard.event import Metadata
from epochal.imports.tensorboard.output import Output
from epochal.imports.tensorboard.records import HEAD, Records, read_records
from epochal.imports.tensorboard.state import FileState
from epochal.journal.blobs import Blobs

CHUNK: Final = 8 * 1024 * 1024
_MARK: Final = 64
_HEAD: Final = 256


class Stretch(msgspec.Struct):
    """What was read of a file, from its state's offset on.

    Attributes:
        buffer: the bytes.
        records: where they lie in it.
        state: what to remember once the records are written; its ``to`` is the end.
        size: of the file.
        modified_us: its time of change.
        replaced: whether this is another file than the one that was read before.
    """

    buffer: bytes
    records: Records
    state: FileState
    size: int
    modified_us: int
    replaced: bool = False


class Converted(msgspec.Struct):
    """The journal records of a stretch and what is known afterwards."""

    items: Sequence[Item]
    output: Output
    tags: dict[str, Metadata]
    damaged: int


def read_stretch(path: str, before: FileState, limit: int = CHUNK) -> Stretch | None:
    """Read on where the last call ended; None when there is nothing new.

    A stretch that is on its way already is read exactly.

    Args:
        path: the event file.
        before: what is known of it.
        limit: about how many bytes to read; more when a record is longer.

    Raises:
        OSError: it cannot be read.
    """
    pending = before.to > before.offset
    with open(path, "rb", buffering=0) as file:
        facts = os.fstat(file.fileno())
        if facts.st_size == before.offset and facts.st_ino == before.inode and not pending:
            return None
        replaced = not _is_same(file.fileno(), before)
        offset = 0 if replaced else before.offset
        if facts.st_size <= offset:
            return None
        want = before.to - offset if pending and not replaced else limit
        while True:
            buffer = _read(file.fileno(), offset, want)
            records = read_records(buffer, whole=pending and not replaced)
            if records.end or len(buffer) < want:
                break
            want = max(want * 4, _length_of_first(buffer))
        beginning = _read(file.fileno(), 0, _HEAD)
    state = _state_after(before, buffer, records, offset, facts.st_ino, beginning)
    return Stretch(buffer, records, state, facts.st_size, facts.st_mtime_ns // 1000, replaced)


def _length_of_first(buffer: bytes) -> int:
    """Bytes of a stretch that holds its first record, if its length can be believed."""
    return min(int.from_bytes(buffer[:8], "little") + HEAD + 4, 1 << 31)


def _state_after(
    before: FileState, buffer: bytes, records: Records, offset: int, inode: int, head: bytes
) -> FileState:
    size = min(_HEAD, offset + records.end)
    return FileState(
        offset=offset,
        to=offset + records.end,
        inode=inode,
        head=hashlib.blake2b(head[:size], digest_size=16).digest(),
        head_size=size,
        mark=buffer[max(0, records.end - _MARK) : records.end] if records.end else before.mark,
        damaged=(before.damaged if offset else 0) + records.damaged,
    )


def _is_same(descriptor: int, before: FileState) -> bool:
    """Whether the file goes on from what was read of it."""
    if not before.offset:
        return True
    start = before.offset - len(before.mark)
    if _read(descriptor, start, len(before.mark)) != before.mark:
        return False
    head = _read(descriptor, 0, before.head_size)
    return hashlib.blake2b(head, digest_size=16).digest() == before.head


def _read(descriptor: int, offset: int, count: int) -> bytes:
    parts = []
    while count > 0:
        part = os.pread(descriptor, min(count, 1 << 30), offset)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        count -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def convert(stretch: Stretch, blobs: Blobs, tags: dict[str, Metadata], suffix: str) -> Converted:
    """Turn a stretch into journal records; always the same ones for the same stretch.

    Args:
        stretch: what was read.
        blobs: where media go.
        tags: what is known of the directory's tags; not changed.
        suffix: what keys get at their end.
    """
    dense, left = read_dense(stretch.buffer, stretch.records)
    output = Output(dense)
    output.counts["scalars"] += len(dense.order)
    known = dict(tags)
    converter = Converter(blobs, known, suffix, output)
    starts, lengths = stretch.records.starts, stretch.records.lengths
    unreadable = 0
    for order in left.tolist():
        start = int(starts[order])
        if not converter.take(order, stretch.buffer[start : start + int(lengths[order])]):
            unreadable += 1
    converter.finish()
    output.facts.sort(key=lambda pair: pair[0])
    if len(dense.wall_us):
        output.saw(int(dense.wall_us.min()))
        output.saw(int(dense.wall_us.max()))
    items = list(arrange(output, suffix))
    return Converted(items, output, known, stretch.records.damaged + unreadable)
