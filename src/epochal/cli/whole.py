"""A file that appears whole or not at all: rows go to a temporary file beside it first."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from epochal.errors import Conflict, InvalidInput, StorageFull

STDOUT: Final = "-"


@contextlib.contextmanager
def open_whole(place: str, *, force: bool) -> Iterator[IO[bytes]]:
    """The file to write to; it takes its place only when the block ends well.

    Missing directories above it are made.

    Raises:
        EpochalError: it cannot be written, or is there already.
    """
    if place == STDOUT:
        yield sys.stdout.buffer
        return
    path = Path(place)
    refuse_existing(path, force=force)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        refuse_existing(path, force=force)
        os.replace(part, path)
    except OSError as error:
        raise explain(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def refuse_existing(path: Path, *, force: bool) -> None:
    """Refuse a place that is taken.

    Raises:
        InvalidInput: it is a directory.
        Conflict: it is a file, and ``force`` was not given.
    """
    if path.is_dir():
        raise InvalidInput(f"{path} is a directory; name a file in it")
    if path.exists() and not force:
        raise Conflict(f"{path} is there already; add --force to replace it, or name another file")


def explain(path: Path, error: OSError) -> StorageFull | InvalidInput:
    """The error to raise for a failed write."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(f"{path} cannot be written: the disk is full; nothing was left behind")
    return InvalidInput(f"{path} cannot be written: {error.strerror or error}; name another file")
