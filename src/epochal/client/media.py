"""Media in ``log()``: recognizing them, and from drafts to a record of the journal.

The caller pays for one write of the raw bytes and one record; encoding and storing is the
keeper's. A value that cannot be shown, or a disk that is full, costs one warning.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from epochal.client import guard
from epochal.client.keeper import Keeper
from epochal.client.spooling import discard, write_parts
from epochal.domain.record import Media, MediaItem
from epochal.errors import EpochalError
from epochal.journal.journal import Journal, JournalClosed, NullJournal
from epochal.media.draft import Draft
from epochal.media.foreign import as_media
from epochal.media.optional import comes_from
from epochal.media.table import Table

MAX_ITEMS = 1000


def read_media(value: Any) -> list[Draft] | None:
    """The items of a value that is media; None when it is none.

    Raises:
        InvalidInput: it is media that cannot be shown.
    """
    if comes_from(value, "pandas") and hasattr(value, "iloc") and hasattr(value, "columns"):
        return Table(dataframe=value).__epochal_media__()
    media = as_media(value)
    return None if media is None else media.__epochal_media__()


def read_list(values: Sequence[Any]) -> tuple[list[Draft], str | None] | None:
    """The items of a list of media, and what was left out; None when the first is no media.

    Raises:
        InvalidInput: one of them cannot be shown.
    """
    first = read_media(values[0])
    if first is None:
        return None
    drafts = list(first)
    note: str | None = None
    for value in values[1:]:
        more = read_media(value)
        if more is None or (more and more[0].kind != drafts[0].kind):
            note = f"a list of media holds one kind; {type(value).__name__} was left out"
        elif len(drafts) >= MAX_ITEMS:
            return drafts[:MAX_ITEMS], f"it has more than {MAX_ITEMS} items; the rest is left out"
        else:
            drafts += more
    return drafts, note


class MediaLog:
    """Records media of one run.

    Args:
        keeper: stores them.
        journal: gives the present journal, or None after the end of the run.
    """

    def __init__(self, keeper: Keeper, journal: Callable[[], Journal | None]) -> None:
        self._keeper = keeper
        self._journal = journal

    def log(self, key: str, step: int, drafts: Sequence[Draft], many: bool) -> None:
        """Record items under a key at a step. Never raises for what was logged."""
        while True:
            journal = self._journal()
            if journal is None or isinstance(journal, NullJournal):
                return
            written: list[dict[str, str]] = []
            try:
                written.extend(
                    write_parts(journal.path or "", draft.parts)
                    for draft in _storable(journal, drafts)
                )
            except (OSError, EpochalError) as error:
                guard.warn_once(
                    ("media", type(error), key), f"log(): {key[:80]!r} was cut short: {error}"
                )
            items = [
                MediaItem(draft.kind, draft.meta, dict(names))
                for draft, names in zip(drafts, written, strict=False)
            ]
            if not items:
                return
            try:
                journal.append_fact(Media(key, step, time.time_ns() // 1000, items, many))
            except JournalClosed:
                for names in written:
                    discard(journal.path or "", names)
                continue
            for names in written:
                self._keeper.store(journal, names)
            return


def _storable(journal: Journal, drafts: Sequence[Draft]) -> Sequence[Draft]:
    """All drafts; none when their bytes have no place to go."""
    if journal.path is not None or not any(draft.parts for draft in drafts):
        return drafts
    guard.warn_once(
        "media in memory",
        "this run is kept in memory only, and media need a disk: they are left out. Set "
        "EPOCHAL_HOME to a writable directory",
    )
    return ()
