"""Which runs people put aside: the index knows it, and a file in the run's directory says it.

The file ``archived`` has no content. It is there before archiving is acknowledged and gone before
restoring is, and a run that is new to the index is archived when it has one. So a run that was
deleted in the way that can be taken back stays so when the database is lost. Runs of a deleted
experiment have none: the file of the experiment says it of all of them, also of those that were
restored alone or begun afterwards.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from epochal.journal.home import run_directory
from epochal.journal.syncing import at_once
from epochal.store.durable import SYNC_THREADS, create_empty, full_is_told
from epochal.store.store import DIRECTORY_MODE, Store

NAME: Final = "archived"


def set_marks(store: Store, uids: Sequence[str], *, on: bool) -> None:
    """Say that runs are archived, or that they are not, with one wait for the disk.

    Raises:
        StorageFull: no room; nothing is said of those of which it was not said before.
    """
    if not on:
        unmark(store, uids)
        return
    fresh: dict[str, Path] = {}
    try:
        for uid in uids:
            directory = run_directory(store.home, uid)
            if _mark(store, directory):
                fresh[uid] = directory
        directories = list(fresh.values())
        if directories:
            with full_is_told(directories[0] / NAME):
                at_once(store.disk.sync_directory, directories, SYNC_THREADS)
    except BaseException:
        with contextlib.suppress(OSError):
            unmark(store, fresh)
        raise


def _mark(store: Store, directory: Path) -> bool:
    """Whether the run of this directory had no mark."""
    path = directory / NAME
    try:
        return create_empty(path, store.disk)
    except FileNotFoundError:
        directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        return create_empty(path, store.disk)


def unmark(store: Store, uids: Iterable[str]) -> None:
    """Say that runs are not archived, whether or not that was said before."""
    changed = []
    for uid in uids:
        directory = run_directory(store.home, uid)
        with contextlib.suppress(FileNotFoundError):
            (directory / NAME).unlink()
            changed.append(directory)
    at_once(store.disk.sync_directory, changed, SYNC_THREADS)


def is_marked(directory: str | os.PathLike[str]) -> bool:
    """Whether the run of this directory is archived."""
    return os.path.exists(os.path.join(directory, NAME))
