"""Where replication reads from: a journal being written, or the file of another process."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from epochal.journal.frame import FILE_HEADER_SIZE, scan_frames, unpack_file_header
from epochal.journal.liveness import is_held

CHUNK = 8 * 1024 * 1024


class Source(Protocol):
    """A journal to read from; ``size`` is the end of its last whole frame."""

    run: str
    writer: str
    path: str | None
    size: int
    closed: bool

    def read(self, start: int, limit: int) -> bytes:
        """At most ``limit`` bytes from ``start``."""


class FileSource:
    """A journal file of this or another process, up to its last whole frame.

    Args:
        path: the ``.ej`` file.

    Raises:
        OSError: it cannot be read.
        CorruptFile: it is no journal.
        NewerFormat: it needs a newer Epochal.
    """

    def __init__(self, path: Path) -> None:
        self.path: str | None = str(path)
        self._file = path
        with path.open("rb") as file:
            header = unpack_file_header(file.read(FILE_HEADER_SIZE), path)
        self.run = header.run
        self.writer = header.writer
        self.closed = is_held(str(path)) is not True
        self.size = self._end()

    def read(self, start: int, limit: int) -> bytes:
        """See `Source.read`."""
        with self._file.open("rb") as file:
            file.seek(start)
            return file.read(min(limit, self.size - start))

    def _end(self) -> int:
        end = FILE_HEADER_SIZE
        while True:
            with self._file.open("rb") as file:
                file.seek(end)
                buffer = file.read(CHUNK)
                scan = scan_frames(buffer)
                if scan.end == 0 and len(buffer) == CHUNK:
                    scan = scan_frames(buffer + file.read(CHUNK * 9), 0, 1)
            if scan.end == 0:
                return end
            end += scan.end
