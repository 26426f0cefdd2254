"""A journal written by plain appends, for network file systems; or kept in memory only."""

from __future__ import annotations

import contextlib
import os

from epochal.errors import EpochalError
from epochal.journal.files import (
    create_file,
    discard_file,
    journal_path,
    publish_file,
    read_file,
)
from epochal.journal.frame import FILE_HEADER_SIZE, FileHeader, pack_file_header, pack_frame
from epochal.journal.journal import SPILL_LIMIT, Journal


class BufferedJournal(Journal):
    """A journal written by plain appends; kept in memory when ``directory`` is None.

    On a file, `append` fills a buffer that `maintain` writes out: a SIGKILL loses what was logged
    since the last `maintain`.

    Args:
        directory: the run's directory, or None.
        file_header: identity of run and writer.

    Raises:
        OSError: the file cannot be created.
    """

    def __init__(self, directory: str | None, file_header: FileHeader) -> None:
        super().__init__(file_header)
        self.path = None
        self._fd = -1
        self._memory = bytearray()
        self._base = 0
        self.size = FILE_HEADER_SIZE
        if directory is None:
            self._memory += pack_file_header(file_header)
            return
        self._fd = create_file(directory, file_header)
        self.path = journal_path(directory, file_header.writer)
        try:
            publish_file(directory, file_header.writer)
        except OSError:
            discard_file(self._fd, directory, file_header.writer)
            raise

    def _put(self, payload: bytes) -> None:
        if self._closed or (self._fd < 0 and len(self._memory) > SPILL_LIMIT):
            self.dropped += 1
            return
        if self._fd >= 0:
            self._spill_frame(payload)
            return
        self._memory += pack_frame(payload)
        self.size = self._base + len(self._memory)

    def _spill_frame(self, payload: bytes) -> None:
        if len(self._memory) > SPILL_LIMIT:
            self.dropped += 1
            return
        self._memory += pack_frame(payload)

    def maintain(self) -> None:
        """Write the buffer out. A write that stops half-way is undone and tried again."""
        if self._fd < 0 or not self._memory:
            return
        with self._lock:
            if self._closed:
                return
            try:
                written = os.pwrite(self._fd, self._memory, self.size)
                if written < len(self._memory):
                    os.ftruncate(self._fd, self.size)
                    self.problem = f"the journal {self.path} cannot grow; is the disk full?"
                    return
            except OSError as error:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._fd, self.size)
                self.problem = f"the journal {self.path} cannot be written: {error}"
                return
            self.size += written
            self._memory.clear()
            self.problem = None

    def sync(self) -> bool:
        """Make what was appended survive power loss; False when that is not sure."""
        self.maintain()
        if self._fd < 0:
            return False
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            self.problem = f"the journal {self.path} could not be synced: {error}"
            return False
        return not self._memory

    def read(self, start: int, limit: int) -> bytes:
        """Bytes from ``start``, at most ``limit``, never past `size`."""
        if self.path is not None:
            return read_file(self.path, start, min(limit, self.size - start))
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

    def close(self) -> None:
        """Write what is possible, sync, and let go of the file."""
        with self._lock:
            if self._closed:
                return
            if self._fd >= 0:
                self.sync()
                os.close(self._fd)
            self._closed = True

    def abandon(self) -> None:
        """In a forked child: let go without touching the file."""
        self._closed = True
        self._memory = bytearray()
        if self._fd >= 0:
            os.close(self._fd)
