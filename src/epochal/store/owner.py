"""Opening a home: take the lock, then create, upgrade or rebuild its database, then tidy up.

See `store.store` for what the result is.
"""

from __future__ import annotations

import os
from pathlib import Path

from epochal.errors import CorruptFile
from epochal.journal.home import DATABASE, RUNS, unusable
from epochal.store.database import Database
from epochal.store.lock import take_lock
from epochal.store.recover import has_kept, restore
from epochal.store.reports import restore_reports
from epochal.store.resting import wake_shortened
from epochal.store.schema import REVISION
from epochal.store.store import DIRECTORY_MODE, Store
from epochal.store.sweep import sweep

__all__ = ["Store", "open_store"]


def open_store(home: Path, *, wait: float = 10.0) -> Store:
    """Own a home: create what is missing, upgrade what is old.

    Args:
        home: the directory; made (mode 0700) when missing.
        wait: seconds to wait for another owner to let go.

    Raises:
        StoreLocked: another process owns it.
        NewerFormat: a newer Epochal made its database.
        CorruptFile: its database is damaged.
        StorageFull: the disk has no room.
        InvalidInput: ``home`` is not a usable directory.
    """
    home = Path(os.path.abspath(home))
    try:
        os.makedirs(home / RUNS, mode=DIRECTORY_MODE, exist_ok=True)
        os.chmod(home, DIRECTORY_MODE)
        lock = take_lock(home, wait)
    except OSError as error:
        raise unusable(home, error) from error
    try:
        return _open_locked(home, lock)
    except BaseException:
        os.close(lock)
        raise


def _open_locked(home: Path, lock: int) -> Store:
    is_new = not (home / DATABASE).exists()
    store = Store(home, _open_database(home), lock)
    try:
        if is_new:
            store.unread += [lost.message for lost in restore_reports(store)]
        if is_new and has_kept(home):
            _, problems, _ = restore(store)
            store.unread += [f"{problem.path}: {problem.text}" for problem in problems]
        sweep(store)
        wake_shortened(store)
    except BaseException:
        store.database.close()
        raise
    return store


def _open_database(home: Path) -> Database:
    path = home / DATABASE
    if path.exists() and path.stat().st_size and path.read_bytes()[:15] != b"SQLite format 3":
        raise CorruptFile(
            path, "it is no SQLite database; `epochal doctor --rebuild` makes a new one"
        )
    database = Database(path)
    try:
        found = database.revision()
        if found == 0:
            database.create()
        elif found < REVISION:
            from epochal.store.upgrade import upgrade  # noqa: PLC0415  # Alembic, for old databases only

            upgrade(database, path)
    except BaseException:
        database.close()
        raise
    return database
