"""Reports in the database, each change in their files first (`store.reportfiles`).

A change names the revision that it was made on; another one by now is a conflict, and nothing is
written over; what it replaces can still be read (`store.reporthistory`). A deleted report can be
restored for thirty days.
"""

from __future__ import annotations

import re
import time
import unicodedata
from typing import Final

import msgspec
import sqlalchemy as sa

from epochal.domain.names import new_uid
from epochal.domain.report import NewReport, ReportChanges, ReportRow
from epochal.errors import Conflict, CorruptFile, NotFound
from epochal.store.reportfiles import (
    StoredReport,
    forget_files,
    read_reports,
    write_report,
)
from epochal.store.reporthistory import keep_version
from epochal.store.rows import suggest
from epochal.store.schema_reports import report
from epochal.store.store import Store

KEPT_US: Final = 30 * 86_400_000_000
"""How long a deleted report can be restored."""
_LONGEST: Final = 60
_FIELDS: Final = [report.c[name] for name in StoredReport.__struct_fields__]
_ROW_FIELDS: Final = [report.c[name] for name in ReportRow.__struct_fields__]


def list_reports(
    store: Store, entity: str, project: str, *, deleted: bool = False
) -> list[ReportRow]:
    """Reports of a project, or those that were deleted, the last changed first."""
    is_gone = report.c.deleted_us.is_not(None) if deleted else report.c.deleted_us.is_(None)
    query = sa.select(*_ROW_FIELDS).where(*_of(entity, project), is_gone)
    with store.database.read() as connection:
        rows = connection.execute(query.order_by(report.c.updated_us.desc(), report.c.id.desc()))
        return [ReportRow(*row) for row in rows]


def find_report(store: Store, entity: str, project: str, name: str) -> StoredReport:
    """A report that is there.

    Raises:
        NotFound: there is none of that name; the message names a similar one.
    """
    with store.database.read() as connection:
        return _find(connection, entity, project, name)


def create_report(store: Store, new: NewReport, author: str) -> StoredReport:
    """Make a report; its title gives its name.

    Raises:
        StorageFull: no room.
    """
    now = time.time_ns() // 1000
    uid = new_uid()
    try:
        with store.database.write() as connection:
            name = _free_name(connection, new.entity, new.project, _name_of(new.title))
            made = StoredReport(
                uid, new.entity, new.project, name, new.title, new.text, 1, now, now,
                author, author, None,
            )  # fmt: skip
            connection.execute(sa.insert(report).values(msgspec.structs.asdict(made)))
            write_report(store, made)
    except Exception:  # whatever it was: the report was not made, a rebuild must not find it
        forget_files(store, uid)
        raise
    return made


def change_report(
    store: Store, entity: str, project: str, name: str, changes: ReportChanges, author: str
) -> StoredReport:
    """Keep another title or text.

    Raises:
        NotFound: there is none of that name.
        Conflict: somebody changed it meanwhile.
        StorageFull: no room.
    """
    with store.database.write() as connection:
        was = _find(connection, entity, project, name)
        if was.revision != changes.revision:
            raise Conflict(
                f"report {name!r} was changed by {was.updated_by!r} meanwhile: it is at revision "
                f"{was.revision}, the change was made on {changes.revision}; read it again"
            )
        now = msgspec.structs.replace(
            was,
            title=was.title if changes.title is None else changes.title,
            text=was.text if changes.text is None else changes.text,
            revision=was.revision + 1,
            updated_us=time.time_ns() // 1000,
            updated_by=author,
        )
        if (now.title, now.text) != (was.title, was.text):
            keep_version(store, was)
        _keep(store, connection, now)
    return now


def delete_report(store: Store, entity: str, project: str, name: str) -> None:
    """Take a report away; what was deleted long ago goes for good.

    Raises:
        NotFound: there is none of that name.
    """
    now = time.time_ns() // 1000
    with store.database.write() as connection:
        was = _find(connection, entity, project, name)
        _keep(store, connection, msgspec.structs.replace(was, deleted_us=now))
        for old in _deleted_before(connection, now - KEPT_US):
            connection.execute(sa.delete(report).where(report.c.uid == old))
            forget_files(store, old)


def restore_report(store: Store, entity: str, project: str, name: str) -> StoredReport:
    """Bring a deleted report back; one that is there stays as it is.

    Raises:
        NotFound: there is none of that name.
    """
    with store.database.write() as connection:
        was = _find(connection, entity, project, name, deleted=True)
        now = msgspec.structs.replace(was, deleted_us=None)
        _keep(store, connection, now)
    return now


def restore_reports(store: Store) -> list[CorruptFile]:
    """Bring reports back into an empty database; returns what could not be read.

    Where several have one name, it goes to the one that is there and was changed last; the others
    get a number.
    """
    problems: list[CorruptFile] = []
    found: list[StoredReport] = []
    for one in read_reports(store.home):
        if isinstance(one, CorruptFile):
            problems.append(one)
        else:
            found.append(one)
    found.sort(key=lambda one: (one.deleted_us is not None, -one.updated_us, one.uid))
    with store.database.write() as connection:
        for one in found:
            name = _free_name(connection, one.entity, one.project, one.name)
            values = msgspec.structs.asdict(one) | {"name": name}
            connection.execute(sa.insert(report).values(values))
    return problems


def _deleted_before(connection: sa.Connection, moment_us: int) -> list[str]:
    query = sa.select(report.c.uid).where(report.c.deleted_us < moment_us)
    return list(connection.execute(query).scalars())


def _keep(store: Store, connection: sa.Connection, now: StoredReport) -> None:
    values = msgspec.structs.asdict(now)
    connection.execute(sa.update(report).where(report.c.uid == now.uid).values(values))
    write_report(store, now)


def _of(entity: str, project: str) -> tuple[sa.ColumnElement[bool], ...]:
    return report.c.entity == entity, report.c.project == project


def _find(
    connection: sa.Connection, entity: str, project: str, name: str, *, deleted: bool = False
) -> StoredReport:
    of_project = sa.select(*_FIELDS).where(*_of(entity, project))
    row = connection.execute(of_project.where(report.c.name == name)).first()
    if row is not None and (deleted or row.deleted_us is None):
        return StoredReport(*row)
    if row is not None:
        raise NotFound(f"report {name!r} was deleted; it can be restored for thirty days")
    there = sa.select(report.c.name).where(*_of(entity, project), report.c.deleted_us.is_(None))
    known = list(connection.execute(there).scalars())
    raise NotFound(f"project {project!r} has no report {name[:80]!r}{suggest(name, known)}")


def _name_of(title: str) -> str:
    """A title in letters that stand in an address."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST].strip("-") or "report"


def _free_name(connection: sa.Connection, entity: str, project: str, base: str) -> str:
    """A name, with a number where it is in use."""
    same = report.c.name.startswith(base, autoescape=True)
    query = sa.select(report.c.name).where(*_of(entity, project), same)
    taken = set(connection.execute(query).scalars())
    number = 1
    while (name := base if number == 1 else f"{base}-{number}") in taken:
        number += 1
    return name
