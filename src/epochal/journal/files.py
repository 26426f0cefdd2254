"""A journal's file: created unseen, published whole, private to its owner."""

from __future__ import annotations

import contextlib
import os

from epochal.journal.frame import SUFFIX, FileHeader, pack_file_header
from epochal.journal.liveness import hold

FILE_MODE = 0o600


def journal_path(directory: str, writer: str) -> str:
    """Where a writer's journal lies."""
    return os.path.join(directory, writer + SUFFIX)


def temporary_path(directory: str, writer: str) -> str:
    """Its name until it is published."""
    return os.path.join(directory, f".{writer}.new")


def create_file(directory: str, file_header: FileHeader) -> int:
    """Create the file under a temporary name: no reader may see it before it is held."""
    name = temporary_path(directory, file_header.writer)
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        hold(descriptor)
        os.pwrite(descriptor, pack_file_header(file_header), 0)
    except OSError:
        discard_file(descriptor, directory, file_header.writer)
        raise
    return descriptor


def publish_file(directory: str, writer: str) -> None:
    """Give the file its final name."""
    os.rename(temporary_path(directory, writer), journal_path(directory, writer))


def discard_file(descriptor: int, directory: str, writer: str) -> None:
    """Remove a file that could not be made ready."""
    os.close(descriptor)
    for name in (temporary_path(directory, writer), journal_path(directory, writer)):
        with contextlib.suppress(OSError):
            os.unlink(name)


def read_file(path: str | None, start: int, limit: int) -> bytes:
    """At most ``limit`` bytes from ``start``; none without a path."""
    if path is None or limit <= 0:
        return b""
    with open(path, "rb") as file:
        file.seek(start)
        return file.read(limit)
