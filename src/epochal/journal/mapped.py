"""A journal written through a memory map: for local file systems."""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import zlib
from collections import deque

from epochal.journal.files import (
    create_file,
    discard_file,
    journal_path,
    publish_file,
    read_file,
)
from epochal.journal.frame import FILE_HEADER_SIZE, FRAME_HEADER_SIZE, FileHeader
from epochal.journal.journal import Journal

FIRST_ALLOCATION = 1024 * 1024
ALLOCATION = 4 * 1024 * 1024
HEADROOM = 2 * 1024 * 1024

_write_header = struct.Struct("<Q").pack_into
_crc32 = zlib.crc32


class MappedJournal(Journal):
    """A journal on a local file system, written through a memory map.

    Args:
        directory: the run's directory; it exists.
        file_header: identity of run and writer.

    Raises:
        OSError: the file cannot be created or its first space cannot be allocated.
    """

    def __init__(self, directory: str, file_header: FileHeader) -> None:
        super().__init__(file_header)
        self._fd = create_file(directory, file_header)
        self.path = journal_path(directory, file_header.writer)
        try:
            os.posix_fallocate(self._fd, 0, FIRST_ALLOCATION)
            self._map = mmap.mmap(self._fd, FIRST_ALLOCATION)
            publish_file(directory, file_header.writer)
        except OSError:
            discard_file(self._fd, directory, file_header.writer)
            raise
        self._capacity = FIRST_ALLOCATION
        self.size = FILE_HEADER_SIZE

    def _put(self, payload: bytes) -> None:
        length = len(payload)
        position = self.size
        end = position + FRAME_HEADER_SIZE + length + (-length & 7)
        if end > self._capacity or self._spill:
            self._put_slowly(payload, end)
            return
        self._map[position + 8 : position + 8 + length] = payload
        _write_header(self._map, position, length | _crc32(payload) << 32)
        self.size = end

    def _put_slowly(self, payload: bytes, end: int) -> None:
        if self._closed:
            self.dropped += 1
            return
        if not self._spill and self._grow(end):
            self._put(payload)
            return
        self._spill_payload(payload, f"the journal {self.path} cannot grow; is the disk full?")

    def _grow(self, need: int) -> bool:
        """Make the file at least ``need`` bytes long. Takes the lock itself."""
        capacity = -(-(need + HEADROOM) // ALLOCATION) * ALLOCATION
        try:
            os.posix_fallocate(self._fd, 0, capacity)
            with self._lock:
                if capacity > self._capacity:
                    self._map.resize(capacity)
                    self._capacity = capacity
        except (OSError, ValueError, SystemError) as error:
            self.problem = f"the journal {self.path} cannot grow: {error}"
            return False
        return True

    def maintain(self) -> None:
        """Prepare room, or write out what waits. Never raises."""
        if self._closed:
            return
        if self._capacity - self.size < HEADROOM // 2:
            self._grow(self.size)
        if self._spill:
            self._bring_home()

    def _bring_home(self) -> None:
        with self._lock:
            need = self.size + self._spilled + (FRAME_HEADER_SIZE + 8) * len(self._spill)
            if need > self._capacity and not self._grow(need):
                return
            waiting, self._spill, self._spilled = self._spill, deque(), 0
            for payload in waiting:
                self._put(payload)
            if not self._spill:
                self.problem = None

    def sync(self) -> bool:
        """Make what was appended survive power loss; False when that is not sure."""
        if self._closed:
            return self.problem is None
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            # After a failed sync Linux may have dropped the dirty pages: a second try that
            # succeeds proves nothing.
            self.problem = f"the journal {self.path} could not be synced: {error}"
            return False
        return not self._spill

    def read(self, start: int, limit: int) -> bytes:
        """Bytes from ``start``, at most ``limit``, never past `size`."""
        with self._lock:
            if self._closed:
                return read_file(self.path, start, min(limit, self.size - start))
            return self._map[start : min(start + limit, self.size)]

    def close(self) -> None:
        """Write what is possible, sync, and let go of the file."""
        with self._lock:
            if self._closed:
                return
            self.maintain()
            self._closed = True
            self.dropped += len(self._spill)
            self._map.close()
            self._capacity = 0
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
                os.fdatasync(self._fd)
            os.close(self._fd)

    def abandon(self) -> None:
        """In a forked child: let go without touching the file."""
        self._closed = True
        self._capacity = 0
        self._map.close()
        os.close(self._fd)
