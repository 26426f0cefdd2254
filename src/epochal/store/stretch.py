"""One stretch of a journal, read and turned into columns and facts.

Rows become columns right away: long runs of one form as arrays (`store.strides`), others one by
one (`store.columns`). Both give the same bits.
"""

from __future__ import annotations

from typing import Final

import msgspec

from epochal.domain.record import Fact
from epochal.journal.files import read_stretch
from epochal.journal.frame import FRAME_HEADER_SIZE, MAX_PAYLOAD, Scan, scan_frames
from epochal.journal.reader import Entry, JournalReader, decode_payloads
from epochal.store.columns import ColumnGroup, group_rows
from epochal.store.strides import is_row, take_run

GENERAL_BYTES: Final = 32 * 1024
"""Payload bytes read in the general way before a run is looked for again."""


class Stretch(msgspec.Struct, frozen=True):
    """What one read of a journal brought.

    Attributes:
        entry: the facts and where the stretch lies; its rows are in ``groups``.
        groups: the rows as columns.
        ordinal: arrival number of the first row.
        rows: rows, those left out included.
        skipped: rows that are no good.
        fact_bytes: about how large the facts are, at most.
    """

    entry: Entry
    groups: list[ColumnGroup]
    ordinal: int
    rows: int
    skipped: int
    fact_bytes: int


class Found(msgspec.Struct):
    """What was decoded so far; ``end`` is counted within the buffer."""

    end: int = 0
    rows: int = 0
    skipped: int = 0
    damaged: int = 0
    unknown: int = 0
    fact_bytes: int = 0
    groups: list[ColumnGroup] = []
    facts: list[Fact] = []
    positions: list[int] = []


def decode_stretch(reader: JournalReader, limit: int, ordinal: int) -> Stretch:
    """Read what was written since the last call and move the reader behind it.

    Args:
        reader: of the journal.
        limit: about how many bytes to read at most.
        ordinal: arrival number of the first row.

    Raises:
        OSError: the file cannot be read.
    """
    start = reader.offset
    buffer = reader.take_ahead() or read_stretch(reader.path, start, limit)
    found = Found()
    while _decode_next(buffer, reader.schemas, ordinal, found):
        pass
    if not found.end and len(buffer) == limit:  # one frame larger than the limit
        buffer = read_stretch(reader.path, start, limit + MAX_PAYLOAD + 4096)
        _decode_general(buffer, reader.schemas, ordinal, found, 1)
    reader.offset = start + found.end
    entry = Entry(
        rows=[], facts=found.facts, fact_positions=found.positions, start=start,
        end=reader.offset, damaged=found.damaged, unknown=found.unknown,
    )  # fmt: skip
    return Stretch(entry, found.groups, ordinal, found.rows, found.skipped, found.fact_bytes)


def _decode_next(buffer: bytes, schemas: dict[int, list[str]], ordinal: int, found: Found) -> bool:
    """Decode a run, or some frames in the general way; False at the end."""
    run = take_run(buffer, found.end, schemas, ordinal + found.rows)
    if run is None:
        budget = _before_rows(buffer, found.end)
        return _decode_general(buffer, schemas, ordinal, found, budget)
    groups, found.end = run
    found.groups += groups
    found.rows += sum(map(len, groups))
    return True


def _before_rows(buffer: bytes, position: int) -> int:
    """Payload bytes until a row comes; `GENERAL_BYTES` when one stands here, at most so many."""
    taken = 0
    last = len(buffer) - FRAME_HEADER_SIZE - 2
    while position <= last and taken < GENERAL_BYTES and not is_row(buffer, position):
        length = int.from_bytes(buffer[position : position + 4], "little")
        if not length:
            break
        taken += length
        position += FRAME_HEADER_SIZE + length + (-length & 7)
    return taken or GENERAL_BYTES


def _decode_general(
    buffer: bytes, schemas: dict[int, list[str]], ordinal: int, found: Found, budget: int
) -> bool:
    scan = scan_frames(buffer, found.end, budget)
    if scan.end == found.end:
        return False
    _add(scan, schemas, ordinal, found)
    found.end = scan.end
    return True


def _add(scan: Scan, schemas: dict[int, list[str]], ordinal: int, found: Found) -> None:
    entry = decode_payloads(scan.payloads, schemas, 0, 0)
    groups, skipped = group_rows(entry.rows, schemas, ordinal + found.rows)
    found.groups += groups
    found.facts += entry.facts
    found.fact_bytes += sum(map(len, scan.payloads)) if entry.facts else 0
    found.positions += [found.rows + position for position in entry.fact_positions]
    found.rows += len(entry.rows)
    found.skipped += skipped
    found.damaged += scan.damaged
    found.unknown += entry.unknown
