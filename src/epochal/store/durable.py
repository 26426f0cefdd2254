"""A file that appears under its name whole and durable, or not at all.

The bytes go to a temporary file beside it, which is synced, renamed over the name, and made
durable by syncing the directory. Whatever fails on the way, the name keeps what it had before. A
process that dies in between leaves a file named ``.<name>.<random>.tmp``; nobody reads those, and
they may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

from epochal.errors import StorageFull

FILE_MODE: Final = 0o600
TEMPORARY_SUFFIX: Final = ".tmp"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

Write: TypeAlias = Callable[[bytes], None]


class Disk:
    """The calls that can fail. Tests replace single ones to see what a fault leaves behind."""

    def create(self, path: Path) -> int:
        """Open a new file for writing; it must not exist."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write some of ``data`` and say how many bytes were taken."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Make the file's content durable."""
        os.fsync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Give the file its name, replacing what had it."""
        os.replace(source, target)

    def sync_directory(self, path: Path) -> None:
        """Make the names in a directory durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def durable_file(path: Path, disk: Disk) -> Iterator[Write]:
    """Write a file that appears at ``path`` when the block ends without an exception.

    Raises:
        StorageFull: no room, or the quota is used up.
        OSError: any other failure of the file system.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    try:
        descriptor = disk.create(temporary)
        try:
            yield _writer(descriptor, disk)
            disk.sync(descriptor)
        finally:
            os.close(descriptor)
        disk.rename(temporary, path)
        disk.sync_directory(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise StorageFull(
                f"there is no room to write {path}: {error.strerror}; free space on the disk, "
                f"nothing is lost meanwhile"
            ) from error
        raise


def _writer(descriptor: int, disk: Disk) -> Write:
    def write(data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[disk.write(descriptor, rest) :]

    return write
