"""Texts that a run logged step by step, read from where they are kept: its journals.

The index knows only the last text of each key. Journals that are gone are read from their
archives. What was read of the last few journals is remembered, so that a reader that pages through
a run pays once.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from epochal.domain.record import Cut, Fact, Text
from epochal.journal.frame import FILE_HEADER_SIZE, MAX_PAYLOAD, scan_frames
from epochal.journal.reader import READ_CHUNK, decode_payloads
from epochal.store.archive import archive_path, read_archive
from epochal.store.filters import TEXT
from epochal.store.rows import find_run_id
from epochal.store.schema import journal, param
from epochal.store.store import Store
from epochal.store.tail import JournalKey

REMEMBERED: Final = 16
"""Journals of which texts are kept in memory."""
_TAGS: Final = (0xF9, 0xFF)
"""How payloads of `Text` and `Cut` begin, after the array's head."""


class TextPoint(NamedTuple):
    """A value that is no number, logged at a step."""

    key: str
    step: int
    wall_us: int
    value: Any


class _Journal:
    """What was read of one journal: facts up to an offset."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.offset = FILE_HEADER_SIZE
        self.facts: list[Fact] = []
        self.is_whole = False


_known: OrderedDict[str, _Journal] = OrderedDict()
_guard: Final = threading.Lock()


def read_texts(store: Store, uid: str) -> list[TextPoint]:
    """The texts of a run in writing order, writers by their start; cuts hide what they hide.

    Raises:
        NotFound: no such run.
        CorruptFile: an archive is damaged.
    """
    writers = _writers(store, uid)
    points: list[TextPoint] = []
    for writer in writers:
        for fact in _facts(store, uid, writer):
            if isinstance(fact, Cut):
                points = [point for point in points if point.step < fact.step]
            elif isinstance(fact, Text):
                points.append(TextPoint(fact.key, fact.step, fact.wall_us, fact.value))
    return points


def _writers(store: Store, uid: str) -> list[str]:
    """Who wrote the run, by start; nobody when it never logged a text."""
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        logged = sa.select(param.c.key_id).where(param.c.run_id == run_id, param.c.scope == TEXT)
        if connection.execute(logged.limit(1)).first() is None:
            return []
        query = sa.select(journal.c.writer).where(journal.c.run_id == run_id)
        return [
            *connection.execute(query.order_by(journal.c.started_us, journal.c.writer)).scalars()
        ]


def _facts(store: Store, uid: str, writer: str) -> list[Fact]:
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
        known.facts = [fact for fact in facts if isinstance(fact, (Cut, Text))]
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
