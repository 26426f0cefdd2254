"""Which runs can go to another project, and what each of them is there.

Nothing here changes a run; journals that lie there are taken in.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import sqlalchemy as sa

from epochal.domain.moving import PARENT, MoveTo
from epochal.domain.names import run_uid
from epochal.domain.run import RunState
from epochal.domain.view import RunRow
from epochal.errors import Conflict, EpochalError
from epochal.journal.home import run_directory
from epochal.journal.liveness import is_held
from epochal.journal.spool import finish_spool, spool_directory
from epochal.store.changes import each
from epochal.store.copying import Place
from epochal.store.deletion import refuse_written
from epochal.store.dialect import batches
from epochal.store.ingest import apply_journal
from epochal.store.labels import read_labels
from epochal.store.moved import came_from, moved_to
from epochal.store.rows import find_runs, no_run, run_rows
from epochal.store.schema import experiment, journal
from epochal.store.store import Store
from epochal.store.tail import JournalKey, find_journals

_MARKS = (
    sa.select(journal.c.run_id, journal.c.writer, journal.c.facts_pos)
    .where(journal.c.run_id.in_(sa.bindparam("runs", expanding=True)))
    .order_by(journal.c.writer)
)


class Move(msgspec.Struct, frozen=True):
    """A run that goes.

    Attributes:
        row: the run as it is.
        id: its row.
        source: its place.
        target: where it goes.
        mark: a digest of how far each of its journals goes.
        above: the uid of the run above it, if any.
        is_there: whether an earlier call made the copy.
    """

    row: RunRow
    id: int
    source: Place
    target: Place
    mark: str
    above: str | None
    is_there: bool


def departing(
    store: Store, uids: Sequence[str], to: MoveTo, refused: dict[str, EpochalError]
) -> list[Move]:
    """What is to be done for those of some runs that can go.

    Args:
        store: the home; the caller holds ``store.moving``, and nobody writes the runs.
        uids: of the runs.
        to: where they go.
        refused: takes those that cannot, with the reason.
    """
    whole = each(uids, lambda uid: _take_in(store, uid), refused)
    return _planned(store, whole, to, refused)


def idle(store: Store, uids: Sequence[str], refused: dict[str, EpochalError]) -> list[str]:
    """Those of some runs that have ended, as far as their journals tell by now.

    Args:
        store: the home; the caller holds ``store.moving``.
        uids: of the runs.
        refused: takes the others, with the reason.
    """
    read = each(uids, lambda uid: _apply_all(store, uid), refused)
    return list(_ended(store, read, refused))


def _apply_all(store: Store, uid: str) -> None:
    for key in list(find_journals(store.home, uid)):
        _apply(store, key)


def _apply(store: Store, key: JournalKey) -> None:
    with contextlib.suppress(FileNotFoundError):
        apply_journal(store, key.path(store.home))


def _ended(
    store: Store, uids: Sequence[str], refused: dict[str, EpochalError]
) -> dict[str, tuple[int, RunRow]]:
    """The row id and the row of those runs that have ended."""
    with store.database.read() as connection:
        ids = find_runs(connection, uids)
        rows = {row.uid: row for row in run_rows(connection, list(ids.values()))}

    def check(uid: str) -> None:
        row = rows.get(uid)
        if row is None:
            raise no_run(uid)
        if row.state is RunState.RUNNING:
            raise Conflict(f"run {row.id!r} is running; it can be moved when it has ended")

    return {uid: (ids[uid], rows[uid]) for uid in each(uids, check, refused)}


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


def _planned(
    store: Store, uids: Sequence[str], to: MoveTo, refused: dict[str, EpochalError]
) -> list[Move]:
    """What is to be done for those of some runs that can go."""
    ended = _ended(store, uids, refused)
    ids = [id for id, _ in ended.values()]
    targets = {uid: _target(row, to) for uid, (_, row) in ended.items()}
    with store.database.read() as connection:
        known = find_runs(connection, [target.uid for target in targets.values()])
        marks = _marks(connection, ids)
        labels = read_labels(connection, ids)
        is_deleted = _is_deleted(connection, to)
    taken: set[str] = set()
    wanted: list[Move] = []

    def plan(uid: str) -> None:
        id, row = ended[uid]
        source, target = Place(uid, row.entity, row.project, row.id), targets[uid]
        if target.uid == uid:
            raise Conflict(f"run {row.id!r} is in project {to.project!r} already")
        if target.uid in taken:
            raise Conflict(f"{_taken(target)}; give this one another id")
        is_there = _is_there(store, source, target, known.get(target.uid), marks[id])
        if not is_there and is_deleted:
            raise Conflict(f"the experiment {to.project!r} is deleted; restore it first")
        if not is_there and row.archived:
            raise Conflict(f"run {row.id!r} is archived; restore it before you move it")
        taken.add(target.uid)
        above = labels.get(id, {}).get(PARENT)
        wanted.append(Move(row, id, source, target, marks[id], above, is_there))

    each(list(ended), plan, refused)
    return wanted


def _target(row: RunRow, to: MoveTo) -> Place:
    id = to.id or row.id
    return Place(run_uid(to.entity, to.project, id), to.entity, to.project, id)


def _marks(connection: sa.Connection, ids: Sequence[int]) -> dict[int, str]:
    """Digests of how far each journal of some runs goes, by row id of the run."""
    found: dict[int, list[str]] = {id: [] for id in ids}
    for part in batches(ids):
        for row in connection.execute(_MARKS, {"runs": part}):
            found[row.run_id].append(f"{row.writer}:{row.facts_pos}")
    return {
        id: hashlib.sha256(" ".join(ends).encode()).hexdigest()[:16] for id, ends in found.items()
    }


def _is_deleted(connection: sa.Connection, to: MoveTo) -> bool:
    query = sa.select(experiment.c.deleted).where(
        experiment.c.entity == to.entity, experiment.c.project == to.project
    )
    return bool(connection.execute(query).scalar())


def _taken(target: Place) -> str:
    return f"project {target.project!r} has a run with the id {target.id!r} already"


def _is_there(store: Store, source: Place, target: Place, known: int | None, mark: str) -> bool:
    """Whether the copy was made by an earlier call.

    Raises:
        Conflict: there is a run with that id which is no such copy.
    """
    if known is None and not run_directory(store.home, target.uid).exists():
        return False
    with store.database.read() as connection:
        came = None if known is None else came_from(connection, known, source.uid)
        back = moved_to(connection, target.uid)
    taken = _taken(target)
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
