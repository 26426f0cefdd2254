"""Which outputs belong to which key: one small file for each key, in the home.

``pipelines/cache/ab/<key>`` is written whole and renamed into place, so any number of processes
may read and write at the same time without a lock. A hit counts only when every byte of its
outputs is still there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from epochal.domain.pipeline import Stored
from epochal.journal.blobs import Blobs, full_disk
from epochal.journal.whole import write_whole
from epochal.pipelines.keeping import still_there
from epochal.pipelines.ledger import DIRECTORY

CACHE: Final = "cache"


class Hit(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outputs of a finished step.

    Attributes:
        outputs: by name.
        run_id: the tracked run that made them, in ``project``.
        pipeline_run: the pipeline run in which that was.
        ended_us: when.
    """

    outputs: dict[str, Stored]
    run_id: str
    project: str
    pipeline_run: str
    ended_us: int
    table: str = ""


_decoder = msgspec.json.Decoder(Hit)


class Cache:
    """The cache of a home."""

    def __init__(self, home: Path, blobs: Blobs) -> None:
        self.root = home / DIRECTORY / CACHE
        self._blobs = blobs

    def get(self, key: str) -> Hit | None:
        """The outputs of a key, when there are any and all their bytes are present."""
        hit = self.peek(key)
        return hit if hit is not None and still_there(self._blobs, hit.outputs.values()) else None

    def peek(self, key: str) -> Hit | None:
        """What is written for a key, whether or not its bytes are present."""
        try:
            with open(self._path(key), "rb") as file:
                return _decoder.decode(file.read())
        except (OSError, msgspec.MsgspecError):
            return None

    def put(self, key: str, hit: Hit) -> None:
        """Remember outputs. A later one of the same key replaces an earlier one.

        Raises:
            StorageFull: there is no room.
        """
        path = self._path(key)
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            write_whole(path, msgspec.json.encode(hit), sync=False)
        except OSError as error:
            raise full_disk(error, self.root) from error

    def sweep(self, *, older_than_s: float | None, dry_run: bool) -> tuple[int, int]:
        """Remove entries whose bytes are gone, and those that were written too long ago.

        Returns:
            How many were removed, and how many stay.
        """
        removed = kept = 0
        oldest = None if older_than_s is None else time.time() - older_than_s
        for key, path in self.entries():
            hit = self.peek(key)
            whole = hit is not None and all(
                self._blobs.has(s.digest) for s in hit.outputs.values()
            )
            if whole and (oldest is None or path.stat().st_mtime >= oldest):
                kept += 1
                continue
            removed += 1
            if not dry_run:
                path.unlink(missing_ok=True)
        return removed, kept

    def entries(self) -> Iterator[tuple[str, Path]]:
        """All keys and their files."""
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(folder.iterdir()):
                yield path.name, path

    def _path(self, key: str) -> str:
        return f"{self.root}/{key[:2]}/{key}"
