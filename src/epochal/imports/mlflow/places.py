"""Artifacts on this machine's disk: where a store's URIs lead, and no further.

A store may come from anybody, and its URIs may name any path. So files are read below the folders
that belong to the store and below one that the user named, and nowhere else; links are not
followed.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from epochal.domain.encode import type_of
from epochal.domain.record import BlobRef
from epochal.imports.mlflow.nouns import Artifact, Elsewhere
from epochal.journal.blobs import Blobs

_OF_SERVER: Final = re.compile(r"[0-9a-f]{32}|models")


class Places:
    """The folders of a store.

    Args:
        roots: folders below which artifacts may be read; real paths.
        kept: those of them that may be what a server writes.
    """

    def __init__(self, roots: list[str], kept: Sequence[str] = ()) -> None:
        self._roots = [os.path.realpath(root) for root in roots]
        self._kept = [os.path.realpath(root) for root in kept]

    def find(self, uri: str) -> str:
        """The folder that an artifact URI means.

        A store that was moved is recognized by the ends of its paths.

        Raises:
            Elsewhere: it is on another machine, or outside of the store.
        """
        parts = urlsplit(uri)
        if parts.scheme == "mlflow-artifacts":
            path = parts.path
        elif parts.scheme in ("", "file") and parts.netloc in ("", "localhost"):
            path = os.path.realpath(unquote(parts.path) if parts.scheme else uri)
            if self._contains(path) and (os.path.isdir(path) or not self._moved(path)):
                return path  # a run without artifacts has no folder
        else:
            raise Elsewhere(f"artifacts in {parts.scheme}://{parts.netloc}")
        moved = self._moved(path)
        if moved is not None:
            return moved
        above = self._moved(os.path.dirname(os.path.dirname(path)), shortest=1)
        if above is not None and not os.path.isdir(path):
            return os.path.join(above, *path.split("/")[-2:])  # as above, in a moved store
        if parts.scheme == "mlflow-artifacts":
            empty = self._never_made(path)
            if empty is not None:
                return empty
            raise Elsewhere(
                "artifacts that a server keeps: name the folder that it writes with --artifacts"
            )
        if os.path.isdir(path):
            raise Elsewhere(
                f"artifacts outside of the store, below {_shown(path)}: name that with --artifacts"
            )
        raise Elsewhere(f"artifacts below {_shown(path)}, which is not there")

    def _never_made(self, path: str) -> str | None:
        """Where a server keeps what was never put there, if it keeps others in our folders."""
        for root in self._kept:
            found = os.path.realpath(os.path.join(root, path.lstrip("/")))
            if self._contains(found) and not os.path.lexists(found) and _is_kept(root):
                return found
        return None

    def _contains(self, path: str) -> bool:
        return any(path == root or path.startswith(root + os.sep) for root in self._roots)

    def _moved(self, path: str, shortest: int = 2) -> str | None:
        """The same folder below one of ours: by the last 5 to ``shortest`` parts of its path."""
        names = [name for name in path.replace("\\", "/").split("/") if name not in ("", ".")]
        for size in range(min(5, len(names)), shortest - 1, -1):
            for root in self._roots:
                found = os.path.realpath(os.path.join(root, *names[-size:]))
                if self._contains(found) and os.path.isdir(found):
                    return found
        return None


@functools.cache
def _is_kept(root: str) -> bool:
    """Whether a folder holds ``EXPERIMENT/RUN`` or ``EXPERIMENT/models``, as that of a server."""
    return any(
        found.parent.name.isdigit() and _OF_SERVER.fullmatch(found.name)
        for found in Path(root).glob("*/*")
    )


def list_folder(folder: str) -> list[Artifact]:
    """All regular files below a folder, by path; links are left out."""
    found = []
    for directory, names, files in os.walk(folder):
        names.sort()
        for name in sorted(files):
            full = os.path.join(directory, name)
            facts = os.lstat(full)
            if not os.path.isfile(full) or os.path.islink(full):
                continue
            path = os.path.relpath(full, folder).replace(os.sep, "/")
            put = functools.partial(_put, full)
            found.append(Artifact(path, facts.st_size, facts.st_mtime_ns // 1000, put))
    return found


def _put(full: str, blobs: Blobs) -> BlobRef:
    return blobs.put_file(Path(full), type_of(os.path.splitext(full)[1]), sync=False)


def _shown(path: str) -> str:
    """The folder to name: above ``experiment/run/artifacts``."""
    return str(Path(path).parents[min(2, len(Path(path).parents) - 1)])
