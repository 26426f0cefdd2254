"""The file under a journal.

It is created under a temporary name, held by its writer, and published by a rename, so that no
reader ever sees a journal without its header or without the writer's lock.
"""

from __future__ import annotations

import contextlib
import os

from epochal.journal.frame import SUFFIX, FileHeader, pack_file_header
from epochal.journal.liveness import hold

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600


def journal_path(directory: str, writer: str) -> str:
    """Where a writer's journal lies."""
    return os.path.join(directory, writer + SUFFIX)


def _temporary(directory: str, writer: str) -> str:
    return os.path.join(directory, f".{writer}.new")


def create(directory: str, file_header: FileHeader) -> int:
    """Create the file under a temporary name, locked and with its header; return the descriptor.

    Raises:
        OSError: it cannot be created; nothing is left behind.
    """
    name = _temporary(directory, file_header.writer)
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        hold(descriptor)
        os.pwrite(descriptor, pack_file_header(file_header), 0)
    except OSError:
        discard(descriptor, directory, file_header.writer)
        raise
    return descriptor


def publish(directory: str, writer: str) -> None:
    """Give the file its final name."""
    os.rename(_temporary(directory, writer), journal_path(directory, writer))


def discard(descriptor: int, directory: str, writer: str) -> None:
    """Undo `create`."""
    os.close(descriptor)
    for name in (_temporary(directory, writer), journal_path(directory, writer)):
        with contextlib.suppress(OSError):
            os.unlink(name)


def sync_directories(path: str, levels: int = 3) -> None:
    """Make the names of a new file and of its parent directories survive power loss.

    Raises:
        OSError: a directory cannot be synced.
    """
    directory = os.path.dirname(os.path.abspath(path))
    for _ in range(levels):
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        directory = os.path.dirname(directory)


def read_stretch(path: str | None, start: int, limit: int) -> bytes:
    """At most ``limit`` bytes of a file from ``start``; nothing when there is no file or no room.

    Raises:
        OSError: the file cannot be read.
    """
    if path is None or limit <= 0:
        return b""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Room for more than there is would cost more than reading does.
        there = os.fstat(descriptor).st_size - start
        return os.pread(descriptor, min(limit, there), start) if there > 0 else b""
    finally:
        os.close(descriptor)
