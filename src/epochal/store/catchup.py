"""Taking in some journals right now, for whoever must read what was just written."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from epochal.errors import CorruptFile, NewerFormat
from epochal.journal.reader import READ_CHUNK
from epochal.store.apply import Raced, Work, apply
from epochal.store.enroll import find_journals_of
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
    behind = [path for path in paths if not store.tails.lately_rests(journal_key(path))]
    for start in range(0, len(behind), GROUP):
        group = behind[start : start + GROUP]
        for path in _together(store, group) if len(group) > 1 else group:
            _alone(store, path)


def _together(store: Store, paths: Sequence[str]) -> list[str]:
    """Apply one stretch of each; returns those that may hold more, or could not be applied."""
    keys = {path: journal_key(path) for path in paths}
    rest: list[str] = []
    work: dict[str, Work] = {}
    with store.moving:
        with store.database.read() as connection:
            new = [key for key in keys.values() if store.tails.get(key) is None]
            stored = find_journals_of(connection, new)
        for path, key in keys.items():
            try:
                remote = is_remote(store, key)
                tail = open_tail(store, key, stored, remote=remote)
                if tail is not None and (tail.row is None or tail.has_more()):
                    work[path] = Work(tail, tail.read(READ_CHUNK), remote)
            except (CorruptFile, NewerFormat):
                rest.append(path)
            except FileNotFoundError:
                continue
        try:
            for change in apply(store, list(work.values())):
                store.announce(change)
        except (Raced, CorruptFile, NewerFormat):
            return [*rest, *work]
        return rest + [path for path, one in work.items() if _goes_on(one)]


def _goes_on(work: Work) -> bool:
    if work.tail.row is not None and work.tail.row.rests:
        return False
    with contextlib.suppress(FileNotFoundError):
        return work.tail.has_more()
    return False


def _alone(store: Store, path: str) -> None:
    with contextlib.suppress(CorruptFile, NewerFormat, FileNotFoundError):
        for change in apply_journal(store, path):
            store.announce(change)
