"""Runs that came from another project, as their labels tell; see `store.moves`.

The labels are facts of the new run, so that an old address still leads on when the database was
made anew, and when what lay there was deleted for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.moving import CAME, PARENT, Came, read_came
from epochal.domain.objects import RunRef
from epochal.store.dialect import batches, upsert
from epochal.store.labels import LABEL
from epochal.store.schema import Text, key, param, project, run
from epochal.store.schema_objects import artifact_version, version_run

_decode_maker = msgspec.msgpack.Decoder(RunRef).decode

_TO = (
    sa.select(run.c.uid, run.c.name_id, project.c.entity, project.c.name, run.c.name)
    .join(project, project.c.id == run.c.project_id)
    .join(param, param.c.run_id == run.c.id)
    .join(key, key.c.id == param.c.key_id)
    .where(key.c.name == sa.bindparam("label"), param.c.scope == LABEL)
    .order_by(run.c.archived, param.c.txt.desc())
    .limit(1)
)
_FROM = (
    sa.select(param.c.txt)
    .join(key, key.c.id == param.c.key_id)
    .where(
        param.c.run_id == sa.bindparam("run"), param.c.scope == LABEL,
        key.c.name == sa.bindparam("label"),
    )
)  # fmt: skip
_BEFORE = (
    sa.select(key.c.name)
    .join(param, param.c.key_id == key.c.id)
    .where(
        param.c.run_id == run.c.id, param.c.scope == LABEL, key.c.name.startswith(CAME),
        param.c.txt >= sa.cast(run.c.updated_us, Text),
    )
)  # fmt: skip
_EVERY = (
    sa.select(param.c.run_id, key.c.name)
    .join(key, key.c.id == param.c.key_id)
    .where(key.c.name.startswith(CAME), param.c.scope == LABEL)
)
_MADE = (
    sa.select(run.c.uid, version_run.c.version_id)
    .join(run, run.c.id == version_run.c.run_id)
    .where(run.c.uid.in_(sa.bindparam("uids", expanding=True)))
)


def only_moved() -> sa.ColumnElement[bool]:
    """Whether nothing happened to a run of the table ``run`` since it came from elsewhere."""
    return _BEFORE.correlate(run).exists()


def moved_to(connection: sa.Connection, uid: str) -> RunRef | None:
    """Where a run went, last and not archived if possible; None for one that stayed."""
    found = connection.execute(_TO, {"label": CAME + uid}).first()
    return None if found is None else RunRef(*found)


def came_from(connection: sa.Connection, run_id: int, uid: str) -> Came | None:
    """What a run keeps of having been the run ``uid``; None when it never was."""
    found = connection.execute(_FROM, {"run": run_id, "label": CAME + uid}).scalar()
    return None if found is None else read_came(found)


def children(
    connection: sa.Connection, entity: str, name: str, parents: Sequence[str]
) -> list[tuple[int, str]]:
    """Runs of a project that name one of some runs as the one above them.

    Returns:
        Their row ids, each with the uid that it names.
    """
    query = (
        sa.select(run.c.id, param.c.txt)
        .join(param, param.c.run_id == run.c.id)
        .join(key, key.c.id == param.c.key_id)
        .join(project, project.c.id == run.c.project_id)
        .where(
            key.c.name == PARENT, param.c.scope == LABEL,
            param.c.txt.in_(sa.bindparam("parents", expanding=True)),
            project.c.entity == entity, project.c.name == name,
        )
        .order_by(run.c.id)
    )  # fmt: skip
    return [
        (row.id, row.txt)
        for part in batches(parents)
        for row in connection.execute(query, {"parents": part})
    ]


def share_versions(connection: sa.Connection, runs: Sequence[tuple[int, str]]) -> None:
    """Count runs among the makers of every version that they made as what they were before.

    Versions stay with the project that names them, and so does the record of who made them first.

    Args:
        connection: a write transaction.
        runs: row ids, each with the uid that the run had.
    """
    made: dict[str, list[int]] = {}
    for part in batches([uid for _, uid in runs]):
        for row in connection.execute(_MADE, {"uids": part}):
            made.setdefault(row.uid, []).append(row.version_id)
    for run_id, uid in runs:
        _add_maker(connection, run_id, made.get(uid, []))


def restore_makers(connection: sa.Connection) -> None:
    """`share_versions` for all runs that came from elsewhere, in a database that is made anew."""
    came = [(row.run_id, row.name.removeprefix(CAME)) for row in connection.execute(_EVERY)]
    if not came:
        return
    made: dict[str, list[int]] = {}
    for row in connection.execute(sa.select(artifact_version.c.id, artifact_version.c.maker)):
        made.setdefault(_decode_maker(row.maker).uid, []).append(row.id)
    share_versions(connection, came)
    for run_id, uid in came:
        _add_maker(connection, run_id, made.get(uid, []))


def _add_maker(connection: sa.Connection, run_id: int, versions: Any) -> None:
    rows = [{"version_id": version, "run_id": run_id} for version in versions]
    if rows:
        connection.execute(
            upsert(connection.dialect.name, version_run, ("version_id", "run_id"), None), rows
        )
