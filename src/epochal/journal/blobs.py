"""The blobs of a home: bytes named by their sha256, immutable once they are there.

Promises: a name under ``blobs/`` always shows a whole blob with that digest, whatever died while
it was written; storing the same bytes twice is harmless and costs one copy; nothing that lies
there is ever overwritten. Needs no database and takes no lock, so that any process may store.
Storing what is there already makes it young again, so that garbage collection, which takes nothing
younger than a day, cannot take what a record is about to name.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from epochal.domain.artifact import check_digest
from epochal.domain.record import BlobRef
from epochal.errors import Conflict, CorruptFile, InvalidInput, NotFound, StorageFull
from epochal.journal.syncing import sync_directory, sync_file_system, sync_together

DIRECTORY = "blobs"
TEMPORARY = "tmp"
PIECE = 256 * 1024
FEW = 8
"""So many new files are synced side by side; more of them by one sync of the file system."""
OCTETS = "application/octet-stream"
_DIRECTORY_MODE = 0o700
_BLOB_MODE = 0o444
_TRASH = "trash."
_NO_LINKS = frozenset(
    {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
)


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
        return Path(self._place(digest))

    def _place(self, digest: str) -> str:
        # Text, not a path: with many small files the making of path objects costs most.
        return f"{self.root}{os.sep}{check_digest(digest)[:2]}{os.sep}{digest}"

    def has(self, digest: str) -> bool:
        """Whether the blob is present."""
        return self.path(digest).is_file()

    def keep(self, digest: str) -> bool:
        """Whether the blob is present; if so, garbage collection spares it for a day from now."""
        try:
            os.utime(self._place(digest))
        except FileNotFoundError:
            return False
        except PermissionError:  # another user's; it is as safe as its owner keeps it
            return self.has(digest)
        return True

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

    def is_sound(self, digest: str) -> bool:
        """Whether the blob's bytes have its digest; False when it is not present."""
        try:
            with self.path(digest).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == digest
        except FileNotFoundError:
            return False

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
        self._put(data, digest, sync=sync)
        return BlobRef(digest, len(data), type)

    def _put(self, data: bytes, digest: str, *, sync: bool) -> None:
        if not self.keep(digest):
            with self._written(data, sync=sync) as path:
                target = self._give_name(path, digest)
                if sync:
                    sync_directory(target.parent)

    def put_many(self, items: Sequence[bytes], type: str = OCTETS) -> list[BlobRef]:
        """Store many small blobs durably at the cost of two syncs.

        None has a name before its bytes are safe.

        Raises:
            StorageFull: there is no room; some may be stored.
        """
        refs = [BlobRef(hashlib.sha256(data).hexdigest(), len(data), type) for data in items]
        with contextlib.ExitStack() as stack:
            written: dict[str, str] = {}
            for ref, data in zip(refs, items, strict=True):
                if ref.digest not in written and not self.keep(ref.digest):
                    path = stack.enter_context(self._written(data))
                    written[ref.digest] = path
            if len(written) > FEW:
                sync_file_system(self.root)
                for digest, path in written.items():
                    self._give_name(path, digest)
                sync_file_system(self.root)
            elif written:
                sync_together(written.values())
                named = {self._give_name(path, digest) for digest, path in written.items()}
                sync_together({str(target.parent) for target in named})
        return refs

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
        with open_regular(source) as file:
            before = os.fstat(file.fileno())
            if before.st_size <= PIECE:
                return self._copy_small(file, before, type, sync=sync)
            return self._copy_large(file, before, type, sync=sync)

    def _copy_small(
        self, file: BinaryIO, before: os.stat_result, type: str, *, sync: bool
    ) -> BlobRef | None:
        data = file.read(PIECE + 1)
        after = os.fstat(file.fileno())
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, len(data)):
            return None
        digest = hashlib.sha256(data).hexdigest()
        self._put(data, digest, sync=sync)
        return BlobRef(digest, len(data), type)

    def _copy_large(
        self, file: BinaryIO, before: os.stat_result, type: str, *, sync: bool
    ) -> BlobRef | None:
        with self._new() as (copy, path):
            hashing = hashlib.sha256()
            size = 0
            room = memoryview(bytearray(PIECE))
            while count := file.readinto(room):  # type: ignore[attr-defined]
                hashing.update(room[:count])
                copy.write(room[:count])
                size += count
            after = os.fstat(file.fileno())
            if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, size):
                return None
            digest = hashing.hexdigest()
            if not self.keep(digest):
                self._adopt(copy, path, digest, sync=sync)
            return BlobRef(digest, size, type)

    def sync_all(self) -> None:
        """Make all blobs stored so far with ``sync=False`` survive power loss."""
        if self.root.is_dir():
            sync_file_system(self.root)

    def adopt(self, path: Path, digest: str, *, found: str | None = None) -> None:
        """Take over a complete file under ``blobs/tmp`` as the blob of that digest.

        Args:
            path: the file.
            digest: what it must be.
            found: the digest of its bytes where the caller computed it while writing them.

        Raises:
            CorruptFile: its bytes have another digest; the file is removed.
            StorageFull: there is no room; the file stays.
        """
        with path.open("rb") as file:
            if found is None:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != digest:
                path.unlink()
                raise CorruptFile(path, f"its bytes have the digest {found}, not {digest}")
            if not self.keep(digest):
                try:
                    self._adopt(file, path, digest, sync=True)
                except OSError as error:
                    raise full_disk(error, self.root) from error
        path.unlink(missing_ok=True)

    def temporary(self, name: str) -> Path:
        """A path under ``blobs/tmp`` for bytes that arrive piece by piece.

        Args:
            name: digits, letters and dots only; it becomes the file's name.
        """
        if not name.replace(".", "").isalnum():
            raise InvalidInput(f"a temporary name has letters, digits and dots, got {name!r:.80}")
        self._make(self._temporary)
        return self._temporary / name

    def remove(self, digest: str, before: float | None = None) -> int:
        """Remove a blob, unless somebody stored it again meanwhile.

        Args:
            digest: the blob.
            before: seconds since 1970; a blob that was stored at this time or later stays.

        Returns:
            The bytes that this freed.
        """
        path = self.path(digest)
        trash = self.temporary(f"{_TRASH}{digest}")
        try:
            os.rename(path, trash)
        except FileNotFoundError:
            return 0
        # From here on `keep` fails and the bytes are written anew; before, it made them young.
        found = trash.stat()
        if before is not None and found.st_mtime >= before:
            _name(trash, path)
            return 0
        trash.unlink()
        return found.st_size

    def restore(self) -> None:
        """Put back what a crash in `remove` left aside; call it before removing anything."""
        if not self._temporary.is_dir():
            return
        for trash in self._temporary.glob(f"{_TRASH}*"):
            with contextlib.suppress(InvalidInput):
                _name(trash, self.path(trash.name.removeprefix(_TRASH)))

    def temporaries(self) -> Iterator[Path]:
        """Files of unfinished writes and uploads."""
        if self._temporary.is_dir():
            yield from sorted(self._temporary.iterdir())

    def digests(self) -> Iterator[str]:
        """The digests of all blobs that are present, in order."""
        for directory in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(directory.iterdir()):
                with contextlib.suppress(InvalidInput):
                    yield check_digest(path.name)

    def _make(self, directory: Path) -> None:
        """Make a directory below the root, and the root, for this user alone."""
        try:
            directory.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
        except FileNotFoundError:
            self.root.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            directory.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)

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

    @contextlib.contextmanager
    def _written(self, data: bytes, *, sync: bool = False) -> Iterator[str]:
        """A closed temporary file with these bytes, removed at the end."""
        path = f"{self._temporary}{os.sep}{os.getpid()}.{os.urandom(8).hex()}"
        try:
            with self._created(path) as file:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
                if sync:
                    os.fsync(file.fileno())
            yield path
        except OSError as error:
            raise full_disk(error, self.root) from error
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _created(self, path: str) -> FileIO:
        try:
            return FileIO(path, "x")
        except FileNotFoundError:
            self._make(self._temporary)
            return FileIO(path, "x")

    def _adopt(self, file: BinaryIO, path: Path, digest: str, *, sync: bool) -> None:
        """Give complete bytes their name; a racing process may have been faster."""
        if file.writable():
            file.flush()
        if sync:
            os.fsync(file.fileno())
        target = self._give_name(path, digest)
        if sync:
            sync_directory(target.parent)

    def _give_name(self, path: str | Path, digest: str) -> Path:
        target = self.path(digest)
        os.chmod(path, _BLOB_MODE)
        try:
            _link(path, target)
        except FileNotFoundError:
            self._make(target.parent)
            _link(path, target)
        return target


def _link(path: str | Path, target: Path) -> None:
    """Give a complete file a second name; where links do not work, its only one.

    A name that is there already has the same bytes.
    """
    try:
        os.link(path, target)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.rename(path, target)


def _name(path: Path, target: Path) -> None:
    """Move a blob to its place; one that is there already stays."""
    _link(path, target)
    path.unlink(missing_ok=True)


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
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise InvalidInput(f"{str(path)!r} is a directory; a file was expected")
        if not stat.S_ISREG(mode):
            raise InvalidInput(f"{str(path)!r} is no regular file; a file was expected")
        file = os.fdopen(descriptor, "rb", buffering=0)
    except BaseException:
        os.close(descriptor)
        raise
    with file:
        yield file


def full_disk(error: OSError, place: Path) -> Exception:
    """The error to raise for a failed write: `StorageFull` when there is no room."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return StorageFull(f"there is no room left for {place}: {error.strerror}; free some space")
    return error
