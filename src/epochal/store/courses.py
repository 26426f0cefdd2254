"""The courses of pipeline runs, read from where they are kept: the journals of their runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
import sqlalchemy as sa

from epochal.domain.artifact import check_digest
from epochal.domain.pipeline import Dependency, Line, read_lines
from epochal.domain.record import Course
from epochal.errors import EpochalError, TooLarge
from epochal.store.retold import facts_of
from epochal.store.rows import find_run_id
from epochal.store.schema import journal
from epochal.store.store import Store

MAX_TABLE: Final = 16 * 1024 * 1024
"""Bytes of a step's dependencies that are read; those of a thousand functions are some 2 MB."""


def read_course(store: Store, uid: str) -> list[Line]:
    """The lines of a pipeline run so far; none for a run that is no pipeline's.

    Raises:
        NotFound: no such run.
        CorruptFile: an archive is damaged.
    """
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        query = sa.select(journal.c.writer).where(journal.c.run_id == run_id)
        writers = [
            *connection.execute(query.order_by(journal.c.started_us, journal.c.writer)).scalars()
        ]
    return [
        line
        for writer in writers
        for fact in facts_of(store, uid, writer)
        if isinstance(fact, Course)
        for line in read_lines(fact.lines)
    ]


def read_table(store: Store, digest: str) -> Iterable[Dependency]:
    """The dependencies of a step's code; none when they are not here.

    Raises:
        TooLarge: a record names a blob that is far larger than dependencies are.
    """
    if not digest:
        return []
    try:
        size = store.blobs.size(check_digest(digest)) or 0
    except EpochalError:
        return []
    if size > MAX_TABLE:
        raise TooLarge(
            f"the dependencies of its code, blob {digest[:12]}, have {size:,} bytes, and at most "
            f"{MAX_TABLE:,} are read"
        )
    try:
        data = store.blobs.read(check_digest(digest))
        return msgspec.json.decode(data, type=list[Dependency])
    except (EpochalError, msgspec.MsgspecError):
        return []
