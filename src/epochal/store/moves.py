"""Moving a run to another project: a copy there, then the run as it was is archived.

The copy is a run of its own, with the uid that its place gives it. Promises: it shows whole or not
at all; whatever ends a move in the middle, the old run is whole, and moving again ends well; a run
that was moved already is not copied twice. Docs: docs/decisions/0019-moves.md.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import time
from pathlib import Path

import sqlalchemy as sa

from epochal.domain.moving import CAME, PARENT, Came, MoveTo, came_text
from epochal.domain.names import new_uid, run_uid
from epochal.domain.objects import RunRef
from epochal.domain.record import Attributes, Event, Fact, Finish, Header, Labels
from epochal.domain.run import RunState
from epochal.domain.view import RunChanges, RunRow
from epochal.errors import Conflict, CorruptFile
from epochal.journal.frame import FILE_HEADER_SIZE
from epochal.journal.home import run_directory
from epochal.journal.liveness import is_held
from epochal.journal.spool import finish_spool, spool_directory
from epochal.store import arrivals
from epochal.store.apply import RunNews, describe_change
from epochal.store.archive import ARCHIVE_VERSION, Archive
from epochal.store.changes import update_run
from epochal.store.copying import Place, Rewriting, copy_files, write_archive_to
from epochal.store.deletion import refuse_written
from epochal.store.durable import durable_files
from epochal.store.ingest import Problem, apply_journal
from epochal.store.labels import read_labels
from epochal.store.moved import came_from, children, moved_to, share_versions
from epochal.store.recover import Late, restore_journal, restore_run
from epochal.store.resume import write_resumes
from epochal.store.rows import find_run_id, run_rows
from epochal.store.schema import experiment, journal, run
from epochal.store.store import Store
from epochal.store.tail import JournalKey, find_journals


def move_run(store: Store, uid: str, to: MoveTo) -> RunRow:
    """Move a run.

    Args:
        store: the home.
        uid: the run.
        to: names that were checked.

    Returns:
        The new run.

    Raises:
        NotFound: no such run.
        Conflict: it runs, is archived, is not sent yet, or is there already; the id is taken in
            the other project; or that project is deleted. Nothing was changed.
        CorruptFile: a file of the run is damaged; nothing was changed.
        StorageFull: no room; nothing was changed.
    """
    with store.moving:
        for key in list(find_journals(store.home, uid)):
            _apply(store, key)
        _ended(store, uid)
    for let_go in store.let_go:
        let_go(uid)
    with store.moving:
        _take_in(store, uid)
        row = _ended(store, uid)
        source = Place(uid, row.entity, row.project, row.id)
        id = to.id or row.id
        target = Place(run_uid(to.entity, to.project, id), to.entity, to.project, id)
        if target.uid == uid:
            raise Conflict(f"run {id!r} is in project {to.project!r} already")
        mark = _mark(store, uid)
        if not _is_there(store, source, target, mark):
            _refuse_deleted(store, target)
            if row.archived:
                raise Conflict(f"run {id!r} is archived; restore it before you move it")
            _copy(store, row, source, target, mark)
        _lead_children(store, source, target)
    if not row.archived:
        update_run(store, uid, RunChanges(archived=True))
    with store.database.read() as connection:
        return run_rows(connection, [find_run_id(connection, target.uid)])[0]


def _ended(store: Store, uid: str) -> RunRow:
    with store.database.read() as connection:
        row = run_rows(connection, [find_run_id(connection, uid)])[0]
    if row.state is RunState.RUNNING:
        raise Conflict(f"run {row.id!r} is running; it can be moved when it has ended")
    return row


def _take_in(store: Store, uid: str) -> None:
    """Apply all that the journals of a run hold; refuse one that is not all here."""
    refuse_written(store, uid)
    for key in list(find_journals(store.home, uid)):
        path = key.path(store.home)
        if os.path.exists(key.unsent_mark(store.home)):
            raise Conflict(f"run {uid} is not sent to its server yet; `epochal sync` sends it")
        with contextlib.suppress(FileNotFoundError):
            if is_held(path) is False:
                finish_spool(Path(path))
        _apply(store, key)
        if os.path.isdir(spool_directory(path)):
            raise Conflict(f"media or files of run {uid} are still on their way; try again later")


def _apply(store: Store, key: JournalKey) -> None:
    with contextlib.suppress(FileNotFoundError):
        apply_journal(store, key.path(store.home))


def _mark(store: Store, uid: str) -> str:
    """A digest of how far each journal of a run goes."""
    query = (
        sa.select(journal.c.writer, journal.c.facts_pos)
        .join(run, run.c.id == journal.c.run_id)
        .where(run.c.uid == uid)
        .order_by(journal.c.writer)
    )
    with store.database.read() as connection:
        found = [f"{row.writer}:{row.facts_pos}" for row in connection.execute(query)]
    return hashlib.sha256(" ".join(found).encode()).hexdigest()[:16]


def _is_there(store: Store, source: Place, target: Place, mark: str) -> bool:
    """Whether the copy was made by an earlier call.

    Raises:
        Conflict: there is a run with that id which is no such copy.
    """
    with store.database.read() as connection:
        found = connection.execute(sa.select(run.c.id).where(run.c.uid == target.uid)).scalar()
        came = None if found is None else came_from(connection, found, source.uid)
        back = moved_to(connection, target.uid)
    if found is None and not run_directory(store.home, target.uid).exists():
        return False
    taken = f"project {target.project!r} has a run with the id {target.id!r} already"
    if came is not None:
        if came.mark == mark:
            return True
        raise Conflict(f"{taken}, a copy of this run as it was before; give this one another id")
    if back is not None and back.uid == source.uid:
        raise Conflict(
            f"{taken}, archived: this run as it was before it was moved here. Restore that one, "
            f"or give this one another id"
        )
    raise Conflict(f"{taken}; give this one another id")


def _refuse_deleted(store: Store, target: Place) -> None:
    query = sa.select(experiment.c.deleted).where(
        experiment.c.entity == target.entity, experiment.c.project == target.project
    )
    with store.database.read() as connection:
        if connection.execute(query).scalar():
            raise Conflict(f"the experiment {target.project!r} is deleted; restore it first")


def _copy(store: Store, row: RunRow, source: Place, target: Place, mark: str) -> None:
    """Make the copy, and let it show when it is whole."""
    with store.database.read() as connection:
        run_id = find_run_id(connection, source.uid)
        labels = read_labels(connection, [run_id]).get(run_id, {})
        above = labels.get(PARENT)
        parent = None if above is None else moved_to(connection, above)
    parents = {}
    if above is not None and parent is not None and _same_project(parent, target):
        parents[above] = parent.uid
    moved_us = max(time.time_ns() // 1000, row.updated_us)
    came = Came(source.entity, source.project, source.id, mark)
    facts: list[Fact] = [
        Attributes(
            moved_us,
            {"name": row.name, "notes": row.notes, "tags": row.tags, "group": row.group,
             "job_type": row.job_type},
        ),
        Labels(moved_us, {CAME + source.uid: came_text(moved_us, came)}),
        Event(moved_us, "info", f"Moved from {source.project}/{source.id}"),
    ]  # fmt: skip
    last = _archive(target, facts, moved_us)
    directory = arrivals.staging(store, target.uid)
    copy_files(store, run_id, Rewriting(source, target, parents), [last], directory)
    try:
        arrivals.take_place(store, target.uid, directory)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        raise Conflict(
            f"somebody just began a run {target.id!r} in project {target.project!r}; "
            f"give this one another id"
        ) from error
    try:
        _show(store, source, target)
    except BaseException:
        store.tails.drop_run(target.uid)
        store.segments.forget_run(target.uid)
        arrivals.drop(store, target.uid)
        raise
    arrivals.arrived(store, target.uid)


def _same_project(ref: RunRef, target: Place) -> bool:
    return (ref.entity, ref.project) == (target.entity, target.project)


def _archive(place: Place, facts: list[Fact], now_us: int) -> Archive:
    """What a person did to a run, as the archive of a writer that decides nothing of its state."""
    header = Header(place.entity, place.project, place.id, now_us, resumed=True, primary=False)
    whole: list[Fact] = [header, *facts, Finish(now_us, None)]
    return Archive(
        version=ARCHIVE_VERSION, run=place.uid, writer=new_uid(), created_us=now_us,
        size=FILE_HEADER_SIZE, rows=0, remote=False, lost=False, contact_us=now_us,
        ordinals=[0] * len(whole), facts=whole,
    )  # fmt: skip


def _show(store: Store, source: Place, target: Place) -> None:
    """Take the copy into the index, in one transaction."""
    problems: list[Problem] = []
    late: list[Late] = []
    with store.database.write() as connection:
        restore_run(store, target.uid, problems, late)
        if problems:
            raise CorruptFile(problems[0].path, problems[0].text)
        run_id = find_run_id(connection, target.uid)
        share_versions(connection, run_id, source.uid)
        with durable_files(store.disk) as files:
            write_resumes(store, connection, files, {run_id: target.uid})
        news = RunNews(target.uid, {"facts", "series", "logs", "media", "files", "artifacts"})
        change = describe_change(connection, run_id, news)
    store.announce(change)


def _lead_children(store: Store, source: Place, target: Place) -> None:
    """Runs below this one that came to the project before it: they name it by its new uid."""
    with store.database.read() as connection:
        project_id = connection.execute(
            sa.select(run.c.project_id).where(run.c.uid == target.uid)
        ).scalar_one()
        found = children(connection, project_id, source.uid)
    for run_id, uid in found:
        now_us = time.time_ns() // 1000
        with store.database.read() as connection:
            row = run_rows(connection, [run_id])[0]
        place = Place(uid, row.entity, row.project, row.id)
        archive = _archive(place, [Labels(now_us, {PARENT: target.uid})], now_us)
        with durable_files(store.disk) as files:
            write_archive_to(files, run_directory(store.home, uid), archive)
        with store.database.write() as connection:
            restore_journal(store, connection, uid, archive)
            change = describe_change(connection, run_id, RunNews(uid=uid, what={"facts"}))
        store.announce(change)
        for let_go in store.let_go:
            let_go(uid)
