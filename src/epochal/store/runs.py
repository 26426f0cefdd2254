"""Single runs: read, change, delete."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.names import MAX_NAME, MAX_TAG, MAX_TEXT, check_name, check_uid, run_uid
from epochal.domain.objects import RunRef
from epochal.domain.run import RunState, StopRequest
from epochal.domain.tracked import NOTES
from epochal.domain.view import ResumeState, RunChange, RunChanges, RunDetail, RunRow
from epochal.errors import Conflict, InvalidInput, NotFound, Unavailable
from epochal.journal import stop as stops
from epochal.journal.home import run_directory
from epochal.journal.liveness import is_held
from epochal.store import archived
from epochal.store.apply import RunNews, describe_change
from epochal.store.curation import remove_made
from epochal.store.enroll import next_revision
from epochal.store.facts import MAX_TAGS, set_tags
from epochal.store.keep import keep_records
from epochal.store.labels import read_labels, remove_label
from epochal.store.moved import moved_to
from epochal.store.preferences import forget_run
from epochal.store.projects import list_projects, project_keys
from epochal.store.rows import find_project_id, find_run_id, run_rows, suggest
from epochal.store.schema import project, run
from epochal.store.store import Store
from epochal.store.tail import find_journals
from epochal.store.versions import run_ref
from epochal.store.views import read_detail, read_resume_state

__all__ = [
    "delete_run",
    "forget_stop",
    "get_run",
    "list_projects",
    "project_keys",
    "resolve_run",
    "resume_state",
    "stop_of",
    "stop_run",
    "update_run",
]

DELETED_PREFIX = ".deleted-"


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


def update_run(store: Store, uid: str, changes: RunChanges) -> RunRow:
    """Change attributes of a run; what is None stays.

    Raises:
        NotFound: no such run.
        InvalidInput: a value is not acceptable; nothing was changed.
        Conflict: the name or the notes are not what the caller thinks; nothing was changed.
        StorageFull: no room to write down that it is archived.
    """
    values = _check_changes(changes)
    with store.database.write() as connection:
        run_id = find_run_id(connection, uid)
        _check_name(connection, run_id, changes.name_were)
        _check_notes(connection, run_id, changes.notes_were)
        tags = _tags_after(connection, run_id, changes)
        if tags is not None:
            values["tags"] = set_tags(connection, run_id, _check_tags(tags))
        if changes.notes is not None:
            remove_label(connection, run_id, NOTES)  # of a run from before they were notes
        if values:
            values["rev"] = next_revision(connection)
            connection.execute(sa.update(run).where(run.c.id == run_id).values(values))
            if changes.archived is not None:
                archived.set_mark(store, uid, on=changes.archived)
            change = describe_change(connection, run_id, RunNews(uid=uid, what={"facts"}))
        row = run_rows(connection, [run_id])[0]
    if values:
        store.announce(change)
        for tell in store.changed:
            tell(row, changes)
    return row


def _check_name(connection: sa.Connection, run_id: int, expected: str | None) -> None:
    """Refuse to rename what somebody else renamed meanwhile."""
    if expected is None:
        return
    found = connection.execute(sa.select(run.c.name).where(run.c.id == run_id)).scalar_one()
    if found != expected:
        raise Conflict(f"somebody renamed the run to {found!r} meanwhile; nothing was changed")


def _tags_after(connection: sa.Connection, run_id: int, changes: RunChanges) -> list[str] | None:
    """The tags that a run is to have; None when they stay. Those of others stay in any case."""
    if changes.add_tags is None and changes.remove_tags is None:
        return changes.tags
    if changes.tags is not None:
        raise InvalidInput("tags sets all tags: send either it, or add_tags and remove_tags")
    removed = set(changes.remove_tags or []) - set(changes.add_tags or [])
    there = run_rows(connection, [run_id])[0].tags
    wanted = [tag for tag in [*there, *(changes.add_tags or [])] if tag not in removed]
    after = list(dict.fromkeys(wanted))
    return None if after == there else after


def _check_notes(connection: sa.Connection, run_id: int, expected: str | None) -> None:
    """Refuse to write over notes that somebody else changed meanwhile."""
    if expected is None:
        return
    found = connection.execute(sa.select(run.c.notes).where(run.c.id == run_id)).scalar_one()
    before = read_labels(connection, [run_id]).get(run_id, {}).get(NOTES, "")
    if expected not in (found, found or before):
        raise Conflict("somebody changed the notes meanwhile; read them again before you save")


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


def _check_changes(changes: RunChanges) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if changes.name is not None:
        values["name"] = check_name(changes.name, "run name")
    for field, limit in (("group", MAX_NAME), ("job_type", MAX_NAME)):
        text = getattr(changes, field)
        if text is not None:
            values[field] = check_name(text, field, limit) if text.strip() else ""
    if changes.notes is not None:
        if len(changes.notes) > MAX_TEXT:
            raise InvalidInput(
                f"notes have {len(changes.notes)} characters, the limit is {MAX_TEXT}"
            )
        values["notes"] = changes.notes.replace("\0", "\ufffd")
    if changes.archived is not None:
        values["archived"] = changes.archived
    if changes.color is not None:
        if not 0 <= changes.color < 2**31:
            raise InvalidInput(f"color must be from 0 to 2**31 - 1, got {changes.color}")
        values["color"] = changes.color
    return values


def _check_tags(tags: list[str]) -> list[str]:
    if len(tags) > MAX_TAGS:
        raise InvalidInput(f"a run can have {MAX_TAGS} tags, got {len(tags)}")
    return [check_name(tag, "tag", MAX_TAG) for tag in tags]


def delete_run(store: Store, uid: str, *, versions: bool = False) -> None:
    """Remove a run for good: its rows, segments and journals.

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
    check_uid(uid)
    for let_go in store.let_go:
        let_go(uid)
    with store.moving:
        refuse_written(store, uid)
        with store.database.read() as connection:
            run_id = find_run_id(connection, uid)
            change = describe_change(connection, run_id, RunNews(uid=uid, what={"deleted"}))
            ref = run_ref(connection, run_id)
        if versions:
            with store.database.write() as connection:
                remove_made(connection, run_id)
        keep_records(store, run_id, ref)
        # The name goes first: whatever happens next, no half of the run can come back.
        grave = store.home / "runs" / f"{DELETED_PREFIX}{uid}-{time.time_ns()}"
        with contextlib.suppress(FileNotFoundError):
            os.rename(run_directory(store.home, uid), grave)
        with store.database.write() as connection:
            remove_rows(connection, run_id)
            forget_run(connection, uid)
            revision = next_revision(connection)
        store.tails.drop_run(uid)
        store.segments.forget_run(uid)
        shutil.rmtree(grave, ignore_errors=True)
    store.announce(
        RunChange(
            uid=uid, entity=change.entity, project=change.project, rev=revision, what=["deleted"],
            state=RunState(change.state), last_step=change.last_step, reset=True,
        )
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


def remove_rows(connection: sa.Connection, run_id: int) -> None:
    """Remove a run's rows everywhere, and its project when it was the last one."""
    project_id = connection.execute(
        sa.select(run.c.project_id).where(run.c.id == run_id)
    ).scalar_one()
    connection.execute(sa.delete(run).where(run.c.id == run_id))
    others = connection.execute(
        sa.select(sa.func.count()).select_from(run).where(run.c.project_id == project_id)
    )
    if others.scalar_one() == 0:
        connection.execute(sa.delete(project).where(project.c.id == project_id))
