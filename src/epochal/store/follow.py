"""Following a home while runs are being written: what the server calls a few times a second.

One `poll` sees every record that was written before it (of at most 256 journals; then the next
poll goes on), applies what is new in one transaction, notices writers that are gone, moves long or
resting tails into segments and gives up finished journals, many of them at once. It has no thread
of its own, and one sick journal does not keep it from the others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from epochal.domain.view import RunChange
from epochal.errors import CorruptFile, StorageFull, Unavailable
from epochal.journal.liveness import is_held
from epochal.journal.reader import READ_CHUNK
from epochal.journal.spool import finish_spool
from epochal.store.apply import Raced, Work, apply
from epochal.store.compact import LONG_TAIL, compact_all
from epochal.store.enroll import Stored, find_journals_of
from epochal.store.ingest import (
    GROUP,
    QUARANTINED,
    Problem,
    by_start,
    explain,
    is_remote,
    open_tail,
)
from epochal.store.lost import mark_found, mark_lost, settle_runs
from epochal.store.resting import awake
from epochal.store.retire import retire_all
from epochal.store.store import Store
from epochal.store.tail import JournalKey, Tail
from epochal.store.watch import JournalFinder

BUDGET = 64 * 1024 * 1024
"""Journal bytes read in one poll; what is left comes with the next."""
IDLE_SECONDS = 60.0
SILENCE_SECONDS = 90.0
"""A writer elsewhere that was not heard of for so long counts as lost."""
LIVENESS_SECONDS = 1.0
RETRY_SECONDS = 30.0
STUCK_SECONDS = 1.0
SHORT_READ = 128 * 1024
"""Bytes read from a journal that grows slowly; a living journal has megabytes of blank space."""
SETTLE_SECONDS = 15.0
SHORT_TAIL = 64 * 1024
"""Bytes of a journal that may wait for others when its run has ended."""
COMPANY = 64
"""So many journals that wait are moved at once."""

T = TypeVar("T")


class Watched(msgspec.Struct):
    """One journal that is looked at. Times are those of the follower's clock."""

    key: JournalKey
    path: str
    remote: bool
    grown: float
    next_look: float = 0.0
    next_liveness: float = 0.0
    next_retire: float = 0.0
    problem: str | None = None
    limit: int = SHORT_READ


class Follower:
    """Keeps a store up to date with the journals of its home.

    Args:
        store: the home.
        patience: seconds for which the short journal of a run that ended may wait for others, so
            that many runs in a row share transactions and syncs.
        clock: seconds that never go back.
        time_of_day: seconds since 1970, as file times count them.

    Attributes:
        is_behind: whether the last poll left something for the next one.
    """

    def __init__(
        self,
        store: Store,
        *,
        patience: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        time_of_day: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._patience = patience
        self._clock = clock
        self._time_of_day = time_of_day
        self._finder = JournalFinder(store.home)
        self._watched: dict[JournalKey, Watched] = {}
        self._found: dict[JournalKey, None] = {}
        self._next_settle = 0.0
        self.is_behind = False
        self._unmoved = 0

    @property
    def problems(self) -> list[Problem]:
        """Journals that cannot be read at present."""
        return [
            Problem(watched.path, watched.problem)
            for watched in self._watched.values()
            if watched.problem is not None
        ]

    def poll(self, waiting: AbstractSet[str] = frozenset()) -> list[RunChange]:
        """Take in what is new and say which runs changed, each once.

        Args:
            waiting: runs whose journals need not be read this time.

        Raises:
            StorageFull: the disk has no room; call again later, nothing is lost.
            Unavailable: the database is busy; call again later.
            CorruptFile: the database is damaged.
        """
        now = self._clock()
        with self._store.moving:
            for key in self._find_new(waiting):
                remote = is_remote(self._store, key)
                self._watched[key] = Watched(key, key.path(self._store.home), remote, now)
            grown = self._read(now, waiting)
            changes = self._apply([work for _, work in grown])
            busy = {watched.key for watched, _ in grown}
            changes += self._check_writers(now, busy)
            if not self.is_behind or self._unmoved >= BUDGET:  # new runs are seen first
                self._unmoved = 0
                self._move_rows(now)
            if now >= self._next_settle:
                self._next_settle = now + SETTLE_SECONDS
                changes += settle_runs(self._store, int(self._time_of_day() * 1e6))
        return merge_changes([*changes, *self._store.take_news()])

    def _find_new(self, waiting: AbstractSet[str]) -> list[JournalKey]:
        """Journals that are not watched yet and do not rest, in the order of their starts.

        They are found once only, so they are remembered until the database was asked for them.
        Few of them are applied together, which is in that order in any case.
        """
        for key in self._finder.find(int(self._time_of_day() * 1e9), waiting):
            if key not in self._watched:
                self._found[key] = None
        found = awake(self._store, self._found)
        self._found.clear()
        return (
            found if len(found) <= GROUP and not self.is_behind else by_start(self._store, found)
        )

    def _read(self, now: float, waiting: AbstractSet[str]) -> list[tuple[Watched, Work]]:
        """One stretch of every journal that has more and may not wait, within the budget.

        The ones left out come first next time.
        """
        grown: list[tuple[Watched, Work]] = []
        budget = BUDGET
        self.is_behind = False
        due = [
            watched
            for watched in self._watched.values()
            if now >= watched.next_look and watched.key.run not in waiting
        ]
        asked, stored = self._look_up([watched.key for watched in due])
        for watched in due:
            if budget <= 0 or len(grown) >= GROUP:
                self.is_behind = True
                break
            known = stored if watched.key in asked else None
            work = self._guarded(watched, now, partial(self._look, stored=known))
            if work is None:
                continue
            taken = work.stretch.entry.end - work.stretch.entry.start
            budget -= taken
            self._unmoved += taken
            watched.grown = now
            grown.append((watched, work))
            self._watched[watched.key] = self._watched.pop(watched.key)
        return grown

    def _look_up(self, keys: Sequence[JournalKey]) -> tuple[set[JournalKey], Stored]:
        """What the database knows of the first journals that are not open yet; and which."""
        new = [key for key in keys if self._store.tails.get(key) is None][:GROUP]
        if not new:
            return set(), {}
        with self._store.database.read() as connection:
            return set(new), find_journals_of(connection, new)

    def _look(self, watched: Watched, stored: Stored | None = None) -> Work | None:
        if self._store.tails.lately_rests(watched.key):
            del self._watched[watched.key]
            return None
        tail = self._store.tails.get(watched.key)
        if tail is not None and tail.row is not None and tail.row.closed:
            return None
        is_new = tail is None
        if tail is None:
            tail = open_tail(self._store, watched.key, stored, remote=watched.remote)
        if tail is None:
            del self._watched[watched.key]
            return None
        if not is_new and not tail.has_more():
            return None
        stretch = tail.read(watched.limit)
        taken = stretch.entry.end - stretch.entry.start
        watched.limit = READ_CHUNK if taken > watched.limit // 2 else SHORT_READ
        if not taken:
            if tail.has_more():  # a frame that is not whole, or damage
                watched.next_look = self._clock() + STUCK_SECONDS
            return None
        return Work(tail, stretch, watched.remote)

    def _apply(self, work: list[Work]) -> list[RunChange]:
        try:
            return apply(self._store, work)
        except Raced:
            return []
        except (StorageFull, Unavailable):
            raise
        except QUARANTINED as error:
            if isinstance(error, CorruptFile) and error.path == self._store.database.path:
                raise
        changes: list[RunChange] = []
        for item in sorted(work, key=lambda item: item.tail.order):
            watched = self._watched[item.tail.key]
            changes += self._guarded(watched, self._clock(), self._apply_alone) or []
        return changes

    def _apply_alone(self, watched: Watched) -> list[RunChange]:
        work = self._look(watched)
        return apply(self._store, [work]) if work is not None else []

    def _guarded(self, watched: Watched, now: float, action: Callable[[Watched], T]) -> T | None:
        """Do something with one journal; when that fails, set the journal aside for a while."""
        try:
            result = action(watched)
        except FileNotFoundError:
            self._watched.pop(watched.key, None)
            self._store.tails.drop(watched.key)
        except (StorageFull, Unavailable):
            raise
        except QUARANTINED as error:
            if isinstance(error, CorruptFile) and error.path == self._store.database.path:
                raise
            watched.problem = explain(error)
            watched.next_look = now + RETRY_SECONDS
            self._store.tails.drop(watched.key)
        else:
            watched.problem = None
            return result
        return None

    def _check_writers(self, now: float, busy: set[JournalKey]) -> list[RunChange]:
        gone: list[Tail] = []
        back: list[Tail] = []
        for watched in self._watched.values():
            tail = self._store.tails.get(watched.key)
            if watched.key in busy or tail is None or tail.row is None or tail.row.closed:
                continue
            if now < watched.next_liveness:
                continue
            watched.next_liveness = now + LIVENESS_SECONDS
            alive = self._guarded(watched, now, self._is_alive)
            if alive is False and not tail.row.lost and not tail.has_more():
                if not watched.remote:
                    self._guarded(watched, now, _finish_spool)
                if not tail.has_more():
                    gone.append(tail)
            elif alive and tail.row.lost:
                back.append(tail)
        return mark_lost(self._store, gone) + mark_found(self._store, back)

    def _is_alive(self, watched: Watched) -> bool:
        if watched.remote:
            mark = watched.key.remote_mark(self._store.home)
            return self._time_of_day() - os.stat(mark).st_mtime < SILENCE_SECONDS
        held = is_held(watched.path)
        if held is not None:
            return held
        return self._clock() - watched.grown < SILENCE_SECONDS

    def _move_rows(self, now: float) -> None:
        """Compact and give up what is due."""
        due: list[Watched] = []
        over: list[Watched] = []
        waiting: list[Watched] = []
        size = 0
        for watched in self._watched.values():
            tail = self._store.tails.get(watched.key)
            if tail is None or tail.row is None or tail.row.rests or now < watched.next_look:
                continue
            ended = tail.row.closed or tail.row.lost
            resting = now - watched.grown >= IDLE_SECONDS
            if ended and tail.pending_bytes < SHORT_TAIL and now - watched.grown < self._patience:
                waiting.append(watched)
                continue
            if tail.pending_bytes and (tail.pending_bytes >= LONG_TAIL or ended or resting):
                size += tail.pending_bytes
                due.append(watched)
            if ended and now >= watched.next_retire:
                over.append(watched)
            if size >= BUDGET or max(len(due), len(over), len(waiting)) >= GROUP:
                break
        if due or over or len(waiting) >= COMPANY:  # a journal more costs little then
            due += waiting
            over += [watched for watched in waiting if now >= watched.next_retire]
        self._together(due, now, self._compact)
        for watched in over:
            watched.next_retire = now + RETRY_SECONDS
        self._together(over, now, self._retire)

    def _together(
        self, chosen: list[Watched], now: float, action: Callable[[list[Watched]], None]
    ) -> None:
        """Do something with many journals at once or, when one of them fails, one by one."""
        try:
            if len(chosen) > 1:
                action(chosen)
                return
        except (StorageFull, Unavailable):
            raise
        except QUARANTINED as error:
            if isinstance(error, CorruptFile) and error.path == self._store.database.path:
                raise
        for watched in chosen:
            self._guarded(watched, now, lambda one: action([one]))

    def _compact(self, chosen: list[Watched]) -> None:
        found = (self._store.tails.get(watched.key) for watched in chosen)
        compact_all(self._store, [tail for tail in found if tail is not None])

    def _retire(self, chosen: list[Watched]) -> None:
        found = (self._store.tails.get(watched.key) for watched in chosen)
        for tail in retire_all(self._store, [tail for tail in found if tail is not None]):
            del self._watched[tail.key]


def _finish_spool(watched: Watched) -> int:
    return finish_spool(Path(watched.path))


def merge_changes(changes: Iterable[RunChange]) -> list[RunChange]:
    """One change for each run: everything that happened, and the newest state."""
    merged: dict[str, RunChange] = {}
    for change in changes:
        before = merged.pop(change.uid, None)
        if before is not None:
            change = msgspec.structs.replace(  # noqa: PLW2901  # the merged one takes its place
                change,
                what=list(dict.fromkeys([*before.what, *change.what])),
                reset=before.reset or change.reset,
            )
        merged[change.uid] = change
    return list(merged.values())
