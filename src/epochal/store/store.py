"""The one object through which everything in this package works.

Whoever holds a `Store` holds ``store.lock``, so no other process writes the database or removes
files of the home while it is open. A `Store` may be used from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from epochal.domain.objects import MediaEntry
from epochal.domain.view import RunChange, RunChanges, RunRow
from epochal.journal.blobs import Blobs
from epochal.store.database import Database
from epochal.store.durable import Disk
from epochal.store.eras import Eras
from epochal.store.lock import release_lock
from epochal.store.opened import OpenSegments
from epochal.store.remembered import Remembered, UsedKeys
from epochal.store.tail import JournalKey, Tails

DIRECTORY_MODE = 0o700


class Store:
    """A home that this process owns.

    Attributes:
        home: the directory.
        database: the index.
        blobs: bytes by digest.
        tails: rows that are not in a segment yet.
        segments: open segment files.
        disk: where segments are written.
        moving: held by whoever moves data from journals into the index and segments.
        let_go: called with a run's uid before the run is deleted; who writes its journal in this
            process closes it then.
        changed: called with a run's row, and what of it people changed, after they did.
        unread: what could not be read when the database was made anew at opening, in sentences.
        eras: what artifacts were called, while a lost database is made anew; else None.
        key_uses: the keys that the runs of each project use.
        unfiled: the media of each run whose bytes lie in no file of it.
        mended: received journals whose copies are known to end with a whole frame.
        since_us: since when a server answers for the home; 0 while none does. Who was silent
            before that may have had nobody to talk to.
    """

    def __init__(self, home: Path, database: Database, lock: int = -1) -> None:
        self.home = home
        self.database = database
        self.blobs = Blobs(home)
        self.tails = Tails()
        self.segments = OpenSegments(home)
        self.disk = Disk()
        self.key_uses: Remembered[UsedKeys] = Remembered()
        self.unfiled: Remembered[list[MediaEntry]] = Remembered()
        self.moving = threading.RLock()
        self.unread: list[str] = []
        self.mended: set[JournalKey] = set()
        self.since_us = 0
        self.eras: Eras | None = None
        self.let_go: list[Callable[[str], None]] = []
        self.changed: list[Callable[[RunRow, RunChanges], None]] = []
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
            release_lock(self._lock)
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
