"""Taking in some journals right now, for whoever must read what was just written."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from epochal.errors import CorruptFile, NewerFormat
from epochal.journal.reader import READ_CHUNK
from epochal.store.apply import Raced, Work, apply
from epochal.store.ingest import apply_journal, is_remote, journal_key, open_tail
from epochal.store.store import Store

GROUP = 256


def catch_up(store: Store, paths: Sequence[str]) -> None:
    """Apply all that these journals hold; those that are gone were applied before.

    Changes are announced to whoever follows the home. A journal that cannot be read is left to
    the follower, which tells of it.

    Raises:
        StorageFull: the disk has no room.
        Unavailable: the database is busy.
    """
    for start in range(0, len(paths), GROUP):
        group = paths[start : start + GROUP]
        if len(group) > 1:
            _together(store, group)
        for path in group:
            _alone(store, path)


def _together(store: Store, paths: Sequence[str]) -> None:
    with store.moving, contextlib.suppress(Raced, CorruptFile, NewerFormat, FileNotFoundError):
        work: list[Work] = []
        for path in paths:
            tail = open_tail(store, journal_key(path))
            if tail is not None and tail.has_more():
                work.append(Work(tail, tail.read(READ_CHUNK), is_remote(store, tail.key)))
        for change in apply(store, work):
            store.announce(change)


def _alone(store: Store, path: str) -> None:
    with contextlib.suppress(CorruptFile, NewerFormat, FileNotFoundError):
        for change in apply_journal(store, path):
            store.announce(change)
