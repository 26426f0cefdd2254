"""The reading end of a journal: turns frames into rows and facts, from any offset.

A reader never writes and never locks. It stops at the first unfinished frame and goes on from
there at the next call, so it can follow a journal that is being written. Damaged frames in the
middle are stepped over and counted.
"""

from __future__ import annotations

import os
from typing import Any, TypeAlias

import msgspec

from epochal.domain.record import Fact
from epochal.journal.files import read_stretch
from epochal.journal.frame import FILE_HEADER_SIZE, FileHeader, scan_frames, unpack_file_header

READ_CHUNK = 8 * 1024 * 1024

Row: TypeAlias = list[Any]
"""``[schema id, step, wall_us, [value, ...]]`` with float, int or bool values."""

_decode_row = msgspec.msgpack.Decoder(list[Any]).decode
_decode_fact = msgspec.msgpack.Decoder(Fact).decode


class Entry(msgspec.Struct, frozen=True):
    """Rows and facts of one journal stretch, in writing order within each of the two.

    Attributes:
        rows: ``[schema id, step, wall_us, values]``; the ids are explained by ``schemas``.
        facts: everything that is neither a row nor a key set.
        fact_positions: for each fact, how many rows of this stretch were written before it.
        start: offset in the file at which the stretch begins.
        end: offset after its last whole frame; go on from here.
        damaged: frames that failed their checksum and were stepped over.
        unknown: records that this version cannot read.
    """

    rows: list[Row]
    facts: list[Fact]
    fact_positions: list[int]
    start: int
    end: int
    damaged: int
    unknown: int


class JournalReader:
    """Follows one journal file.

    Args:
        path: the ``.ej`` file.
        offset: where to go on; 0 or `FILE_HEADER_SIZE` for the beginning.
        schemas: key sets declared before ``offset``; needed when it is not the beginning.
        ahead: of a file with fewer bytes after its header all are read with it, for a read that
            follows at once; only where ``offset`` is the beginning.

    Raises:
        OSError: the file cannot be read.
        CorruptFile: it is no journal.
        NewerFormat: it needs a newer Epochal.
    """

    def __init__(
        self,
        path: str,
        offset: int = 0,
        schemas: dict[int, list[str]] | None = None,
        ahead: int = 0,
    ) -> None:
        self.path = path
        self.offset = max(offset, FILE_HEADER_SIZE)
        self.schemas: dict[int, list[str]] = dict(schemas or {})
        ahead = ahead if self.offset == FILE_HEADER_SIZE else 0
        head = read_stretch(path, 0, FILE_HEADER_SIZE + ahead)
        self.header: FileHeader = unpack_file_header(head, path)
        self._ahead = head[FILE_HEADER_SIZE:] if len(head) < FILE_HEADER_SIZE + ahead else b""

    def take_ahead(self) -> bytes:
        """All that followed the header when that was read, once; empty when it was not read."""
        ahead, self._ahead = self._ahead, b""
        return ahead

    def read(self, limit: int = READ_CHUNK) -> Entry:
        """Read what was written since the last call, at most about ``limit`` bytes.

        An entry whose ``end`` equals its ``start`` says that there is nothing new.

        Raises:
            OSError: the file cannot be read.
        """
        start = self.offset
        with open(self.path, "rb") as file:
            file.seek(start)
            buffer = file.read(limit)
        scan = scan_frames(buffer)
        if not scan.payloads and scan.end == 0 and len(buffer) == limit:
            with open(self.path, "rb") as file:  # one frame larger than the limit
                file.seek(start)
                buffer = file.read(limit + 72 * 1024 * 1024)
            scan = scan_frames(buffer, 0, 1)
        entry = decode_payloads(scan.payloads, self.schemas, start, start + scan.end, scan.damaged)
        self.offset = entry.end
        return entry

    def pending(self) -> int:
        """Bytes in the file after the offset, preallocated space included."""
        return max(0, os.stat(self.path).st_size - self.offset)


def decode_payloads(
    payloads: list[bytes], schemas: dict[int, list[str]], start: int, end: int, damaged: int = 0
) -> Entry:
    """Sort payloads into rows and facts; key sets go into ``schemas``."""
    rows: list[Row] = []
    facts: list[Fact] = []
    positions: list[int] = []
    unknown = 0
    add_row = rows.append
    decode = _decode_row
    for payload in payloads:
        try:
            # The second byte is the array's first item when that is a small integer: 0xe0..0xff
            # are -32..-1.
            if payload[1] < 0xE0:
                row = decode(payload)
                if row[0] == 0:
                    schemas[row[1]] = row[2]
                else:
                    add_row(row)
            else:
                facts.append(_decode_fact(payload))
                positions.append(len(rows))
        except (msgspec.DecodeError, IndexError):
            unknown += 1
    return Entry(
        rows=rows,
        facts=facts,
        fact_positions=positions,
        start=start,
        end=end,
        damaged=damaged,
        unknown=unknown,
    )
