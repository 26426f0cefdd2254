"""The caller's side of the spool: bytes that a `log()` hands over, written at once.

Promises: when a call returns, the bytes are in the page cache under a name that no other call
uses. A write that fails leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from epochal.errors import Conflict
from epochal.journal.blobs import full_disk, open_regular
from epochal.journal.files import DIRECTORY_MODE, FILE_MODE
from epochal.journal.spool import spool_directory
from epochal.media.draft import Chunks, Part

MAX_VECTORS = 64

_numbers = itertools.count(1)
_flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def write_parts(journal: str, parts: Mapping[str, Part]) -> dict[str, str]:
    """Write parts into the spool of a journal; returns the names of the files by role.

    Raises:
        OSError: the disk cannot take them.
        InvalidInput: a file to copy is not there, or is no regular file.
        Conflict: a file to copy changes while it is read.
        StorageFull: there is no room.
    """
    directory = spool_directory(journal)
    names: dict[str, str] = {}
    try:
        for role, part in parts.items():
            names[role] = f"{next(_numbers)}-{part.encoding}"
            path = os.path.join(directory, names[role])
            if part.path is None:
                write_chunks(path, part.chunks)
            else:
                _copy(part.path, path)
    except BaseException as error:
        discard(journal, names)
        if isinstance(error, OSError):
            raise full_disk(error, Path(directory)) from error
        raise
    return names


def discard(journal: str, names: Mapping[str, str]) -> None:
    """Remove spool files that no record names."""
    directory = spool_directory(journal)
    for name in names.values():
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(directory, name))


def next_name(encoding: str) -> str:
    """A name that is not in use."""
    return f"{next(_numbers)}-{encoding}"


def write_chunks(path: str, chunks: Chunks) -> None:
    """Write a new file; its directory is made when it is missing.

    Raises:
        OSError: not all of it could be written.
    """
    try:
        descriptor = os.open(path, _flags, FILE_MODE)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=DIRECTORY_MODE, exist_ok=True)
        descriptor = os.open(path, _flags, FILE_MODE)
    try:
        size = sum(map(len, chunks))
        if len(chunks) <= MAX_VECTORS and os.writev(descriptor, chunks) == size:
            return
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.writelines(chunks)
    finally:
        os.close(descriptor)


def _copy(source: str, target: str) -> None:
    """Copy a file; what changes meanwhile is copied again, three times at most."""
    os.makedirs(os.path.dirname(target), mode=DIRECTORY_MODE, exist_ok=True)
    for _ in range(3):
        with open_regular(Path(source)) as file, open(target, "wb") as copy:
            before = os.fstat(file.fileno())
            shutil.copyfileobj(file, copy, 1024 * 1024)
            after = os.fstat(file.fileno())
            if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, copy.tell()):
                return
    raise Conflict(f"{source} changes while it is read; close what writes it and log it again")
