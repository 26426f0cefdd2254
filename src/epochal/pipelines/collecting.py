"""What pipelines leave in a home, and how to let go of it. Nothing goes unasked.

Removed are cache entries whose outputs are gone, and, with an age, entries and ledgers that are
older, with the files that steps left beside their outputs. Outputs themselves are artifacts of
tracked runs: `epochal gc` decides about those. A run that is going on is left alone.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import msgspec

from epochal.journal.blobs import Blobs
from epochal.pipelines import ledger
from epochal.pipelines.cache import Cache
from epochal.pipelines.context import ATTACHMENTS


class Collected(msgspec.Struct, frozen=True):
    """What was, or would be, removed.

    Attributes:
        entries: of the cache.
        kept: entries that stay.
        runs: ledgers.
        bytes: of files beside outputs.
    """

    entries: int
    kept: int
    runs: int
    bytes: int


def collect(home: Path, *, older_than_s: float | None = None, dry_run: bool = True) -> Collected:
    """Let go of what is old or of no use.

    Args:
        home: the home.
        older_than_s: age in seconds; None removes only what is of no use.
        dry_run: only count.
    """
    entries, kept = Cache(home, Blobs(home)).sweep(older_than_s=older_than_s, dry_run=dry_run)
    runs = size = 0
    for path in ledger.all_paths(home):
        if older_than_s is None or _age(path) < older_than_s or ledger.is_alive(path):
            continue
        runs += 1
        beside = home / ledger.DIRECTORY / ATTACHMENTS / path.stem.partition("-")[2]
        size += _size_below(beside)
        if not dry_run:
            shutil.rmtree(beside, ignore_errors=True)
            path.unlink(missing_ok=True)
    return Collected(entries, kept, runs, size)


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _size_below(place: Path) -> int:
    return sum(
        os.path.getsize(os.path.join(folder, name))
        for folder, _, names in os.walk(place)
        for name in names
    )
