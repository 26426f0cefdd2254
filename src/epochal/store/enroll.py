"""Making the rows of a run and of its writers when their journals are first seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import sqlalchemy as sa

from epochal.domain.names import DEFAULT_ENTITY, DEFAULT_PROJECT, MAX_NAME, run_uid
from epochal.domain.record import Header
from epochal.domain.run import RunState
from epochal.errors import CorruptFile
from epochal.store.archived import is_marked
from epochal.store.dialect import run_each, upsert
from epochal.store.scalars import clamp, storable
from epochal.store.schema import counter, detail, journal, project, resting, run
from epochal.store.tail import JournalKey, JournalRow, Position

_EMPTY = b"\x80"
_NO_TAGS = b"\x90"

_IN_ONE_QUERY = 500
_FIND = (
    sa.select(journal, run.c.uid, resting.c.journal_id.label("rests"))
    .join(run, run.c.id == journal.c.run_id)
    .outerjoin(resting, resting.c.journal_id == journal.c.id)
    .where(run.c.uid.in_(sa.bindparam("uids", expanding=True)))
)
_FIND_RUNS = sa.select(run.c.uid, run.c.id).where(
    run.c.uid.in_(sa.bindparam("uids", expanding=True))
)
_ADD_JOURNAL = sa.insert(journal)
_ADD_RUN = sa.insert(run)
_ADD_DETAIL = sa.insert(detail).values(config=_EMPTY, summary=_EMPTY, environment=_EMPTY)
_HERE = sa.and_(project.c.entity == sa.bindparam("owner"), project.c.name == sa.bindparam("title"))
_FIND_PROJECT = sa.select(project.c.id, project.c.next_color).where(_HERE)
_COUNT_COLORS = (
    sa.update(project).where(_HERE).values(next_color=project.c.next_color + sa.bindparam("more"))
)

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
    """From a row of the table, with the column ``rests`` of its row in ``resting``, if any."""
    return JournalRow(
        id=row["id"], run_id=row["run_id"], started_us=row["started_us"],
        facts_pos=row["facts_pos"], lines=row["lines"], closed=row["closed"], lost=row["lost"],
        rests=row["rests"] is not None,
    )  # fmt: skip


class New(NamedTuple):
    """A journal that may be new to the database."""

    key: JournalKey
    header: Header
    remote: bool
    directory: str
    """Of its run."""


def enroll_all(
    connection: sa.Connection, journals: Sequence[New]
) -> dict[JournalKey, tuple[JournalRow, bool]]:
    """The rows of journals, made together with their runs and projects where they are new.

    The second value is whether the run was made with this journal. Runs get their colors in the
    order of ``journals``.
    """
    found = find_journals_of(connection, [new.key for new in journals])
    missing = [new for new in journals if new.key not in found]
    if not missing:
        return {key: (row, False) for key, (row, _, _) in found.items()}
    runs = _find_runs(connection, [new.key.run for new in missing])
    firsts: dict[str, New] = {}
    for new in missing:
        if new.key.run not in runs:
            firsts.setdefault(new.key.run, new)
    if firsts:
        _add_runs(connection, list(firsts.values()))
        runs |= _find_runs(connection, list(firsts))
        run_each(connection, _ADD_DETAIL, [{"run_id": runs[uid]} for uid in firsts])
    values = [_journal_values(new, runs[new.key.run]) for new in missing]
    run_each(connection, _ADD_JOURNAL, values)
    made_with = {new.key for new in firsts.values()}
    found = find_journals_of(connection, [new.key for new in journals])
    return {key: (row, key in made_with) for key, (row, _, _) in found.items()}


def _find_runs(connection: sa.Connection, uids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(uids), _IN_ONE_QUERY):
        given = {"uids": uids[start : start + _IN_ONE_QUERY]}
        found.update((row.uid, row.id) for row in connection.execute(_FIND_RUNS, given))
    return found


def _journal_values(new: New, run_id: int) -> dict[str, object]:
    header, position = new.header, Position()
    started = clamp(header.started_us)
    return {
        "run_id": run_id, "writer": new.key.writer, "remote": new.remote,
        "host": storable(header.host)[:MAX_NAME], "pid": clamp(header.pid),
        "rank": clamp(header.rank) % 2**31, "primary": header.primary, "started_us": started,
        "contact_us": started, "facts_pos": position.offset, "rows_pos": position.offset,
        "rows_ordinal": 0, "schemas": position.schemas,
    }  # fmt: skip


def _add_runs(connection: sa.Connection, firsts: Sequence[New]) -> None:
    """Make the runs of some journals, each by its first one."""
    colors: dict[tuple[str, str], int] = {}
    projects: dict[tuple[str, str], tuple[int, int]] = {}
    rows = []
    for new in firsts:
        header = new.header
        entity = storable(header.entity)[:MAX_NAME] or DEFAULT_ENTITY
        title = storable(header.project)[:MAX_NAME] or DEFAULT_PROJECT
        place = entity, title
        started = clamp(header.started_us)
        if place not in projects:
            projects[place] = _enroll_project(connection, entity, title, started)
        project_id, color = projects[place]
        number = colors[place] = colors.get(place, -1) + 1
        name = storable(header.run_id)[:MAX_NAME]
        rows.append({
            "uid": new.key.run, "project_id": project_id, "name_id": name, "name": name,
            "state": RunState.RUNNING.value, "created_us": started, "updated_us": started,
            "tags": _NO_TAGS, "color": color + number,
            "host": storable(header.host)[:MAX_NAME], "archived": is_marked(new.directory),
        })  # fmt: skip
    run_each(connection, _ADD_RUN, rows)
    for (entity, title), last in colors.items():
        given = {"owner": entity, "title": title, "more": last + 1}
        connection.execute(_COUNT_COLORS, given)


def _enroll_project(
    connection: sa.Connection, entity: str, name: str, now_us: int
) -> tuple[int, int]:
    """The project's id and the color of its next run."""
    here = {"owner": entity, "title": name}
    found = connection.execute(_FIND_PROJECT, here).first()
    if found is None:
        row = {
            "entity": entity, "name": name, "created_us": now_us, "updated_us": now_us,
            "next_color": 0,
        }  # fmt: skip
        connection.execute(upsert(connection.dialect.name, project, ("entity", "name"), None), row)
        found = connection.execute(_FIND_PROJECT, here).one()
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
