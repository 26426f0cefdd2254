"""From rows of the database to the structs of `domain.view`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.run import RunState
from epochal.domain.view import RunRow
from epochal.errors import NotFound
from epochal.store.dialect import batches
from epochal.store.schema import project, run

_decode = msgspec.msgpack.decode
_decode_tags = msgspec.msgpack.Decoder(list[str]).decode

_ROWS = (
    sa.select(
        run.c.id, run.c.uid, run.c.name_id, project.c.entity, project.c.name, run.c.name,
        run.c.state, run.c.created_us, run.c.updated_us, run.c.ended_us, run.c.group,
        run.c.job_type, run.c.tags, run.c.notes, run.c.color, run.c.archived, run.c.host,
        run.c.exit_code, run.c.last_step, run.c.nan_key, run.c.nan_step,
    )
    .join(project, project.c.id == run.c.project_id)
    .where(run.c.id.in_(sa.bindparam("ids", expanding=True)))
)  # fmt: skip


def run_rows(connection: sa.Connection, ids: list[int]) -> list[RunRow]:
    """The runs with these database ids, in this order; missing ones are left out."""
    found: dict[int, RunRow] = {}
    for part in batches(ids):
        rows = connection.execute(_ROWS, {"ids": part}).all()
        found.update((id, _run_row(*rest)) for id, *rest in rows)
    return [found[id] for id in ids if id in found]


def _run_row(
    uid: str, id: str, entity: str, project: str, name: str, state: str, created_us: int,
    updated_us: int, ended_us: int | None, group: str, job_type: str, tags: bytes, *rest: Any,
) -> RunRow:  # fmt: skip
    """From the columns of `_ROWS`, which stand in the order of `RunRow`."""
    return RunRow(
        uid, id, entity, project, name, RunState(state), created_us, updated_us, ended_us,
        group, job_type, _decode_tags(tags), *rest,
    )  # fmt: skip


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
        raise no_run(uid)
    return found


def find_runs(connection: sa.Connection, uids: Sequence[str]) -> dict[str, int]:
    """The database ids of those of some runs that exist, by uid."""
    found: dict[str, int] = {}
    for part in batches(uids):
        query = sa.select(run.c.uid, run.c.id).where(run.c.uid.in_(part))
        found.update((row.uid, row.id) for row in connection.execute(query))
    return found


def no_run(uid: str) -> NotFound:
    """What to raise where a run is asked for that does not exist."""
    missing = NotFound(f"there is no run with the uid {uid[:80]!r} in this store")
    missing.run = uid[:80]
    return missing


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
