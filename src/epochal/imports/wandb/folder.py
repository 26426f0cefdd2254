"""What lies beside a ``.wandb`` file, and where the bytes of its artifacts may be read.

A directory of runs may come from anybody. So files are read below the run's own ``files`` folder
and, for artifacts, below wandb's staging folder of this user; links are followed only when the
user says so, and the bytes of an artifact must have the digest that its manifest says.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from epochal.domain.artifact import check_path
from epochal.domain.encode import type_of
from epochal.domain.record import BlobRef
from epochal.errors import EpochalError, InvalidInput
from epochal.journal.blobs import Blobs

STAGING: Final = ("artifacts", "staging")


class Folder:
    """The folder of a run.

    Args:
        path: the run's directory, in which ``files`` lies.
        blobs: of the home.
        follow_links: whether links lead on.
    """

    def __init__(self, path: Path, blobs: Blobs, *, follow_links: bool = False) -> None:
        self.links: list[str] = []
        self.problems: list[str] = []
        self._files = path / "files"
        self._blobs = blobs
        self._follow = follow_links
        self._stored: dict[str, tuple[BlobRef, int]] = {}

    def mark(self) -> str:
        """Changes when a file is added or written to."""
        marks = []
        for path, full in self._walk():
            try:
                facts = os.stat(full) if self._follow else os.lstat(full)
            except OSError:
                continue
            marks.append(f"{path}:{facts.st_size}:{facts.st_mtime_ns}")
        return ";".join(marks)

    def store(self) -> dict[str, tuple[BlobRef, int]]:
        """Every file, stored: path to blob and time of change in microseconds."""
        for path, full in self._walk():
            if os.path.islink(full) and not self._follow:
                self.links.append(path)
                continue
            try:
                check_path(path)
                changed = os.stat(full).st_mtime_ns // 1000
                type = type_of(os.path.splitext(path)[1])
                blob = self._blobs.put_file(Path(full), type, sync=False)
            except (OSError, InvalidInput) as error:
                self.problems.append(f"file {path!r:.120} cannot be kept: {error}")
                continue
            self._stored[path] = (blob, changed)
        return self._stored

    def _walk(self) -> list[tuple[str, str]]:
        found = []
        for directory, names, files in os.walk(self._files, followlinks=False):
            names.sort()
            for name in sorted(files):
                full = os.path.join(directory, name)
                found.append((os.path.relpath(full, self._files).replace(os.sep, "/"), full))
        return found


def staging_roots(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The folders where the client of this user keeps bytes of artifacts that are on their way."""
    given = environment.get("WANDB_DATA_DIR") or os.path.expanduser("~/.local/share/wandb")
    return [os.path.realpath(os.path.join(os.path.expanduser(given), *STAGING))]


def store_staged(
    local_path: str, md5: str, run: Path, blobs: Blobs, roots: list[str]
) -> BlobRef | None:
    """The bytes of an artifact's file, stored; None when they cannot be had.

    Args:
        local_path: where the manifest says that they are.
        md5: their digest there, in base64.
        run: the run's directory.
        blobs: of the home.
        roots: folders below which they may be; the run's own is one, too.
    """
    path = os.path.realpath(local_path)
    allowed = [*roots, os.path.realpath(run)]
    if not any(path.startswith(root + os.sep) for root in allowed) or not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        if base64.b64encode(found.digest()).decode() != md5:
            return None
        return blobs.put_file(Path(path), type_of(os.path.splitext(path)[1]), sync=False)
    except (OSError, EpochalError):
        return None
