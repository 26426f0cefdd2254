"""Console lines in compressed chunks, numbered over the run in the order they were first seen.

A line keeps its number for ever. A writer may replace its own lines later (a progress bar); the
newest text wins and the number stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import sqlalchemy as sa
import zstandard

from epochal.domain.record import Console
from epochal.store.schema import console, run

CHUNK_LINES = 256
MAX_LINE = 65_536
MAX_INDEX = 2**53


class Line(msgspec.Struct, array_like=True, frozen=True):
    """One line; ``stream`` is 0 for stdout and 1 for stderr."""

    stream: int
    wall_us: int
    text: str


_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(list[Line]).decode


def pack_lines(lines: list[Line]) -> bytes:
    """Compress some lines."""
    return zstandard.compress(_encode(lines), 3)


def unpack_lines(data: bytes) -> list[Line]:
    """The inverse of `pack_lines`."""
    return _decode(zstandard.decompress(data, 1 << 30))


def collect_lines(records: list[Console]) -> dict[int, Line]:
    """Every line that the records hold, by its number within the writer; later records win."""
    found: dict[int, Line] = {}
    for record in records:
        if not 0 <= record.first <= MAX_INDEX:
            continue
        for index, text in enumerate(record.lines, record.first):
            found[index] = Line(record.stream, record.wall_us, text[:MAX_LINE])
    return found


def store_lines(
    connection: sa.Connection, run_id: int, journal_id: int, known: int, lines: dict[int, Line]
) -> int:
    """Store lines of one writer and return the number that its next new line will have.

    Args:
        connection: in a write transaction.
        run_id: the run.
        journal_id: the writer's journal.
        known: lines of the writer with a smaller number were stored before.
        lines: by number within the writer.
    """
    older = {index: line for index, line in lines.items() if index < known}
    stored = _replace(connection, journal_id, older) if older else set()
    fresh = sorted(index for index in lines if index not in stored)
    if not fresh:
        return known
    total = int(connection.execute(sa.select(run.c.lines).where(run.c.id == run_id)).scalar_one())
    if fresh[0] == known:
        fresh, total = _extend_last(connection, run_id, journal_id, lines, fresh, total)
    for chunk in _consecutive(fresh):
        connection.execute(
            sa.insert(console).values(
                run_id=run_id, first=total, journal_id=journal_id, writer_first=chunk[0],
                count=len(chunk), data=pack_lines([lines[index] for index in chunk]),
            )
        )  # fmt: skip
        total += len(chunk)
    connection.execute(sa.update(run).where(run.c.id == run_id).values(lines=total))
    return max(known, max(lines) + 1)


def _extend_last(
    connection: sa.Connection,
    run_id: int,
    journal_id: int,
    lines: dict[int, Line],
    fresh: list[int],
    total: int,
) -> tuple[list[int], int]:
    """Fill the run's last chunk up when it is short and of the same writer."""
    query = sa.select(console).where(console.c.run_id == run_id)
    last = connection.execute(query.order_by(console.c.first.desc()).limit(1)).mappings().first()
    if (
        last is None
        or last["journal_id"] != journal_id
        or last["count"] >= CHUNK_LINES
        or last["writer_first"] + last["count"] != fresh[0]
    ):
        return fresh, total
    head = next(_consecutive(fresh))[: CHUNK_LINES - last["count"]]
    merged = unpack_lines(last["data"]) + [lines[index] for index in head]
    connection.execute(
        sa.update(console)
        .where(console.c.run_id == run_id, console.c.first == last["first"])
        .values(count=len(merged), data=pack_lines(merged))
    )
    return fresh[len(head) :], total + len(head)


def _replace(connection: sa.Connection, journal_id: int, lines: dict[int, Line]) -> set[int]:
    """Put lines in the place of stored ones; returns the numbers of those that were stored.

    The others come late: two threads may write their records in another order than they took
    numbers.
    """
    low, high = min(lines), max(lines)
    query = sa.select(console).where(
        console.c.journal_id == journal_id,
        console.c.writer_first <= high,
        console.c.writer_first + console.c.count > low,
    )
    found: set[int] = set()
    for chunk in connection.execute(query).mappings().all():
        first = chunk["writer_first"]
        stored = unpack_lines(chunk["data"])
        mine = [index for index in lines if first <= index < first + len(stored)]
        for index in mine:
            stored[index - first] = lines[index]
        if not mine:
            continue
        found.update(mine)
        connection.execute(
            sa.update(console)
            .where(console.c.run_id == chunk["run_id"], console.c.first == chunk["first"])
            .values(data=pack_lines(stored))
        )
    return found


def _consecutive(numbers: list[int]) -> Iterator[list[int]]:
    """Cut sorted numbers into runs without gaps, at most a chunk long each."""
    part: list[int] = []
    for number in numbers:
        if part and (number != part[-1] + 1 or len(part) == CHUNK_LINES):
            yield part
            part = []
        part.append(number)
    if part:
        yield part


def read_chunks(
    connection: sa.Connection,
    run_id: int,
    first: int,
    end: int | None,
    may_matter: Callable[[bytes], bool] = lambda _: True,
) -> Iterator[tuple[int, int, list[Line]]]:
    """Chunks that overlap lines ``first .. end``: the first number, the journal, the lines.

    Args:
        connection: to read with.
        run_id: the run.
        first: number of the first line wanted.
        end: number after that of the last; None for all.
        may_matter: is shown a chunk as bytes, texts in UTF-8 among others, and chunks that it
            does not want are left out. Most of the time of a search is the making of lines.
    """
    unpack = zstandard.ZstdDecompressor()
    query = sa.select(console.c.first, console.c.journal_id, console.c.data).where(
        console.c.run_id == run_id, console.c.first + console.c.count > first
    )
    if first > 0:
        # What follows from that condition, in words that the index knows.
        before = sa.select(sa.func.max(console.c.first)).where(
            console.c.run_id == run_id, console.c.first <= first
        )
        query = query.where(console.c.first >= sa.func.coalesce(before.scalar_subquery(), 0))
    if end is not None:
        query = query.where(console.c.first < end)
    for number, journal_id, packed in connection.execute(query.order_by(console.c.first)):
        data = unpack.decompress(packed, 1 << 30)
        if may_matter(data):
            yield number, journal_id, _decode(data)
