"""Copies of runs that are on their way to another project, and what becomes of unfinished ones.

A copy is made in ``runs/.moving-<uid>``, which nobody reads. Whole and durable, it takes its place
with the file ``arriving`` in it, which goes once the index has the run, and before anything
happens to the run that was copied. So whoever opens a home may drop a copy that the index does
not know, and has to do no more about one that it knows: what was copied is still there.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from epochal.journal.frame import SUFFIX
from epochal.journal.home import RUNS, run_directory
from epochal.journal.syncing import at_once
from epochal.store.durable import SYNC_THREADS, create_empty
from epochal.store.schema import run
from epochal.store.store import Store

MARK: Final = "arriving"
PREFIX: Final = ".moving-"
_GONE: Final = ".deleted-"
_UID: Final = re.compile(r"[0-9a-f]{32}")


def staging(store: Store, uid: str) -> Path:
    """Where a copy is made; what an earlier one left there is removed."""
    directory = store.home / RUNS / f"{PREFIX}{uid}"
    shutil.rmtree(directory, ignore_errors=True)
    return directory


def discard(store: Store, uids: Iterable[str]) -> None:
    """Remove copies that did not take their places."""
    for uid in uids:
        staging(store, uid)


def mark(store: Store, directory: Path) -> None:
    """Say of a copy that the index does not know it yet; its directory is not synced.

    Raises:
        StorageFull: no room.
        OSError: the file system failed.
    """
    create_empty(directory / MARK, store.disk)


def take_places(store: Store, uids: Sequence[str]) -> None:
    """Give copies, which are whole and marked, their places: all, or none.

    Raises:
        OSError: something lies there already, or the file system failed.
    """
    placed: list[str] = []
    try:
        for uid in uids:
            os.rename(store.home / RUNS / f"{PREFIX}{uid}", run_directory(store.home, uid))
            placed.append(uid)
        store.disk.sync_directory(store.home / RUNS)
    except OSError:
        drop(store, placed)
        raise


def arrived(store: Store, uids: Sequence[str]) -> None:
    """The index has these runs."""
    directories = [run_directory(store.home, uid) for uid in uids]
    for directory in directories:
        (directory / MARK).unlink(missing_ok=True)
    at_once(store.disk.sync_directory, directories, SYNC_THREADS)


def drop(store: Store, uids: Iterable[str]) -> None:
    """Remove copies that the index does not know."""
    for uid in uids:
        directory = run_directory(store.home, uid)
        grave = directory.with_name(f"{_GONE}{uid}-{time.time_ns()}")
        with contextlib.suppress(FileNotFoundError):
            os.rename(directory, grave)
        shutil.rmtree(grave, ignore_errors=True)


def drop_arrivals(store: Store) -> list[str]:
    """Remove what moves left that ended in the middle; the caller owns the home.

    Returns:
        Names of directories that are gone.
    """
    gone = []
    for entry in list(os.scandir(store.home / RUNS)):
        if entry.name.startswith(PREFIX):
            shutil.rmtree(entry.path, ignore_errors=True)
            gone.append(entry.name)
        elif _UID.fullmatch(entry.name) and os.path.exists(os.path.join(entry.path, MARK)):
            if _is_known(store, entry.name) or _is_written(entry.path):
                arrived(store, [entry.name])
            else:
                drop(store, [entry.name])
                gone.append(entry.name)
    return gone


def _is_known(store: Store, uid: str) -> bool:
    with store.database.read() as connection:
        return connection.execute(sa.select(run.c.id).where(run.c.uid == uid)).first() is not None


def _is_written(directory: str) -> bool:
    """Whether somebody went on with the copy: then it is a run in its own right."""
    return any(name.endswith(SUFFIX) for name in os.listdir(directory))
