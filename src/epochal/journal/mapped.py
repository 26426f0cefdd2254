"""A journal on a local file system, written through a memory map.

When `append` returns, the bytes are in the page cache: SIGKILL of this process loses nothing (P2).
Space is allocated before it is mapped (`posix_fallocate`), because a write through a map into a
file that cannot grow would end the process with SIGBUS. While the disk is full, frames wait in
memory, bounded by ``SPILL_LIMIT``, and come home when there is room again; what still waits at
`close` is given back to the owner. The last 4 KiB of the allocated space are kept for the records
that `close` writes.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import zlib
from collections import deque
from itertools import islice

from epochal.domain.record import Fact
from epochal.journal import files
from epochal.journal.frame import FILE_HEADER_SIZE, FRAME_HEADER_SIZE, FileHeader
from epochal.journal.journal import SPILL_LIMIT, Journal

FIRST_ALLOCATION = 1024 * 1024
ALLOCATION = 4 * 1024 * 1024
HEADROOM = 2 * 1024 * 1024
RESERVE = 4096

_write_header = struct.Struct("<Q").pack_into
_crc32 = zlib.crc32


class MappedJournal(Journal):
    """A journal in a memory-mapped file.

    Args:
        directory: the run's directory; it exists.
        file_header: identity of run and writer.

    Raises:
        OSError: the file cannot be created or its first space cannot be allocated.
    """

    path: str

    def __init__(self, directory: str, file_header: FileHeader) -> None:
        super().__init__(file_header)
        self._fd = files.create(directory, file_header)
        self.path = files.journal_path(directory, file_header.writer)
        try:
            os.posix_fallocate(self._fd, 0, FIRST_ALLOCATION)
            self._map = mmap.mmap(self._fd, FIRST_ALLOCATION)
            files.publish(directory, file_header.writer)
        except OSError:
            files.discard(self._fd, directory, file_header.writer)
            raise
        self._capacity = FIRST_ALLOCATION
        self._limit = FIRST_ALLOCATION - RESERVE
        self._spill: deque[bytes] = deque()
        self._spilled = 0
        self._named = False
        self.size = FILE_HEADER_SIZE

    @property
    def waiting(self) -> int:
        """See `Journal.waiting`."""
        return self._spilled

    def _put(self, payload: bytes) -> None:
        length = len(payload)
        position = self.size
        end = position + FRAME_HEADER_SIZE + length + (-length & 7)
        if end > self._limit or self._spill:
            self._put_slowly(payload, end)
            return
        self._map[position + 8 : position + 8 + length] = payload
        _write_header(self._map, position, length | _crc32(payload) << 32)
        self.size = end

    def _put_slowly(self, payload: bytes, end: int) -> None:
        if not self._spill and self._grow(end):
            self._put(payload)
            return
        if self.problem is None:
            self.problem = f"the journal {self.path} cannot grow; is the disk full?"
        if self._spilled + len(payload) > SPILL_LIMIT:
            self.dropped += 1
            return
        self._spill.append(payload)
        self._spilled += len(payload)

    def _put_last(self, payload: bytes) -> None:
        """Write into the reserve, which a full disk leaves us."""
        self._limit = self._capacity
        waiting, self._spill = self._spill, deque()
        self._put(payload)
        self.dropped += len(self._spill)
        self._spill = waiting

    def _grow(self, need: int) -> bool:
        """Make room for frames up to offset ``need``; just enough if the disk is nearly full."""
        need += RESERVE
        generous = -(-(need + HEADROOM) // ALLOCATION) * ALLOCATION
        for capacity in (generous, -(-need // RESERVE) * RESERVE):
            try:
                os.posix_fallocate(self._fd, 0, capacity)
                with self._lock:
                    if capacity > self._capacity and not self.closed:
                        self._map.resize(capacity)
                        self._capacity = capacity
                        self._limit = capacity - RESERVE
                if not self.sync_failed:
                    self.problem = None
                return True
            except (OSError, ValueError, SystemError) as error:
                self.problem = f"the journal {self.path} cannot grow: {error}"
        return False

    def maintain(self) -> None:
        """Allocate space ahead of need, and bring spilled frames home. See `Journal.maintain`."""
        with self._sync_lock:
            if self.closed:
                return
            if self._limit - self.size < HEADROOM // 2 and not self._spill:
                self._grow(self.size + HEADROOM)
            if self._spill:
                self._bring_home()

    def _bring_home(self) -> None:
        with self._lock:
            need = self.size + self._spilled + (FRAME_HEADER_SIZE + 8) * len(self._spill)
            if self._busy or (need > self._limit and not self._grow(need)):
                return
            self._bring_home_what_fits()

    def _bring_home_what_fits(self) -> None:
        waiting, self._spill, self._spilled = self._spill, deque(), 0
        self._busy = True
        try:
            for index, payload in enumerate(waiting):
                length = len(payload)
                if self.size + FRAME_HEADER_SIZE + length + (-length & 7) > self._limit:
                    self._spill.extend(islice(waiting, index, None))
                    self._spilled = sum(map(len, self._spill))
                    return
                self._put(payload)
        finally:
            self._busy = False

    def sync(self) -> bool:
        """Data, and once the names of the file and its directories. See `Journal.sync`."""
        with self._sync_lock:
            if self.closed:
                return not self.sync_failed
            if not self._named:
                self._named = True
                with contextlib.suppress(OSError):
                    files.sync_directories(self.path)
            return self._sync_descriptor(self._fd) and not self._spill

    def read(self, start: int, limit: int) -> bytes:
        """See `Journal.read`."""
        with self._lock:
            if not self.closed:
                return self._map[start : min(start + limit, self.size)]
        return self._read_path(start, limit)

    def close(self, last: Fact | None = None) -> None:
        """See `Journal.close`."""
        self.maintain()
        with self._sync_lock:
            with self._lock:
                if not self.closed:
                    self._bring_home_what_fits()
                if not self._seal(last):
                    return
                self.leftover, self._spill, self._spilled = [*self._spill], deque(), 0
                self._map.close()
                self._capacity = self._limit = 0
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
            self._sync_descriptor(self._fd)
            os.close(self._fd)

    def abandon(self) -> None:
        """See `Journal.abandon`."""
        if self.closed:
            super().abandon()
            return
        super().abandon()
        self._capacity = self._limit = 0
        self._map.close()
        os.close(self._fd)
