"""Facts that the index does not keep, read from where they are kept: the journals.

Texts step by step and the courses of pipeline runs. Journals that are gone are read from their
archives. What was read of the last few journals is remembered, so that a reader that pages through
a run, or looks again, pays once.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import Any, Final

from epochal.domain.record import Course, Cut, Fact, Text
from epochal.journal.frame import FILE_HEADER_SIZE, MAX_PAYLOAD, scan_frames
from epochal.journal.reader import READ_CHUNK, decode_payloads
from epochal.store.archive import archive_path, read_archive
from epochal.store.store import Store
from epochal.store.tail import JournalKey

REMEMBERED: Final = 16
"""Journals of which facts are kept in memory."""
_KINDS: Final = (Cut, Text, Course)
_TAGS: Final = (0xE9, 0xF9, 0xFF)
"""How payloads of these kinds begin, after the array's head."""


class _Journal:
    """What was read of one journal: facts up to an offset."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.offset = FILE_HEADER_SIZE
        self.facts: list[Fact] = []
        self.is_whole = False


_known: OrderedDict[str, _Journal] = OrderedDict()
_guard: Final = threading.Lock()


def facts_of(store: Store, uid: str, writer: str) -> list[Fact]:
    """Texts, cuts and courses of one journal, in writing order.

    Raises:
        CorruptFile: its archive is damaged.
    """
    path = JournalKey(uid, writer).path(store.home)
    with _guard:
        known = _known.setdefault(path, _Journal())
        _known.move_to_end(path)
        while len(_known) > REMEMBERED:
            _known.popitem(last=False)
    with known.lock:
        if not known.is_whole:
            _read_on(store, uid, writer, path, known)
        return list(known.facts)


def _read_on(store: Store, uid: str, writer: str, path: str, known: _Journal) -> None:
    try:
        with open(path, "rb") as file:
            _follow(file, known)
        return
    except FileNotFoundError:
        pass
    archive = archive_path(store, uid, writer)
    if os.path.exists(archive):
        facts = read_archive(archive).facts
        known.facts = [fact for fact in facts if isinstance(fact, _KINDS)]
        known.is_whole = True


def _follow(file: Any, known: _Journal) -> None:
    limit = READ_CHUNK
    while True:
        file.seek(known.offset)
        data = file.read(limit)
        scan = scan_frames(data)
        if scan.end:
            wanted = [payload for payload in scan.payloads if payload[1] in _TAGS]
            known.facts += decode_payloads(wanted, {}, 0, 0).facts
            known.offset += scan.end
        elif len(data) == limit and limit <= MAX_PAYLOAD:
            limit += MAX_PAYLOAD  # one frame larger than the limit
        else:
            return
