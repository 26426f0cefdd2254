"""Finding the journals of a home again and again, at next to no cost for runs that rest.

A directory is listed only when its time has changed; directories that have been quiet for long
are looked at in turns. New runs are seen at once, a new writer of an old run within seconds.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections import deque
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from epochal.journal.home import RUNS
from epochal.store.tail import JournalKey, find_journals

TURN = 500
"""Quiet directories looked at in one call."""
SETTLED_NS = 2_000_000_000
"""A directory that changed less than this before it was listed is listed again.

Times are coarse.
"""
QUIET_NS = 600_000_000_000

_UID = re.compile(r"[0-9a-f]{32}")


class JournalFinder:
    """Tells which journals are new.

    Args:
        home: the home.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._root = os.path.join(home, RUNS)
        self._root_time = -1
        self._listed: dict[str, int] = {}
        self._seen: set[str] = set()
        self._hot: set[str] = set()
        self._quiet: deque[str] = deque()

    def find(self, now_ns: int, waiting: AbstractSet[str] = frozenset()) -> Iterator[JournalKey]:
        """Journals in directories that changed since the last call; known ones may come again.

        Args:
            now_ns: the time of day in nanoseconds, as file times count it.
            waiting: runs that need not be looked at this time.
        """
        self._list_root(now_ns)
        due = [*(self._hot - waiting)]
        due += [self._quiet.popleft() for _ in range(min(TURN, len(self._quiet)))]
        for name in due:
            changed = self._time(f"{self._root}/{name}")
            if changed is None:
                self._hot.discard(name)
                self._seen.discard(name)
                self._listed.pop(name, None)
                continue
            if self._listed.get(name) != changed:
                self._listed[name] = changed if now_ns - changed > SETTLED_NS else -1
                yield from find_journals(self._home, name)
            self._sort_in(name, quiet=now_ns - changed > QUIET_NS)

    def _sort_in(self, name: str, *, quiet: bool) -> None:
        if quiet:
            self._hot.discard(name)
            self._quiet.append(name)
        else:
            self._hot.add(name)

    def _list_root(self, now_ns: int) -> None:
        changed = self._time(self._root)
        if changed is None or changed == self._root_time:
            return
        with contextlib.suppress(FileNotFoundError):
            new = {name for name in {*os.listdir(self._root)} - self._seen if _UID.fullmatch(name)}
            self._seen |= new
            self._hot |= new
        self._root_time = changed if now_ns - changed > SETTLED_NS else -1

    @staticmethod
    def _time(path: str) -> int | None:
        try:
            return os.stat(path).st_mtime_ns
        except OSError:
            return None
