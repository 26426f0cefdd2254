"""Received journals after a crash: a copy ends with a whole frame before anything is added to it.

A server that dies while it appends leaves a part of a frame, power loss also holes. None of that
was acknowledged, so it is cut off at the first contact of a process with the copy, and the sender
goes on from there. Bytes that were acknowledged or applied are never cut off: where those are
damaged, the copy stays as it is and `CorruptFile` says where.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import zlib

from epochal.errors import CorruptFile
from epochal.journal.frame import FILE_HEADER_SIZE, FRAME_HEADER_SIZE, MAX_PAYLOAD
from epochal.store.durable import FILE_MODE
from epochal.store.enroll import find_journal
from epochal.store.store import Store
from epochal.store.tail import JournalKey

_FRAME = struct.Struct("<II")
_COUNT = struct.Struct("<Q")


def mend(store: Store, key: JournalKey) -> None:
    """Cut a received copy after its last whole frame and make it durable, once in a process.

    A journal of this machine is left alone, and so is one that is not there.

    Args:
        store: the home.
        key: the journal.

    Raises:
        CorruptFile: bytes that were acknowledged or applied are damaged; nothing was changed.
        OSError: the file system failed.
    """
    if key in store.mended:
        return
    with store.moving:
        if key in store.mended:
            return
        path = key.path(store.home)
        if os.path.exists(path):
            if not os.path.exists(key.remote_mark(store.home)):
                return
            _cut(path, *_floors(store, key))
        store.mended.add(key)


def note_acknowledged(store: Store, key: JournalKey, size: int) -> None:
    """Write into the mark how much of the copy is durable.

    The mark itself is not synced: after power loss it may tell less than was acknowledged, never
    more.
    """
    descriptor = os.open(key.remote_mark(store.home), os.O_WRONLY | os.O_CLOEXEC, FILE_MODE)
    try:
        os.pwrite(descriptor, _COUNT.pack(size), 0)
    finally:
        os.close(descriptor)


def _floors(store: Store, key: JournalKey) -> tuple[int, int]:
    """Bytes that are applied, and bytes that were acknowledged at least."""
    with store.database.read() as connection:
        found = find_journal(connection, key)
    applied = found[0].facts_pos if found is not None else FILE_HEADER_SIZE
    with open(key.remote_mark(store.home), "rb") as mark:
        text = mark.read(_COUNT.size)
    return applied, _COUNT.unpack(text)[0] if len(text) == _COUNT.size else 0


def _cut(path: str, applied: int, acknowledged: int) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        start = applied if FILE_HEADER_SIZE < applied <= size else FILE_HEADER_SIZE
        end = _end_of_frames(descriptor, start, size, acknowledged)
        floor = max(applied, acknowledged)
        if end < floor <= size:
            raise CorruptFile(
                path, f"the frame at byte {end} is damaged, {floor} bytes were acknowledged"
            )
        if end < size:
            os.ftruncate(descriptor, end)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if end <= FILE_HEADER_SIZE:  # it begins anew, with the header that says whose it is
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _end_of_frames(descriptor: int, start: int, size: int, acknowledged: int) -> int:
    """Where the last whole frame ends.

    Bad frames are stepped over only in what was acknowledged; behind that, everything from the
    first bad one on comes again from the sender.
    """
    if size < start + FRAME_HEADER_SIZE:
        return min(start, size)
    end = position = start
    with (
        mmap.mmap(descriptor, size, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as view,
    ):
        while position + FRAME_HEADER_SIZE <= size:
            length, checksum = _FRAME.unpack_from(view, position)
            body = position + FRAME_HEADER_SIZE
            following = body + length + (-length & 7)
            if not 0 < length <= MAX_PAYLOAD or following > size:
                break
            if zlib.crc32(view[body : body + length]) == checksum:
                end = following
            elif position >= acknowledged:
                break
            position = following
    return end
