"""The blobs of a home: bytes named by their sha256, immutable once they are there.

Promises: a name under ``blobs/`` always shows a whole blob with that digest, whatever died while
it was written; storing the same bytes twice is harmless and costs one copy; nothing that lies
there is ever overwritten. Needs no database and takes no lock, so that any process may store.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from epochal.domain.artifact import check_digest
from epochal.domain.record import BlobRef
from epochal.errors import Conflict, CorruptFile, InvalidInput, NotFound, StorageFull

DIRECTORY = "blobs"
TEMPORARY = "tmp"
PIECE = 1024 * 1024
OCTETS = "application/octet-stream"
_DIRECTORY_MODE = 0o700
_BLOB_MODE = 0o444


class Blobs:
    """Where a home keeps its blobs.

    Args:
        home: the home; directories are made when they are needed.
    """

    def __init__(self, home: Path) -> None:
        self.root = home / DIRECTORY
        self._temporary = self.root / TEMPORARY

    def path(self, digest: str) -> Path:
        """Where a blob lies when it is present.

        Raises:
            InvalidInput: this is no digest.
        """
        return self.root / check_digest(digest)[:2] / digest

    def has(self, digest: str) -> bool:
        """Whether the blob is present."""
        return self.path(digest).is_file()

    def size(self, digest: str) -> int | None:
        """Bytes of a blob, or None when it is not present."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def read(self, digest: str) -> bytes:
        """All bytes of a blob, checked.

        Raises:
            NotFound: it is not present.
            CorruptFile: its bytes are not what its name says.
        """
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"blob {digest} is not in this home") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise CorruptFile(self.path(digest), "its bytes do not have the digest in its name")
        return data

    def put(self, data: bytes, type: str = OCTETS, *, sync: bool = True) -> BlobRef:
        """Store bytes.

        Args:
            data: the blob.
            type: its media type.
            sync: return only when it survives power loss; else call `sync_all` before a record
                names it durably.

        Raises:
            StorageFull: there is no room.
        """
        digest = hashlib.sha256(data).hexdigest()
        if not self.has(digest):
            with self._new() as (file, path):
                file.write(data)
                self._adopt(file, path, digest, sync=sync)
        return BlobRef(digest, len(data), type)

    def put_file(self, source: Path, type: str = OCTETS, *, sync: bool = True) -> BlobRef:
        """Store a copy of a regular file, read once.

        Raises:
            InvalidInput: it is missing, no regular file, or may not be read.
            Conflict: it changed while it was read, three times.
            StorageFull: there is no room.
        """
        for _ in range(3):
            found = self._copy(source, type, sync=sync)
            if found is not None:
                return found
        raise Conflict(
            f"{source} changes while it is read; close what writes it, or copy it and add the copy"
        )

    def _copy(self, source: Path, type: str, *, sync: bool) -> BlobRef | None:
        """One attempt; None when the file changed meanwhile."""
        with open_regular(source) as file, self._new() as (copy, path):
            before = os.fstat(file.fileno())
            hashing = hashlib.sha256()
            size = 0
            while piece := file.read(PIECE):
                hashing.update(piece)
                copy.write(piece)
                size += len(piece)
            after = os.fstat(file.fileno())
            if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, size):
                return None
            digest = hashing.hexdigest()
            if not self.has(digest):
                self._adopt(copy, path, digest, sync=sync)
            return BlobRef(digest, size, type)

    def sync_all(self) -> None:
        """Make all blobs stored so far with ``sync=False`` survive power loss."""
        if self.root.is_dir():
            os.sync()

    def adopt(self, path: Path, digest: str) -> None:
        """Take over a complete file under ``blobs/tmp`` as the blob of that digest.

        Raises:
            CorruptFile: its bytes have another digest; the file is removed.
        """
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != digest:
                path.unlink()
                raise CorruptFile(path, f"its bytes have the digest {found}, not {digest}")
            if not self.has(digest):
                self._adopt(file, path, digest, sync=True)
        path.unlink(missing_ok=True)

    def temporary(self, name: str) -> Path:
        """A path under ``blobs/tmp`` for bytes that arrive piece by piece.

        Args:
            name: digits, letters and dots only; it becomes the file's name.
        """
        if not name.replace(".", "").isalnum():
            raise InvalidInput(f"a temporary name has letters, digits and dots, got {name!r:.80}")
        self._temporary.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        return self._temporary / name

    def remove(self, digest: str) -> int:
        """Remove a blob; returns the bytes that this freed."""
        size = self.size(digest) or 0
        self.path(digest).unlink(missing_ok=True)
        return size

    def digests(self) -> Iterator[str]:
        """The digests of all blobs that are present, in order."""
        for directory in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(directory.iterdir()):
                with contextlib.suppress(InvalidInput):
                    yield check_digest(path.name)

    @contextlib.contextmanager
    def _new(self) -> Iterator[tuple[BinaryIO, Path]]:
        """A fresh temporary file; whatever is left of it at the end is removed."""
        path = self.temporary(f"{os.getpid()}.{os.urandom(8).hex()}")
        try:
            with path.open("xb") as file:
                yield file, path
        except OSError as error:
            raise full_disk(error, self.root) from error
        finally:
            path.unlink(missing_ok=True)

    def _adopt(self, file: BinaryIO, path: Path, digest: str, *, sync: bool) -> None:
        """Give complete bytes their name; a racing process may have been faster."""
        if file.writable():
            file.flush()
        if sync:
            os.fsync(file.fileno())
        target = self.path(digest)
        target.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        os.chmod(path, _BLOB_MODE)
        with contextlib.suppress(FileExistsError):
            os.link(path, target)
        if sync:
            sync_directory(target.parent)


@contextlib.contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading; a pipe, device or directory is refused without waiting.

    Raises:
        InvalidInput: it is missing, something else, or may not be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise InvalidInput(f"there is no file {str(path)!r}; check the path") from None
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise InvalidInput(f"{str(path)!r} is a directory; a file was expected")
        if not stat.S_ISREG(mode):
            raise InvalidInput(f"{str(path)!r} is no regular file; a file was expected")
        yield file


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive power loss."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def full_disk(error: OSError, place: Path) -> Exception:
    """The error to raise for a failed write: `StorageFull` when there is no room."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull(f"there is no room left for {place}: {error.strerror}; free some space")
    return error
