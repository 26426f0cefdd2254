"""Journals that were committed and are not in the index yet.

`Unsettled.note` is called when what a journal holds is on the device; `Unsettled.settle` takes it
into the index. Whoever settles before reading sees every acknowledged write.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from epochal.store.catchup import catch_up
from epochal.store.owner import Store


class Unsettled:
    """The journals of a store that the index may be behind of. Safe to use from any thread.

    Args:
        store: the open store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._paths: dict[str, set[str]] = {}
        self._guard = threading.Lock()
        self._settling = threading.Lock()

    def note(self, uid: str, path: str) -> None:
        """A journal of a run has more than the index knows."""
        with self._guard:
            self._paths.setdefault(uid, set()).add(path)

    def settle(self, uids: Sequence[str] | None = None) -> None:
        """Take what was noted into the index, of some runs or of all.

        Raises:
            StorageFull: the disk has no room.
            Unavailable: the database is busy.
        """
        with self._settling:
            with self._guard:
                wanted = list(self._paths) if uids is None else uids
                taken = {uid: self._paths.pop(uid) for uid in wanted if uid in self._paths}
            try:
                catch_up(self._store, [path for paths in taken.values() for path in paths])
            except BaseException:
                for uid, paths in taken.items():
                    for path in paths:
                        self.note(uid, path)
                raise
