"""Which runs people put aside: the index knows it, and a file in the run's directory says it.

The file ``archived`` has no content. It is there before archiving is acknowledged and gone before
restoring is, and a run that is new to the index is archived when it has one. So a run that was
deleted in the way that can be taken back stays so when the database is lost. Runs of a deleted
experiment have none: the file of the experiment says it of all of them, also of those that were
restored alone or begun afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from epochal.journal.home import run_directory
from epochal.journal.syncing import at_once
from epochal.store.durable import SYNC_THREADS, durable_file
from epochal.store.store import DIRECTORY_MODE, Store

NAME: Final = "archived"


def set_mark(store: Store, uid: str, *, on: bool) -> None:
    """Say that a run is archived, or that it is not.

    Raises:
        StorageFull: no room.
    """
    if not on:
        unmark(store, [uid])
        return
    directory = run_directory(store.home, uid)
    directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    with durable_file(directory / NAME, store.disk) as write:
        write(b"")


def unmark(store: Store, uids: Iterable[str]) -> None:
    """Say that runs are not archived, whether or not that was said before."""
    changed = []
    for uid in uids:
        directory = run_directory(store.home, uid)
        if is_marked(directory):
            (directory / NAME).unlink(missing_ok=True)
            changed.append(directory)
    at_once(store.disk.sync_directory, changed, SYNC_THREADS)


def is_marked(directory: str | os.PathLike[str]) -> bool:
    """Whether the run of this directory is archived."""
    return os.path.exists(os.path.join(directory, NAME))
