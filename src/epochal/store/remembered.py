"""What was computed last for each project or run, as of a revision of the store."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final, Generic, NamedTuple, TypeVar

from epochal.domain.view import KeyUse

_Found = TypeVar("_Found")

_KEPT: Final = 32
"""So many projects, or runs, are remembered."""


class KeyUses(NamedTuple):
    """The keys that a project's runs use, each list in alphabetical order."""

    metrics: list[KeyUse]
    config: list[KeyUse]
    summary: list[KeyUse]
    labels: list[KeyUse]


class UsedKeys(NamedTuple):
    """The keys that each run of a project has, and what follows from them.

    Attributes:
        had: for each run what `store.keyuse` read of it, by row id; None where it is too much.
        uses: of all runs.
    """

    had: dict[int, str] | None
    uses: KeyUses


class Remembered(Generic[_Found]):
    """Values by row id, each of one revision; thread-safe. Nobody changes a value."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[int, tuple[int, _Found]] = OrderedDict()

    def get(self, id: int, revision: int) -> _Found | None:
        """The value of a project or run if it is of this very revision."""
        with self._lock:
            known = self._known.get(id)
        return known[1] if known is not None and known[0] == revision else None

    def last(self, id: int) -> tuple[int, _Found] | None:
        """The value that was remembered last, and of which revision it is."""
        with self._lock:
            return self._known.get(id)

    def put(self, id: int, revision: int, found: _Found) -> None:
        """Remember a value, and forget the one that was computed longest ago."""
        with self._lock:
            self._known[id] = (revision, found)
            self._known.move_to_end(id)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
