"""What a serializer writes to and reads from: named parts, each a blob of the home.

A part is given as bytes or as a file; it is read as bytes, as the path of the immutable blob, or
together with all others as a directory of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from epochal.domain.artifact import Entry, check_path
from epochal.errors import InvalidInput
from epochal.journal.blobs import Blobs


class Outbox:
    """Takes the parts of one value.

    Attributes:
        classes: names of the user's classes whose instances are inside; their code counts where
            the value is used.
        pickle: whether pickles may be written.
    """

    def __init__(self, *, pickle: bool = False, prefix: str = "") -> None:
        self.parts: dict[str, bytes | Path] = {}
        self.classes: set[str] = set()
        self.pickle = pickle
        self._prefix = prefix
        self._folders: list[str] = []

    def put(self, path: str, data: bytes | Path) -> None:
        """Add a part.

        Args:
            path: its name; relative, with ``/``.
            data: its bytes, or a file that stays until the value is stored.

        Raises:
            InvalidInput: the name cannot be, or is taken.
        """
        full = check_path(self._prefix + path)
        if full in self.parts:
            raise InvalidInput(f"a serializer wrote the part {full!r} twice")
        self.parts[full] = data

    def folder(self) -> Path:
        """An empty directory for files; call `put_folder` with it afterwards."""
        self._folders.append(tempfile.mkdtemp(prefix="epochal-value-"))
        return Path(self._folders[-1])

    def put_folder(self, folder: Path) -> None:
        """Add all files below a directory under their own names."""
        for root, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = Path(root, name)
                self.put(path.relative_to(folder).as_posix(), path)

    def inner(self, prefix: str) -> Outbox:
        """An outbox whose parts lie below ``prefix`` in this one."""
        box = Outbox(pickle=self.pickle, prefix=f"{self._prefix}{prefix}/")
        box.parts, box.classes, box._folders = self.parts, self.classes, self._folders
        return box

    def close(self) -> None:
        """Remove the directories of `folder`."""
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)


class Parts:
    """The parts of one value, as they were stored."""

    def __init__(self, blobs: Blobs, entries: dict[str, Entry], prefix: str = "") -> None:
        self._blobs = blobs
        self._entries = entries
        self._prefix = prefix

    def __contains__(self, path: str) -> bool:
        return self._prefix + path in self._entries

    def __iter__(self) -> Iterator[str]:
        length = len(self._prefix)
        return (path[length:] for path in self._entries if path.startswith(self._prefix))

    def read(self, path: str) -> bytes:
        """The bytes of a part, checked by digest.

        Raises:
            NotFound: there is none, or its blob is gone.
            CorruptFile: the blob is damaged.
        """
        return self._blobs.read(self._digest(path))

    def path(self, path: str) -> Path:
        """Where the part lies. The file is immutable and has no suffix."""
        return self._blobs.path(self._digest(path))

    def folder(self, take: Callable[[Path], object]) -> object:
        """What ``take`` makes of a directory with copies of all parts; the directory goes then."""
        with tempfile.TemporaryDirectory(prefix="epochal-value-") as name:
            self.copy_to(Path(name))
            return take(Path(name))

    def copy_to(self, root: Path) -> None:
        """Write all parts below a directory."""
        for path in self:
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.read(path))

    def inner(self, prefix: str) -> Parts:
        """The parts below ``prefix``."""
        return Parts(self._blobs, self._entries, f"{self._prefix}{prefix}/")

    def _digest(self, path: str) -> str:
        entry = self._entries.get(self._prefix + path)
        if entry is None or entry.digest is None:
            raise InvalidInput(f"the stored value has no part {path!r}; it has {list(self)}")
        return entry.digest
