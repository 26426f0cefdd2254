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
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from epochal.errors import StorageFull
from epochal.journal.syncing import at_once

FILE_MODE: Final = 0o600
TEMPORARY_SUFFIX: Final = ".tmp"
SYNC_THREADS: Final = 16
FEW: Final = 4
"""For so many syncs no thread is worth its start."""
MANY_OPEN: Final = 64
"""So many files are open at most while a group of them is written."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

T = TypeVar("T")
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


class DurableFiles:
    """Several files that become durable together, with one sync of each directory.

    Nothing has its name before `settle`; after `discard` nothing that was not settled is left.

    Args:
        disk: where the bytes go.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._unsynced: dict[Path, int] = {}
        self._unnamed: dict[Path, Path] = {}

    @contextlib.contextmanager
    def write(self, path: Path) -> Iterator[Write]:
        """Write the content of a file that gets its name in `settle`.

        Raises:
            StorageFull: no room, or the quota is used up.
            OSError: any other failure of the file system.
        """
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
        with full_is_told(path):
            self._unnamed[temporary] = path
            self._unsynced[temporary] = self._disk.create(temporary)
            yield _writer(self._unsynced[temporary], self._disk)
            if len(self._unsynced) >= MANY_OPEN:
                self._sync()

    def settle(self) -> None:
        """Sync all files, name them, and make the names durable.

        Raises:
            StorageFull: no room, or the quota is used up.
            OSError: any other failure of the file system; some files may have their names.
        """
        if not self._unnamed:
            return
        directories = {path.parent for path in self._unnamed.values()}
        with full_is_told(next(iter(self._unnamed.values()))):
            self._sync()
            for temporary, path in list(self._unnamed.items()):
                self._disk.rename(temporary, path)
                del self._unnamed[temporary]
            _at_once(self._disk.sync_directory, directories)

    def discard(self) -> None:
        """Close and remove what `settle` has not named."""
        for descriptor in self._unsynced.values():
            os.close(descriptor)
        self._unsynced.clear()
        for temporary in self._unnamed:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        self._unnamed.clear()

    def _sync(self) -> None:
        _at_once(self._disk.sync, self._unsynced.values())
        for temporary in list(self._unsynced):
            os.close(self._unsynced.pop(temporary))


def _at_once(sync: Callable[[T], None], what: Iterable[T]) -> None:
    """Sync several things in threads: a file system makes one commit of many waiting ones."""
    things = list(what)
    at_once(sync, things, max(1, min(SYNC_THREADS, len(things) // FEW)))


@contextlib.contextmanager
def durable_files(disk: Disk) -> Iterator[DurableFiles]:
    """Files that appear when the block ends without an exception.

    Raises:
        StorageFull: no room, or the quota is used up.
        OSError: any other failure of the file system.
    """
    files = DurableFiles(disk)
    try:
        yield files
        files.settle()
    finally:
        files.discard()


@contextlib.contextmanager
def durable_file(path: Path, disk: Disk) -> Iterator[Write]:
    """Write a file that appears at ``path`` when the block ends without an exception.

    Raises:
        StorageFull: no room, or the quota is used up.
        OSError: any other failure of the file system.
    """
    with durable_files(disk) as files, files.write(path) as write:
        yield write


def create_empty(path: Path, disk: Disk) -> bool:
    """Make a file that says all by being there; syncing its directory makes it durable.

    Its name and the file itself are one change to a file system, so that there is nothing to sync
    but the directory.

    Returns:
        Whether it was not there before.

    Raises:
        FileNotFoundError: there is no such directory.
        StorageFull: no room.
        OSError: any other failure of the file system.
    """
    with full_is_told(path):
        try:
            os.close(disk.create(path))
        except FileExistsError:
            return False
    return True


@contextlib.contextmanager
def full_is_told(path: Path) -> Iterator[None]:
    """Make `StorageFull` of the errors that say that there is no room."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise StorageFull(
            f"there is no room to write {path}: {error.strerror}; free space on the disk, "
            f"nothing is lost meanwhile"
        ) from error


def _writer(descriptor: int, disk: Disk) -> Write:
    def write(data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[disk.write(descriptor, rest) :]

    return write
