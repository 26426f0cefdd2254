"""Writes a model's directory at once or not at all, and reads one so that nobody can change it.

Writing happens in a hidden directory beside the place, which is synced and then renamed. Reading
takes every file into memory once, through one open descriptor that follows no links, and checks
digests there: what was checked is what is used, whatever happens to the files meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from epochal.domain.artifact import Entry, Manifest, check_paths, digest_of
from epochal.errors import Conflict, DamagedModel, InvalidInput, NotFound

FOREIGN = frozenset({"registered_model_meta", ".DS_Store"})
"""Files that others put beside a model; they are no part of it."""


@contextlib.contextmanager
def new_folder(place: str | os.PathLike[str]) -> Iterator[Path]:
    """A directory to fill, which becomes ``place`` when the block ends well.

    Raises:
        Conflict: something lies at ``place``.
        InvalidInput: ``place`` has no parent directory that could be made.
    """
    target = Path(os.path.abspath(place))
    if target.is_symlink() or (target.exists() and not _is_empty(target)):
        raise Conflict(f"{target} exists already; choose another place, or remove it first")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{target.name}.{secrets.token_hex(6)}.tmp"
        temporary.mkdir(mode=0o700)
    except OSError as error:
        raise InvalidInput(f"no model can be written to {target}: {error}") from None
    try:
        yield temporary
        _sync(temporary)
        temporary.chmod(0o755)
        temporary.rename(target)
        _sync_directory(target.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _is_empty(place: Path) -> bool:
    return place.is_dir() and not any(place.iterdir())


def _sync(folder: Path) -> None:
    for directory, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(os.path.join(directory, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        _sync_directory(Path(directory))


def _sync_directory(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def measure(folder: Path) -> dict[str, Entry]:
    """Digest and size of every file under a directory that this process has just written."""
    entries: dict[str, Entry] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            entries[path.relative_to(folder).as_posix()] = Entry(digest, path.stat().st_size)
    return entries


def digest_files(entries: dict[str, Entry]) -> str:
    """One digest for all: that of the artifact version which holds exactly these files."""
    return digest_of(Manifest(entries).encode())


class Files:
    """The files of a model, in memory. Not thread-safe; owned by who loads the model.

    Args:
        root: the model's directory.

    Raises:
        NotFound: there is no such directory.
        DamagedModel: it holds a link, or names that cannot be.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(os.path.abspath(root))
        if not self.root.is_dir():
            raise NotFound(
                f"there is no model at {self.root}: no such directory; give the directory that "
                f"save_model wrote, or the name of a model"
            )
        self._bytes = {path: self._read(path) for path in self._walk()}
        try:
            check_paths(self._bytes)
        except InvalidInput as error:
            raise DamagedModel(self.root, error.message) from None
        self.entries = {
            path: Entry(digest_of(data), len(data)) for path, data in self._bytes.items()
        }

    def _walk(self) -> list[str]:
        found = []
        for directory, names, files in os.walk(self.root):
            links = [name for name in names if os.path.islink(os.path.join(directory, name))]
            if links:
                raise DamagedModel(self.root, f"{links[0]!r} is a link")
            names[:] = [name for name in names if name != "__pycache__"]
            relative = Path(directory).relative_to(self.root)
            found += [(relative / name).as_posix() for name in files if name not in FOREIGN]
        return found

    def _read(self, path: str) -> bytes:
        try:
            descriptor = os.open(self.root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise DamagedModel(self.root, f"{path!r} cannot be read ({error.strerror})") from None
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise DamagedModel(self.root, f"{path!r} is no plain file")
            return file.read()

    def __contains__(self, path: str) -> bool:
        return path in self._bytes

    def under(self, folder: str) -> dict[str, bytes]:
        """The files below a directory, by their paths in it."""
        head = folder.strip("/") + "/" if folder.strip("/.") else ""
        return {
            path.removeprefix(head): data
            for path, data in self._bytes.items()
            if path.startswith(head)
        }

    def get(self, path: str) -> bytes:
        """The bytes of a file.

        Raises:
            DamagedModel: it is not there.
        """
        if path not in self._bytes:
            raise DamagedModel(self.root, f"the file {path!r} is missing")
        return self._bytes[path]

    def keep(self, listed: dict[str, Entry], *also: str) -> None:
        """Check the files against a list, and forget those that it does not name.

        Raises:
            DamagedModel: one is missing, has another size, or other bytes.
        """
        for path, entry in listed.items():
            found = self.entries.get(path)
            if found is None:
                raise DamagedModel(self.root, f"the file {path!r} is missing")
            if found.size != entry.size:
                raise DamagedModel(
                    self.root, f"{path!r} has {found.size} bytes, {entry.size} were saved"
                )
            if found.digest != entry.digest:
                raise DamagedModel(self.root, f"{path!r} was changed: its digest is another one")
        kept = {*listed, *also}
        self._bytes = {path: data for path, data in self._bytes.items() if path in kept}
        self.entries = {path: entry for path, entry in self.entries.items() if path in kept}

    @property
    def digest(self) -> str:
        """The digest of all files together, 64 hex digits."""
        return digest_files(self.entries)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size or 0 for entry in self.entries.values())
