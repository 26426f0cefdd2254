"""Opening a home: the one object through which everything in this package works.

Whoever holds a `Store` holds ``store.lock``, so no other process writes the database or removes
files of the home while it is open. A `Store` may be used from any thread.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from epochal.errors import CorruptFile, InvalidInput
from epochal.journal.home import DATABASE, RUNS
from epochal.domain.view import RunChange
from epochal.store.database import Database
from epochal.store.durable import Disk
from epochal.store.lock import take_lock
from epochal.store.opened import OpenSegments
from epochal.store.schema import REVISION
from epochal.store.tail import Tails

DIRECTORY_MODE = 0o700
_SQLITE = b"SQLite format 3\0"


class Store:
    """A home that this process owns.

    Attributes:
        home: the directory.
        database: the index.
        tails: rows that are not in a segment yet.
        segments: open segment files.
        disk: where segments are written.
        moving: held by whoever moves data from journals into the index and segments.
    """

    def __init__(self, home: Path, database: Database, lock: int = -1) -> None:
        self.home = home
        self.database = database
        self.tails = Tails()
        self.segments = OpenSegments(home)
        self.disk = Disk()
        self.moving = threading.RLock()
        self._news: list[RunChange] = []
        self._lock = lock

    def announce(self, change: RunChange) -> None:
        """Remember a change that was not made by a journal, for whoever follows the home."""
        self._news.append(change)

    def take_news(self) -> list[RunChange]:
        """Changes announced since the last call."""
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """Let go of files, connections and the lock. A second call does nothing."""
        self.segments.close()
        self.database.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


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
        raise InvalidInput(
            f"{home} cannot be used as a home: {error}; name a directory that you may write"
        ) from error
    try:
        return Store(home, _open_database(home), lock)
    except BaseException:
        os.close(lock)
        raise


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


def _is_sqlite(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE
