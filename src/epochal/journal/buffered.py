"""A journal written by plain appends, for network file systems, or kept in memory.

On a file, `append` fills a buffer that `maintain` writes out, so that a slow file system never
makes the caller wait: a SIGKILL loses what was logged since the last `maintain`. In memory
everything is lost with the process, unless a server has it by then.
"""

from __future__ import annotations

import contextlib
import os
import threading

from epochal.domain.record import Fact
from epochal.errors import EpochalError
from epochal.journal import files
from epochal.journal.frame import (
    FILE_HEADER_SIZE,
    FileHeader,
    pack_file_header,
    pack_frame,
    scan_frames,
)
from epochal.journal.journal import SPILL_LIMIT, Journal, JournalClosed

FEW = 3
"""Writes of a short run: begun, logged, ended."""


class BufferedJournal(Journal):
    """A journal in a plain file, or in memory when ``directory`` is None.

    Args:
        directory: the run's directory, or None.
        file_header: identity of run and writer.
        room: from the fourth write on the file ends at a multiple of so many bytes, with zeros
            after the last frame until it is closed: syncing bytes within a file costs less than
            syncing its size, too, but taking the zeros away costs as much as one sync.

    Raises:
        OSError: the file cannot be created.
    """

    def __init__(self, directory: str | None, file_header: FileHeader, room: int = 1) -> None:
        super().__init__(file_header)
        self._room = room
        self._writes = 0
        self._end = FILE_HEADER_SIZE
        self.path = None
        self._fd = -1
        self._memory = bytearray()
        self._writing = 0
        self._base = 0
        self._write_lock = threading.Lock()
        self.size = FILE_HEADER_SIZE
        if directory is None:
            self._memory += pack_file_header(file_header)
            return
        self._fd = files.create(directory, file_header)
        self.path = files.journal_path(directory, file_header.writer)
        try:
            files.publish(directory, file_header.writer)
        except OSError:
            files.discard(self._fd, directory, file_header.writer)
            raise

    @property
    def waiting(self) -> int:
        """See `Journal.waiting`."""
        return len(self._memory) if self._fd >= 0 and self.problem is not None else 0

    def append_frames(self, frames: bytes, count: int) -> None:
        """Write whole frames in a file at once; see `append`.

        Args:
            frames: as `pack_frame` makes them, one after the other.
            count: how many they are.

        Raises:
            JournalClosed: the journal is closed; nothing was written.
        """
        with self._lock:
            if self.closed:
                raise JournalClosed
            if len(self._memory) + self._writing + len(frames) > SPILL_LIMIT:
                self.dropped += count
                return
            self._memory += frames

    def _put(self, payload: bytes) -> None:
        if len(self._memory) + self._writing + len(payload) > SPILL_LIMIT:
            self.dropped += 1
            return
        self._memory += pack_frame(payload)
        if self._fd < 0:
            self.size = self._base + len(self._memory)

    def _put_last(self, payload: bytes) -> None:
        self._memory += pack_frame(payload)
        if self._fd < 0:
            self.size = self._base + len(self._memory)

    def maintain(self) -> None:
        """Write the buffer out. A write that stops half-way is undone and tried again later."""
        if self._fd < 0 or not self._memory:
            return
        with self._write_lock:
            with self._lock:
                if self._busy:
                    return
                chunk, self._memory = self._memory, bytearray()
                self._writing = len(chunk)
            if self._write_out(chunk):
                self.size += len(chunk)
            else:
                with self._lock:
                    self._memory[:0] = chunk
            self._writing = 0

    def _write_out(self, chunk: bytearray) -> bool:
        end = self.size + len(chunk)
        self._writes += 1
        room = -end % self._room if end > self._end and self._writes > FEW else 0
        try:
            wanted = chunk + bytes(room) if room else chunk
            written = os.pwrite(self._fd, wanted, self.size)
            if written >= len(chunk):
                self._end = max(self._end, self.size + written)
                if not self.sync_failed:
                    self.problem = None
                return True
            self.problem = f"the journal {self.path} cannot grow; is the disk full?"
        except OSError as error:
            self.problem = f"the journal {self.path} cannot be written: {error}"
        self._cut()
        return False

    def _cut(self) -> None:
        """Let the file end after its last frame."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, self.size)
            self._end = self.size

    def sync(self) -> bool:
        """Write the buffer out and sync the file. See `Journal.sync`."""
        self.maintain()
        if self._fd < 0:
            return False
        with self._sync_lock:
            if self.closed:
                return not self.sync_failed
            return self._sync_descriptor(self._fd) and not self._memory

    def read(self, start: int, limit: int) -> bytes:
        """See `Journal.read`."""
        if self.path is not None:
            return self._read_path(start, limit)
        with self._lock:
            if start < self._base:
                raise EpochalError(
                    f"journal bytes before {self._base} were released; {start} was asked for"
                )
            return bytes(self._memory[start - self._base : start - self._base + limit])

    def release(self, offset: int) -> None:
        """Memory only: forget bytes before ``offset``, which a server holds durably."""
        with self._lock:
            if self._fd < 0 and offset > self._base:
                del self._memory[: offset - self._base]
                self._base = offset

    def close(self, last: Fact | None = None) -> None:
        """See `Journal.close`."""
        with self._lock:
            if not self._seal(last):
                return
        if self._fd < 0:
            return
        self.maintain()
        with self._sync_lock:
            if self._end > self.size:
                self._cut()
            self._sync_descriptor(self._fd)
            os.close(self._fd)
            self.leftover = scan_frames(bytes(self._memory)).payloads
            self._memory.clear()

    def abandon(self) -> None:
        """See `Journal.abandon`."""
        was_closed = self.closed
        super().abandon()
        self._write_lock = threading.Lock()
        self._memory = bytearray()
        if self._fd >= 0 and not was_closed:
            os.close(self._fd)
