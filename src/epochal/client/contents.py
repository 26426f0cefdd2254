"""What lies at the paths of an artifact that is being put together.

Files are only looked at when they are added; their bytes are read when the artifact is logged.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from epochal.client.tree import check_regular, walk
from epochal.domain.artifact import Entry, check_path, check_paths
from epochal.domain.encode import TYPES, encode
from epochal.errors import Conflict, InvalidInput
from epochal.journal.blobs import PIECE, open_regular
from epochal.media.draft import Draft, Part

MAX_URI = 4096
MEDIA = ".media.json"


class Source(msgspec.Struct, frozen=True):
    """A local file that becomes an entry."""

    path: str


class Contents:
    """Paths, and what lies there: a `Source`, or an `Entry` that is known already."""

    def __init__(self, base: Mapping[str, Source | Entry] | None = None) -> None:
        self.entries: dict[str, Source | Entry] = {**(base or {})}
        self._staging: str | None = None
        self._base: Contents | None = None

    def put(self, path: str, what: Source | Entry) -> None:
        """Put something at a path; what was there is replaced.

        Raises:
            InvalidInput: the path cannot be.
        """
        self.entries[check_path(path, "the name in the artifact")] = what

    def put_tree(self, root: str, prefix: str | None) -> None:
        """Put all files below a directory, with the prefix before their paths."""
        found = walk(root)
        start = f"{check_path(prefix.rstrip('/'))}/" if prefix and prefix.strip("/.") else ""
        paths = {start + path: Source(source) for path, source in found.items()}
        check_paths({**dict.fromkeys(self.entries), **dict.fromkeys(paths)})
        self.entries.update(paths)

    def put_reference(self, uri: str, path: str | None, *, checksum: bool) -> None:
        """Put a reference; one to local files is checked, others are never opened.

        Raises:
            InvalidInput: this is no URI, or a local file that cannot be read.
        """
        try:
            parts = urlsplit(uri)
        except ValueError:
            parts = urlsplit("")
        if not parts.scheme or len(uri) > MAX_URI or not uri.isprintable():
            raise InvalidInput(f"a reference looks like s3://bucket/key, got {uri!r:.120}")
        if parts.scheme != "file":
            name = path or unquote(parts.path).rstrip("/").rpartition("/")[2] or parts.netloc
            self.put(name, Entry(ref=uri))
            return
        local = unquote(parts.path)
        if os.path.isdir(local):
            start = f"{path.rstrip('/')}/" if path else ""
            for inner, source in walk(local).items():
                self.put(start + inner, _reference(f"file://{source}", source, checksum))
            return
        full = check_regular(local)
        self.put(path or os.path.basename(full), _reference(uri, full, checksum))

    def put_media(self, drafts: list[Draft], name: str) -> str:
        """Put a value of media: its files, and a description beside them; returns its path."""
        items: list[dict[str, Any]] = []
        for number, draft in enumerate(drafts):
            blobs: dict[str, str] = {}
            for role, part in draft.parts.items():
                suffix, data = _finished(part)
                inner = f"{number}/{role.replace(':', '-')}" if len(drafts) > 1 else role
                path = f"{name}.{draft.kind}/{inner.replace(':', '-')}.{suffix}"
                self.put(path, Source(self._stage(data)))
                blobs[role] = path
            items.append({"kind": draft.kind, "meta": draft.meta, "blobs": blobs})
        described = f"{name}{MEDIA}"
        self.put(described, Source(self._stage(msgspec.json.encode({"items": items}))))
        return described

    def remove(self, path: str) -> int:
        """Remove a path, or all below a directory; returns how many."""
        start = path.rstrip("/") + "/"
        gone = [known for known in self.entries if known == path or known.startswith(start)]
        for known in gone:
            del self.entries[known]
        return len(gone)

    def keeps(self, other: Contents) -> None:
        """Keep the staged files of another as long as this one is there."""
        self._base = other

    def staged(self) -> str:
        """A path for a new file that belongs to this artifact and goes with it."""
        if self._staging is None:
            self._staging = tempfile.mkdtemp(prefix="epochal-artifact-")
            weakref.finalize(self, _clear, self._staging, os.getpid())
        descriptor, path = tempfile.mkstemp(dir=self._staging)
        os.close(descriptor)
        return path

    def sources(self) -> Iterator[tuple[str, Source]]:
        """Paths whose bytes are still to be read."""
        for path, what in self.entries.items():
            if isinstance(what, Source):
                yield path, what

    def _stage(self, data: bytes) -> str:
        path = self.staged()
        with open(path, "wb") as file:
            file.write(data)
        return path


def _clear(directory: str, pid: int) -> None:
    """Remove the staged files; a forked child leaves those of its parent."""
    if os.getpid() == pid:
        shutil.rmtree(directory, ignore_errors=True)


def _finished(part: Part) -> tuple[str, bytes]:
    """Suffix and bytes of a part as it would be stored."""
    if part.path is not None:
        with open_regular(Path(part.path)) as file:
            return part.encoding.rpartition(".")[2], file.read()
    made = encode(part.encoding, b"".join(part.chunks))
    if part.encoding.startswith("copy."):
        return part.encoding.rpartition(".")[2], made.data
    return {kind: suffix for suffix, kind in reversed(TYPES.items())}[made.type], made.data


def _reference(uri: str, local: str, checksum: bool) -> Entry:
    size = os.stat(local).st_size
    if not checksum:
        return Entry(ref=uri, size=size)
    with open_regular(Path(local)) as file:
        hashing = hashlib.sha256()
        while piece := file.read(PIECE):
            hashing.update(piece)
        digest = hashing.hexdigest()
    if os.stat(local).st_size != size:
        raise Conflict(f"{local!r} changes while it is read; try again when it rests")
    return Entry(ref=uri, size=size, digest=digest)
