"""Bytes that can be read piece by piece: a file or blob of a run, a file of a version.

A `Content` says where the bytes are told to lie, and which they are: whoever reads them checks the
digest. A home gives them from its blobs, a server over HTTP from any offset.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol, TypeAlias
from urllib.parse import quote, urlencode

import msgspec

from epochal.errors import NotFound
from epochal.journal.blobs import Blobs


class Content(msgspec.Struct, frozen=True):
    """Some bytes.

    Attributes:
        digest: sha256 of all of them.
        size: how many.
        name: for messages.
        route: path and query of the address that gives them, see docs/internals/wire.md.
        parcel: the address that gives many small ones of the same run or version at once.
    """

    digest: str
    size: int
    name: str
    route: str
    parcel: str = ""


class Readable(Protocol):
    """An open stream of bytes."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer, as far as there are bytes; 0 at the end."""
        ...


OpenContent: TypeAlias = Callable[[Content, int], AbstractContextManager[Readable]]
"""Open bytes from an offset on."""


def run_blob(uid: str, digest: str, size: int, name: str) -> Content:
    """A blob of a run's media."""
    run = f"/api/v1/runs/{quote(uid, safe='')}"
    return Content(digest, size, name, f"{run}/blobs/{digest}", f"{run}/parcel")


def run_file(uid: str, path: str, digest: str, size: int) -> Content:
    """A file of a run."""
    run = f"/api/v1/runs/{quote(uid, safe='')}"
    return Content(digest, size, path, f"{run}/files/{quote(path)}", f"{run}/parcel")


def version_file(name: str, path: str, digest: str, size: int) -> Content:
    """A file of an artifact version, which is named in full."""
    file = f"/api/v1/artifacts/file?{urlencode({'name': name, 'path': path})}"
    parcel = f"/api/v1/artifacts/parcel?{urlencode({'name': name})}"
    return Content(digest, size, f"{name} {path}", file, parcel)


@contextmanager
def open_blob(home: Path, content: Content, start: int) -> Iterator[Readable]:
    """Open bytes that lie in a home.

    Raises:
        NotFound: they are on their way.
    """
    try:
        file = open(Blobs(home).path(content.digest), "rb", buffering=0)  # noqa: SIM115 - below
    except FileNotFoundError:
        raise NotFound(
            f"the bytes of {content.name!r} are not in {home} yet; they are on their way"
        ) from None
    with file:
        os.lseek(file.fileno(), start, os.SEEK_SET)
        yield file


def holds(home: Path, content: Content) -> bool:
    """Whether this process can read the bytes from a home's own files."""
    try:
        return os.access(Blobs(home).path(content.digest), os.R_OK)
    except OSError as error:
        if error.errno in {errno.EACCES, errno.ENAMETOOLONG}:
            return False
        raise
