"""Making the rows of a run and of its writers when their journals are first seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import sqlalchemy as sa

from epochal.domain.names import DEFAULT_ENTITY, DEFAULT_PROJECT, MAX_NAME, run_uid
from epochal.domain.record import Header
from epochal.domain.run import RunState
from epochal.errors import CorruptFile
from epochal.store.dialect import inserted_id, upsert
from epochal.store.scalars import clamp, storable
from epochal.store.schema import counter, detail, journal, project, run
from epochal.store.tail import JournalKey, JournalRow, Position

_EMPTY = b"\x80"
_NO_TAGS = b"\x90"

_IN_ONE_QUERY = 500
_FIND = (
    sa.select(journal, run.c.uid)
    .join(run, run.c.id == journal.c.run_id)
    .where(run.c.uid.in_(sa.bindparam("uids", expanding=True)))
)
_FIND_RUN = sa.select(run.c.id).where(run.c.uid == sa.bindparam("uid"))
_ADD_JOURNAL = sa.insert(journal)
_ADD_RUN = sa.insert(run)
_ADD_DETAIL = sa.insert(detail).values(config=_EMPTY, summary=_EMPTY, environment=_EMPTY)
_HERE = sa.and_(project.c.entity == sa.bindparam("owner"), project.c.name == sa.bindparam("title"))
_FIND_PROJECT = sa.select(project.c.id, project.c.next_color).where(_HERE)
_COUNT_COLOR = sa.update(project).where(_HERE).values(next_color=project.c.next_color + 1)

Stored: TypeAlias = dict[JournalKey, tuple[JournalRow, Position, bool]]
"""What the database knows of journals; see `find_journal`."""


def check_header(key: JournalKey, header: Header, path: str) -> None:
    """Refuse a journal that lies in the directory of another run.

    Raises:
        CorruptFile: its header names a run with another uid.
    """
    uid = run_uid(header.entity, header.project, header.run_id)
    if uid != key.run:
        raise CorruptFile(
            path,
            f"its header names the run {header.run_id[:80]!r}, whose uid is {uid}, not {key.run}",
        )


def find_journal(
    connection: sa.Connection, key: JournalKey
) -> tuple[JournalRow, Position, bool] | None:
    """The row of a journal, where its segments end, and whether its file was removed for good."""
    return find_journals_of(connection, [key]).get(key)


def find_journals_of(connection: sa.Connection, keys: Sequence[JournalKey]) -> Stored:
    """`find_journal` for several journals; those that are not known are left out."""
    found: Stored = {}
    wanted = set(keys)
    uids = sorted({key.run for key in keys})
    for start in range(0, len(uids), _IN_ONE_QUERY):
        given = {"uids": uids[start : start + _IN_ONE_QUERY]}
        for row in connection.execute(_FIND, given).mappings():
            key = JournalKey(row["uid"], row["writer"])
            if key in wanted:
                position = Position(row["rows_pos"], row["rows_ordinal"], row["schemas"])
                found[key] = (journal_row(row), position, row["removed"])
    return found


def journal_row(row: sa.RowMapping) -> JournalRow:
    """From a row of the table."""
    return JournalRow(
        id=row["id"], run_id=row["run_id"], started_us=row["started_us"],
        facts_pos=row["facts_pos"], lines=row["lines"], closed=row["closed"], lost=row["lost"],
    )  # fmt: skip


def enroll(
    connection: sa.Connection, key: JournalKey, header: Header, *, remote: bool
) -> tuple[JournalRow, bool]:
    """The row of a journal, made together with its run and project when they are new.

    The second is whether the run was made.
    """
    found = find_journal(connection, key)
    if found is not None:
        return found[0], False
    known: int | None = connection.execute(_FIND_RUN, {"uid": key.run}).scalar()
    run_id = _enroll_run(connection, key.run, header) if known is None else known
    position = Position()
    started = clamp(header.started_us)
    inserted = connection.execute(
        _ADD_JOURNAL,
        {
            "run_id": run_id, "writer": key.writer, "remote": remote,
            "host": storable(header.host)[:MAX_NAME], "pid": clamp(header.pid),
            "rank": clamp(header.rank) % 2**31, "primary": header.primary, "started_us": started,
            "contact_us": started, "facts_pos": position.offset, "rows_pos": position.offset,
            "rows_ordinal": 0, "schemas": position.schemas,
        },
    )  # fmt: skip
    id = inserted_id(inserted)
    row = JournalRow(
        id=id, run_id=run_id, started_us=started, facts_pos=position.offset, lines=0,
        closed=False, lost=False,
    )  # fmt: skip
    return row, known is None


def _enroll_run(connection: sa.Connection, uid: str, header: Header) -> int:
    started = clamp(header.started_us)
    project_id, color = _enroll_project(connection, header, started)
    name = storable(header.run_id)[:MAX_NAME]
    inserted = connection.execute(
        _ADD_RUN,
        {
            "uid": uid, "project_id": project_id, "name_id": name, "name": name,
            "state": RunState.RUNNING.value, "created_us": started, "updated_us": started,
            "tags": _NO_TAGS, "color": color, "host": storable(header.host)[:MAX_NAME],
        },
    )  # fmt: skip
    run_id = inserted_id(inserted)
    connection.execute(_ADD_DETAIL, {"run_id": run_id})
    return run_id


def _enroll_project(connection: sa.Connection, header: Header, now_us: int) -> tuple[int, int]:
    """The project's id and the color of its next run."""
    entity = storable(header.entity)[:MAX_NAME] or DEFAULT_ENTITY
    name = storable(header.project)[:MAX_NAME] or DEFAULT_PROJECT
    here = {"owner": entity, "title": name}
    found = connection.execute(_FIND_PROJECT, here).first()
    if found is None:
        row = {
            "entity": entity, "name": name, "created_us": now_us, "updated_us": now_us,
            "next_color": 0,
        }  # fmt: skip
        connection.execute(upsert(connection.dialect.name, project, ("entity", "name"), None), row)
        found = connection.execute(_FIND_PROJECT, here).one()
    connection.execute(_COUNT_COLOR, here)
    return found.id, found.next_color


def next_revision(connection: sa.Connection) -> int:
    """A number greater than any given before; one for each transaction that changes runs."""
    connection.execute(
        upsert(
            connection.dialect.name, counter, ("name",), lambda _: {"value": counter.c.value + 1}
        ),
        {"name": "rev", "value": 1},
    )
    query = sa.select(counter.c.value).where(counter.c.name == "rev")
    return int(connection.execute(query).scalar_one())


def last_revision(connection: sa.Connection) -> int:
    """The newest number that `next_revision` gave."""
    query = sa.select(counter.c.value).where(counter.c.name == "rev")
    return int(connection.execute(query).scalar() or 0)
