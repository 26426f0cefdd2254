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
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from epochal.journal.frame import SUFFIX
from epochal.journal.home import RUNS, run_directory
from epochal.store.durable import durable_file
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


def take_place(store: Store, uid: str, directory: Path) -> None:
    """Give a copy its place, marked as one that the index does not know yet.

    Raises:
        OSError: something lies there already, or the file system failed.
        StorageFull: no room.
    """
    with durable_file(directory / MARK, store.disk) as write:
        write(b"")
    os.rename(directory, run_directory(store.home, uid))
    store.disk.sync_directory(store.home / RUNS)


def arrived(store: Store, uid: str) -> None:
    """The index has the run."""
    directory = run_directory(store.home, uid)
    (directory / MARK).unlink(missing_ok=True)
    store.disk.sync_directory(directory)


def drop(store: Store, uid: str) -> None:
    """Remove a copy that the index does not know."""
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
                arrived(store, entry.name)
            else:
                drop(store, entry.name)
                gone.append(entry.name)
    return gone


def _is_known(store: Store, uid: str) -> bool:
    with store.database.read() as connection:
        return connection.execute(sa.select(run.c.id).where(run.c.uid == uid)).first() is not None


def _is_written(directory: str) -> bool:
    """Whether somebody went on with the copy: then it is a run in its own right."""
    return any(name.endswith(SUFFIX) for name in os.listdir(directory))
