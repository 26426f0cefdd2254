"""Single runs: read them, and ask them to end. Others change and delete them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from epochal.domain.names import run_uid
from epochal.domain.objects import RunRef
from epochal.domain.run import RunState, StopRequest
from epochal.domain.view import ResumeState, RunDetail
from epochal.errors import Conflict, NotFound, Unavailable
from epochal.journal import stop as stops
from epochal.journal.home import run_directory
from epochal.store.apply import RunNews, describe_change
from epochal.store.changes import update_run, update_runs
from epochal.store.deletion import delete_run, delete_runs
from epochal.store.enroll import next_revision
from epochal.store.moved import moved_to
from epochal.store.projects import list_projects, project_keys
from epochal.store.rows import find_project_id, find_run_id, run_rows, suggest
from epochal.store.schema import run
from epochal.store.store import Store
from epochal.store.views import read_detail, read_resume_state

__all__ = [
    "delete_run",
    "delete_runs",
    "forget_stop",
    "get_run",
    "list_projects",
    "project_keys",
    "resolve_run",
    "resume_state",
    "stop_of",
    "stop_run",
    "update_run",
    "update_runs",
]


def get_run(store: Store, uid: str) -> RunDetail:
    """Everything about a run but its points and console.

    One that was moved and then deleted for good leads on to where it went.

    Raises:
        NotFound: no such run.
    """
    with store.database.read() as connection:
        try:
            found = read_detail(connection, find_run_id(connection, uid))
        except NotFound:
            ref = moved_to(connection, uid)
            if ref is None:
                raise
            found = read_detail(connection, find_run_id(connection, ref.uid))
        if found.archived:
            went = moved_to(connection, uid)
            found = msgspec.structs.replace(found, moved_to=went)
    if found.state is not RunState.RUNNING:
        return found
    return msgspec.structs.replace(found, stop=stops.read_stop(run_directory(store.home, uid)))


def find_moved(store: Store, uids: Sequence[str]) -> dict[str, RunRef]:
    """Where runs went that were moved to other projects; those that stayed are left out."""
    with store.database.read() as connection:
        found = {uid: moved_to(connection, uid) for uid in uids}
    return {uid: ref for uid, ref in found.items() if ref is not None}


def resolve_run(store: Store, entity: str, project_name: str, id: str) -> str:
    """The uid of the run with this id, or of the one that went from there to another place.

    Raises:
        NotFound: no such project, or no such run in it; the message names a similar one.
    """
    with store.database.read() as connection:
        went = moved_to(connection, run_uid(entity, project_name, id))
        try:
            project_id = find_project_id(connection, entity, project_name)
        except NotFound:
            if went is None:
                raise
            return went.uid
        query = sa.select(run.c.uid).where(run.c.project_id == project_id, run.c.name_id == id)
        uid: str | None = connection.execute(query).scalar()
        if uid is None and went is not None:
            uid = went.uid
        if uid is not None:
            return uid
        known = connection.execute(
            sa.select(run.c.name_id).where(run.c.project_id == project_id)
        ).scalars()
        raise NotFound(
            f"project {project_name!r} has no run with the id {id[:80]!r}{suggest(id, known)}"
        )


def resume_state(store: Store, uid: str) -> ResumeState:
    """What a writer needs to go on with a run; ``exists`` is false when there is none."""
    with store.database.read() as connection:
        try:
            run_id = find_run_id(connection, uid)
        except NotFound:
            return ResumeState(exists=False)
        return read_resume_state(connection, run_id)


def stop_run(store: Store, uid: str, request: StopRequest) -> None:
    """Leave the wish that a run ends; its process hears it within seconds.

    Raises:
        NotFound: no such run.
        Conflict: it has ended.
        Unavailable: the disk does not take the wish.
    """
    with store.database.write() as connection:
        run_id = find_run_id(connection, uid)
        row = run_rows(connection, [run_id])[0]
        if row.state is not RunState.RUNNING:
            raise Conflict(f"run {row.id!r} is not running, it is {row.state}; nothing to stop")
        try:
            stops.write_stop(run_directory(store.home, uid), request)
        except OSError as error:
            raise Unavailable(f"the wish to stop cannot be kept: {error.strerror}") from error
        connection.execute(
            sa.update(run).where(run.c.id == run_id).values(rev=next_revision(connection))
        )
        change = describe_change(connection, run_id, RunNews(uid=uid, what={"facts"}))
    store.announce(change)


def stop_of(store: Store, uid: str) -> StopRequest | None:
    """The wish that a run ends, or None.

    Raises:
        InvalidInput: ``uid`` is malformed.
    """
    return stops.read_stop(run_directory(store.home, uid))


def forget_stop(store: Store, uid: str) -> None:
    """A process goes on with the run: that an earlier one should stop is over."""
    stops.forget_stop(run_directory(store.home, uid))
