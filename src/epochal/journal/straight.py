"""A large new file, written past the cache of the file system.

What goes through the cache is copied into pages that have to be found first, and written to the
device later, while everybody else who writes is slowed down. For a file of a GiB that is more work
than all else that is done with it, and nobody may ever read it here. So what lies beyond the first
few MiB goes from a buffer of our own straight to the device, where system and file system have a
way for that; elsewhere through the cache, and the device is told to begin with it.
"""

from __future__ import annotations

import errno
import mmap
import os
from io import FileIO
from pathlib import Path
from typing import Final, TypeAlias

from epochal.journal.syncing import begin_writing

Piece: TypeAlias = bytes | memoryview

FILE_MODE: Final = 0o600
CACHED: Final = 8 * 1024 * 1024
"""So many bytes at the beginning of a file go through the cache, as all of a shorter one."""
STRETCH: Final = 8 * 1024 * 1024
"""After so many bytes in the cache the device begins to write them."""
ROOM: Final = 1024 * 1024
ALIGNED: Final = 4096
"""What begins or ends elsewhere has to go through the cache."""
_STRAIGHT: Final = getattr(os, "O_DIRECT", 0)


class StraightFile:
    """A new file, written from its beginning to its end by one thread at a time.

    Nothing of it is safe from a power loss before it is closed and synced.

    Args:
        path: where; nothing is there.
        is_read_soon: all of it goes through the cache, because somebody reads it again soon.

    Attributes:
        size: bytes taken so far.
    """

    def __init__(self, path: Path, *, is_read_soon: bool = False) -> None:
        self.size = 0
        self._path = path
        self._file = _opened(path, os.O_CREAT | os.O_EXCL)
        self._straight: FileIO | None = None
        self._cached = 2**63 if is_read_soon or not _STRAIGHT else CACHED
        self._begun = 0
        self._room = memoryview(b"")
        self._held = 0

    def write(self, data: Piece) -> None:
        """Take the next bytes.

        Raises:
            OSError: the device does not take them.
        """
        piece = memoryview(data)
        if self._straight is None and self.size + len(piece) > self._cached:
            left = max(0, self._cached - self.size)
            self._write(piece[:left])
            self._go_straight()
            piece = piece[left:]
        while self._straight is not None and len(piece):
            count = min(ROOM - self._held, len(piece))
            self._room[self._held : self._held + count] = piece[:count]
            self._held += count
            self.size += count
            piece = piece[count:]
            if self._held == ROOM:
                self._empty(self._straight)
        if len(piece):
            self._write(piece)

    def close(self) -> None:
        """Write what is held; harmless when it was done.

        Raises:
            OSError: the device does not take it.
        """
        try:
            if self._straight is not None:
                self._empty(self._straight)
        finally:
            self.give_up()

    def give_up(self) -> None:
        """Close the file without what is held; harmless when it was closed."""
        self._held = 0
        self._file.close()
        self._stay_cached()

    def _write(self, piece: memoryview) -> None:
        """Write through the cache."""
        self._put(piece, self.size)
        self.size += len(piece)
        if self.size - self._begun >= STRETCH:
            self._begin()

    def _begin(self) -> None:
        begin_writing(self._file.fileno(), self._begun, self.size - self._begun)
        self._begun = self.size

    def _go_straight(self) -> None:
        self._begin()
        try:
            self._straight = _opened(self._path, _STRAIGHT)
        except OSError:  # a file system that knows no such way, as tmpfs was for long
            self._stay_cached()
            return
        self._room = memoryview(mmap.mmap(-1, ROOM))

    def _stay_cached(self) -> None:
        self._cached = 2**63
        self._room = memoryview(b"")
        if self._straight is not None:
            self._straight.close()
            self._straight = None

    def _empty(self, straight: FileIO) -> None:
        """Write what is held: what is aligned goes straight, as far as it is taken."""
        offset = self.size - self._held
        aligned = self._held - self._held % ALIGNED
        done = 0
        try:
            if aligned:
                done = os.pwrite(straight.fileno(), self._room[:aligned], offset)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        self._put(self._room[done : self._held], offset + done)
        self._held = 0
        if done < aligned:
            self._begun = self.size
            self._stay_cached()

    def _put(self, piece: memoryview, offset: int) -> None:
        while len(piece):
            count = os.pwrite(self._file.fileno(), piece, offset)
            offset += count
            piece = piece[count:]


def _opened(path: Path, flags: int) -> FileIO:
    return FileIO(os.open(path, os.O_WRONLY | os.O_CLOEXEC | flags, FILE_MODE), "wb")
