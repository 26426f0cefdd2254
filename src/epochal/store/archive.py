"""What remains of a journal when its file is given up.

Every record but the rows, which are in segments.

``runs/<run>/<writer>.facts`` is a zstd-compressed msgpack array. With it and the segments the
database can be made anew; see `store.recover`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import sqlalchemy as sa
import zstandard

from epochal.domain.record import Fact
from epochal.errors import CorruptFile, NewerFormat
from epochal.journal.frame import FILE_HEADER_SIZE, MAX_PAYLOAD, scan_frames
from epochal.journal.reader import READ_CHUNK, decode_payloads
from epochal.store.durable import DurableFiles
from epochal.store.schema import journal
from epochal.store.store import Store
from epochal.store.tail import JournalRow, Tail

ARCHIVE_SUFFIX = ".facts"
ARCHIVE_VERSION = 1
MAX_SIZE = 1 << 32
_FIRST_TAG = 0xE0

_encode = msgspec.msgpack.encode
_CONTACTS = sa.select(journal.c.id, journal.c.contact_us).where(
    journal.c.id.in_(sa.bindparam("journals", expanding=True))
)


class Archive(msgspec.Struct, array_like=True, frozen=True):
    """The facts of one journal.

    Attributes:
        version: of this format.
        run: uid of the run.
        writer: uid of the writer.
        created_us: when the journal was created.
        size: bytes that the journal had, its end included.
        rows: rows that it had.
        remote: it was received from another machine.
        lost: the writer left without a Finish record.
        contact_us: time of its last record, microseconds since 1970 UTC.
        ordinals: for each fact, how many rows were written before it.
        facts: in writing order.
    """

    version: int
    run: str
    writer: str
    created_us: int
    size: int
    rows: int
    remote: bool
    lost: bool
    contact_us: int
    ordinals: list[int]
    facts: list[Fact]


_decode = msgspec.msgpack.Decoder(Archive).decode


def archive_path(store: Store, run: str, writer: str) -> Path:
    """Where the archive of a journal lies."""
    return store.segments.path(run, writer + ARCHIVE_SUFFIX)


def read_contacts(connection: sa.Connection, journals: Sequence[int]) -> dict[int, int]:
    """When each of these journals' writers was heard of last, microseconds since 1970 UTC."""
    found = connection.execute(_CONTACTS, {"journals": list(journals)})
    return {row.id: row.contact_us for row in found}


def write_archive(
    store: Store, files: DurableFiles, tail: Tail, row: JournalRow, contact_us: int
) -> None:
    """Write the facts of a journal that is read to its end.

    Args:
        store: the home.
        files: the group of files that the archive is written with.
        tail: the journal.
        row: its row.
        contact_us: see `read_contacts`.

    Raises:
        StorageFull: no room.
        OSError: the file system failed.
    """
    key = tail.key
    facts, ordinals, rows = facts_of(tail)
    archive = Archive(
        version=ARCHIVE_VERSION, run=key.run, writer=key.writer, created_us=tail.created_us,
        size=tail.offset, rows=rows, remote=os.path.exists(key.remote_mark(store.home)),
        lost=row.lost, ordinals=ordinals, facts=facts,
        contact_us=contact_us,
    )  # fmt: skip
    with files.write(archive_path(store, key.run, key.writer)) as write:
        write(zstandard.compress(_encode(archive), 6))


def facts_of(tail: Tail) -> tuple[list[Fact], list[int], int]:
    """Every fact, the number of rows before each, and of all rows; rows stay packed."""
    known = tail.facts
    if known is not None:
        return known.facts, known.ordinals, tail.ordinal
    facts: list[Fact] = []
    ordinals: list[int] = []
    rows = 0
    offset = FILE_HEADER_SIZE
    limit = READ_CHUNK
    with open(tail.path, "rb") as file:
        while offset < tail.offset:
            file.seek(offset)
            scan = scan_frames(file.read(min(limit, tail.offset - offset)))
            if not scan.end:  # one frame larger than the limit
                if limit > MAX_PAYLOAD:
                    break
                limit += MAX_PAYLOAD
                continue
            for payload in scan.payloads:
                # The second byte is the first item: a schema id, 0 for a key set, or a tag.
                if payload[1] < _FIRST_TAG:
                    rows += payload[1] != 0
                else:
                    found = decode_payloads([payload], {}, 0, 0).facts
                    facts += found
                    ordinals += [rows] * len(found)
            offset += scan.end
    return facts, ordinals, rows


def read_archive(path: Path) -> Archive:
    """The facts of a journal that was given up.

    Raises:
        OSError: it cannot be read.
        CorruptFile: it is damaged.
        NewerFormat: a newer Epochal wrote it.
    """
    try:
        data = zstandard.decompress(path.read_bytes(), MAX_SIZE)
        version = msgspec.msgpack.decode(data, type=list[msgspec.Raw])[0]
        if msgspec.msgpack.decode(version, type=int) > ARCHIVE_VERSION:
            raise NewerFormat(f"{path} needs a newer Epochal; upgrade epochal")
        return _decode(data)
    except (zstandard.ZstdError, msgspec.MsgspecError, IndexError) as error:
        raise CorruptFile(path, str(error)) from error
