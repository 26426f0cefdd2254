"""From rows of the database to the structs of `domain.view`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.run import RunState
from epochal.domain.view import RunRow
from epochal.errors import NotFound
from epochal.store.schema import project, run

_decode = msgspec.msgpack.decode
_decode_tags = msgspec.msgpack.Decoder(list[str]).decode

RUN_COLUMNS = [
    column for column in run.c if column.name not in ("lines", "rev", "parent", "sweep")
]


def run_rows(connection: sa.Connection, ids: list[int]) -> list[RunRow]:
    """The runs with these database ids, in this order; missing ones are left out."""
    query = (
        sa.select(*RUN_COLUMNS, project.c.entity, project.c.name.label("project"))
        .join(project, project.c.id == run.c.project_id)
        .where(run.c.id.in_(ids))
    )
    found = {row["id"]: run_row(row) for row in connection.execute(query).mappings()}
    return [found[id] for id in ids if id in found]


def run_row(row: Any) -> RunRow:
    """One mapping of `RUN_COLUMNS` with entity and project."""
    return RunRow(
        uid=row["uid"],
        id=row["name_id"],
        entity=row["entity"],
        project=row["project"],
        name=row["name"],
        state=RunState(row["state"]),
        created_us=row["created_us"],
        updated_us=row["updated_us"],
        ended_us=row["ended_us"],
        group=row["group"],
        job_type=row["job_type"],
        tags=_decode_tags(row["tags"]),
        notes=row["notes"],
        color=row["color"],
        archived=row["archived"],
        host=row["host"],
        exit_code=row["exit_code"],
        last_step=row["last_step"],
        nan_key=row["nan_key"],
        nan_step=row["nan_step"],
    )


def decode_mapping(blob: bytes) -> dict[str, Any]:
    """A msgpack blob that holds a mapping."""
    value: dict[str, Any] = _decode(blob)
    return value


def find_run_id(connection: sa.Connection, uid: str) -> int:
    """The database id of a run.

    Raises:
        NotFound: no such run.
    """
    found: int | None = connection.execute(sa.select(run.c.id).where(run.c.uid == uid)).scalar()
    if found is None:
        raise NotFound(f"there is no run with the uid {uid[:80]!r} in this store")
    return found


def find_project_id(connection: sa.Connection, entity: str, name: str) -> int:
    """The database id of a project.

    Raises:
        NotFound: no such project; the message names a similar one.
    """
    query = sa.select(project.c.id).where(project.c.entity == entity, project.c.name == name)
    found: int | None = connection.execute(query).scalar()
    if found is None:
        names = connection.execute(sa.select(project.c.name).where(project.c.entity == entity))
        raise NotFound(
            f"there is no project {name[:80]!r} of {entity[:80]!r}{suggest(name, names.scalars())}"
        )
    return found


def suggest(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` when something similar exists, else an empty text."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
