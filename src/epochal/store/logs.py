"""Reading the console of a run."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from epochal.domain.view import LogLine, LogPage, LogStream
from epochal.errors import InvalidInput
from epochal.store.lines import Line, read_chunks
from epochal.store.logfind import is_of, may_match, plain
from epochal.store.rows import find_run_id
from epochal.store.schema import journal, run
from epochal.store.store import Store

MAX_LINES = 5000


def read_logs(
    store: Store,
    uid: str,
    *,
    start: int | None = None,
    limit: int = 1000,
    tail: int | None = None,
    search: str | None = None,
    stream: LogStream | None = None,
) -> LogPage:
    """A window of the run's console.

    Args:
        store: the home.
        uid: the run.
        start: number of the first line wanted; 0 by default.
        limit: at most this many lines, up to 5,000.
        tail: the last so many lines, instead of ``start`` and ``limit``.
        search: only lines with this text in them, upper and lower case being the same. With
            ``tail`` the last such lines.
        stream: only lines of this stream, found in the same way.

    Raises:
        NotFound: no such run.
        InvalidInput: a number is out of range.
    """
    wanted = limit if tail is None else tail
    if not 0 <= wanted <= MAX_LINES or (start or 0) < 0:
        raise InvalidInput(f"ask for 0 to {MAX_LINES} lines from a line >= 0, got {wanted}")
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        total = int(
            connection.execute(sa.select(run.c.lines).where(run.c.id == run_id)).scalar_one()
        )
        rows = connection.execute(
            sa.select(journal.c.id, journal.c.writer).where(journal.c.run_id == run_id)
        )
        writers = {row.id: row.writer for row in rows}
        first = start or 0
        needle = (search or "").casefold()
        sifted = bool(needle) or stream is not None
        if tail is not None and not sifted:
            first = max(0, total - tail)
        sieve = Sieve(needle, stream) if sifted else None
        lines = _collect(connection, run_id, first, wanted, sieve, last=tail is not None)
    shown = [
        LogLine(
            n=number, t_us=line.wall_us, stream="err" if line.stream else "out",
            writer=writers.get(journal_id, ""), text=line.text,
        )
        for number, journal_id, line in lines
    ]  # fmt: skip
    return LogPage(total=total, start=shown[0].n if shown else first, lines=shown)


class Sieve(NamedTuple):
    """Which lines are wanted: those that hold a casefolded text, of a stream."""

    needle: str
    stream: LogStream | None

    def passes(self, line: Line) -> bool:
        """Whether a line is wanted."""
        return is_of(line, self.stream) and self.needle in plain(line.text).casefold()


def _collect(
    connection: sa.Connection,
    run_id: int,
    first: int,
    wanted: int,
    sieve: Sieve | None,
    *,
    last: bool,
) -> list[tuple[int, int, Line]]:
    """Up to ``wanted`` lines from line ``first`` on that pass the sieve.

    The last ones when asked.
    """
    end = None if sieve else first + wanted
    found: list[tuple[int, int, Line]] = []
    may_matter = may_match(sieve.needle if sieve else "")
    for number, journal_id, lines in read_chunks(connection, run_id, first, end, may_matter):
        for index, line in enumerate(lines, number):
            inside = index >= first and (end is None or index < end)
            if inside and (sieve is None or sieve.passes(line)):
                found.append((index, journal_id, line))
        if len(found) > wanted:
            found = found[-wanted:] if last and wanted else found[:wanted]
            if not last:
                break
    return found
