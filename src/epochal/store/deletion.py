"""Deleting runs for good: their rows, segments and journals.

The directory of a run gets another name first, so that no half of it can come back whatever
happens next; `store.sweep` ends what a crash left. Many runs leave the index in one transaction,
and one that refuses keeps no other from going.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import sqlalchemy as sa

from epochal.domain.names import check_uid
from epochal.domain.objects import RunRef
from epochal.domain.view import RunChange, RunRow
from epochal.errors import Conflict, EpochalError, Unavailable
from epochal.journal.home import run_directory
from epochal.journal.liveness import is_held
from epochal.store.changes import each
from epochal.store.curation import remove_made
from epochal.store.dialect import batches
from epochal.store.enroll import next_revision
from epochal.store.keep import keep_records, leaving
from epochal.store.preferences import forget_runs
from epochal.store.rows import find_run_id, find_runs, no_run, run_rows
from epochal.store.schema import project, run
from epochal.store.store import Store
from epochal.store.tail import find_journals

DELETED_PREFIX = ".deleted-"


class _Doomed(msgspec.Struct):
    """A run that goes, and the name that its directory has meanwhile."""

    row: RunRow
    id: int
    grave: Path


def delete_run(store: Store, uid: str, *, versions: bool = False) -> None:
    """Remove a run for good.

    Args:
        store: of the home.
        uid: the run.
        versions: remove the artifact versions as well that no other run made; else all stay.

    Raises:
        NotFound: no such run.
        Conflict: a process of this machine is writing it, or a model stands on one of the
            versions; nothing was removed then.
        InvalidInput: ``uid`` is malformed.
    """
    _let_go(store, check_uid(uid))
    refused: dict[str, EpochalError] = {}
    with store.moving:
        if versions:
            refuse_written(store, uid)
            with store.database.write() as connection:
                remove_made(connection, find_run_id(connection, uid))
        doomed = _remove(store, [uid], refused)
    if refused:
        raise refused[uid]
    _clear(doomed)


def delete_runs(store: Store, uids: Sequence[str]) -> dict[str, EpochalError]:
    """Remove some runs for good. Artifact versions stay.

    Returns:
        Those that refused, with what `delete_run` would have raised.
    """
    refused: dict[str, EpochalError] = {}
    free = each(list(dict.fromkeys(uids)), lambda uid: _let_go(store, check_uid(uid)), refused)
    with store.moving:
        doomed = _remove(store, free, refused)
    _clear(doomed)
    return refused


def _remove(store: Store, uids: Sequence[str], refused: dict[str, EpochalError]) -> list[_Doomed]:
    """Take runs out of the index; what is left of them are their graves."""
    doomed = _bury(store, uids, refused)
    if not doomed:
        return []
    with store.database.write() as connection:
        remove_rows(connection, [one.id for one in doomed])
        forget_runs(connection, [one.row.uid for one in doomed])
        revision = next_revision(connection)
    for one in doomed:
        store.tails.drop_run(one.row.uid)
        store.segments.forget_run(one.row.uid)
        store.announce(_gone(one.row, revision))
    return doomed


def _clear(doomed: Sequence[_Doomed]) -> None:
    for one in doomed:
        shutil.rmtree(one.grave, ignore_errors=True)


def _bury(store: Store, uids: Sequence[str], refused: dict[str, EpochalError]) -> list[_Doomed]:
    """Take the directories of runs away; what the runs leave behind is written down before."""
    idle = each(uids, lambda uid: refuse_written(store, uid), refused)
    with store.database.read() as connection:
        known = find_runs(connection, idle)
        rows = {row.uid: row for row in run_rows(connection, list(known.values()))}
        refs = {known[uid]: _ref(row) for uid, row in rows.items()}
        heirs = leaving(connection, refs)
    doomed: list[_Doomed] = []

    def bury(uid: str) -> None:
        if uid not in known:
            raise no_run(uid)
        if known[uid] in heirs:
            keep_records(store, known[uid], refs[known[uid]])
        grave = store.home / "runs" / f"{DELETED_PREFIX}{uid}-{time.time_ns()}"
        try:
            os.rename(run_directory(store.home, uid), grave)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise Unavailable(f"the files of run {uid} stay: {error.strerror}") from error
        doomed.append(_Doomed(rows[uid], known[uid], grave))

    each(idle, bury, refused)
    return doomed


def _let_go(store: Store, uid: str) -> None:
    for let_go in store.let_go:
        let_go(uid)


def _ref(row: RunRow) -> RunRef:
    return RunRef(row.uid, row.id, row.entity, row.project, row.name)


def _gone(row: RunRow, revision: int) -> RunChange:
    return RunChange(
        uid=row.uid, entity=row.entity, project=row.project, rev=revision, what=["deleted"],
        state=row.state, last_step=row.last_step, reset=True,
    )  # fmt: skip


def refuse_written(store: Store, uid: str) -> None:
    """Refuse a run of which a process of this machine writes a journal.

    Raises:
        Conflict: one does.
    """
    for key in find_journals(store.home, uid):
        with contextlib.suppress(FileNotFoundError):
            if is_held(key.path(store.home)) and not os.path.exists(key.remote_mark(store.home)):
                raise Conflict(f"run {uid} is being written by a living process; stop it first")


def remove_rows(connection: sa.Connection, run_ids: Sequence[int]) -> None:
    """Remove runs' rows everywhere, and the projects of which they were the last."""
    projects: set[int] = set()
    for part in batches(run_ids):
        which = sa.select(run.c.project_id).where(run.c.id.in_(part)).distinct()
        projects.update(connection.execute(which).scalars())
        connection.execute(sa.delete(run).where(run.c.id.in_(part)))
    for project_id in projects:
        left = sa.select(run.c.id).where(run.c.project_id == project_id).limit(1)
        if connection.execute(left).first() is None:
            connection.execute(sa.delete(project).where(project.c.id == project_id))
