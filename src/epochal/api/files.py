"""Files that can be read and downloaded: those of a run, and those of an artifact version."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from epochal.api.content import Content, run_file, version_file
from epochal.api.download import Item, Progress, download
from epochal.api.facts import datetime_of
from epochal.api.fetch import fetch_bytes
from epochal.api.question import Source
from epochal.domain.artifact import Entry, check_path
from epochal.domain.objects import FileRow
from epochal.errors import NotFound


class RunFile:
    """A file of a run; made by `RunView.files`.

    Args:
        source: where to read.
        uid: the run's.
        row: what is known of it.
    """

    def __init__(self, source: Source, uid: str, row: FileRow) -> None:
        self._source = source
        self._uid = uid
        self.row = row

    def __repr__(self) -> str:
        return f"<file {self.path!r}, {self.size} bytes>"

    @property
    def path(self) -> str:
        """Its path in the run, with ``/``."""
        return self.row.path

    @property
    def name(self) -> str:
        """The same as `path`, as W&B calls it."""
        return self.row.path

    @property
    def size(self) -> int:
        """Bytes."""
        return self.row.size

    @property
    def digest(self) -> str:
        """sha256; empty as long as its writer has not stored it."""
        return self.row.digest

    @property
    def type(self) -> str:
        """Media type."""
        return self.row.type

    @property
    def modified(self) -> datetime:
        """When it was last changed, as its writer's file system said, in UTC."""
        return datetime_of(self.row.modified_us)

    @property
    def present(self) -> bool:
        """Whether its bytes are here."""
        return self.row.present

    @property
    def content(self) -> Content:
        """Which bytes it is.

        Raises:
            NotFound: its writer has not stored it yet.
        """
        if not self.digest:
            raise NotFound(f"{self.path!r} is still with its writer; try again later")
        return run_file(self._uid, self.path, self.digest, self.size)

    def read(self) -> bytes:
        """Its bytes, checked.

        Raises:
            NotFound: they are on their way.
            CorruptFile: they are not what was stored.
        """
        return fetch_bytes(self._source, self.content)

    def download(self, root: str | os.PathLike[str] = ".") -> str:
        """Write it below a directory, under its path in the run.

        Returns:
            The path of the file.

        Raises:
            InvalidInput: the directory cannot be written.
            NotFound: the bytes are on their way.
        """
        place = Path(os.path.abspath(root))
        download(self._source, [Item(self.path, self.content)], place)
        return str(place / self.path)


def download_files(
    source: Source,
    files: Sequence[RunFile],
    root: str | os.PathLike[str],
    progress: Progress | None = None,
) -> str:
    """Write files of a run below a directory; returns the directory."""
    place = Path(os.path.abspath(root))
    download(source, [Item(file.path, file.content) for file in files], place, progress)
    return str(place)


class VersionFile:
    """A path of an artifact version; made by `ArtifactVersion.files`.

    Args:
        source: where to read.
        version: the version, in full.
        path: in the artifact.
        entry: what the manifest says.
    """

    def __init__(self, source: Source, version: str, path: str, entry: Entry) -> None:
        self._source = source
        self._version = version
        self._entry = entry
        self.path = path

    def __repr__(self) -> str:
        return f"<file {self.path!r} of {self._version}>"

    @property
    def name(self) -> str:
        """The same as `path`, as W&B calls it."""
        return self.path

    @property
    def size(self) -> int | None:
        """Bytes; None for a reference of unknown size."""
        return self._entry.size

    @property
    def digest(self) -> str | None:
        """sha256; None for a reference that was not read."""
        return self._entry.digest

    @property
    def ref(self) -> str | None:
        """The URI of something that lies elsewhere; None for a file that is stored."""
        return self._entry.ref

    @property
    def content(self) -> Content:
        """Which bytes it is.

        Raises:
            NotFound: it is a reference.
        """
        if self._entry.ref is not None or self._entry.digest is None:
            raise NotFound(f"{self.path!r} lies elsewhere, at {self.ref!r}; fetch it from there")
        return version_file(self._version, self.path, self._entry.digest, self._entry.size or 0)

    def read(self) -> bytes:
        """Its bytes, checked.

        Raises:
            NotFound: it is a reference, or its bytes are on their way.
            CorruptFile: they are not what was stored.
        """
        return fetch_bytes(self._source, self.content)

    def download(self, root: str | os.PathLike[str] = ".") -> str:
        """Write it below a directory, under its path in the artifact.

        Returns:
            The path of the file.

        Raises:
            InvalidInput: the directory cannot be written.
            NotFound: it is a reference, or its bytes are on their way.
        """
        place = Path(os.path.abspath(root))
        download(self._source, [Item(check_path(self.path), self.content)], place)
        return str(place / self.path)
