"""Moving runs to another project: a copy there, then the run as it was is archived.

The copy is a run of its own, with the uid that its place gives it. Promises: it shows whole or not
at all; whatever ends a move in the middle, the old run is whole, and moving again ends well; a run
that was moved already is not copied twice. Some runs are copied together, and wait together for
the disk and the index; where that fails it is tried with fewer, so that one that refuses is told
with its own reason and keeps no other back. Docs: docs/decisions/0019-moves.md and
0031-moved-together.md.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Sequence
from typing import Final

from epochal.domain.moving import CAME, PARENT, Came, MoveTo, came_text
from epochal.domain.names import check_uid, new_uid
from epochal.domain.objects import RunRef
from epochal.domain.record import Attributes, Event, Fact, Finish, Header, Labels
from epochal.domain.view import RunChanges, RunRow
from epochal.errors import Conflict, EpochalError, Unavailable
from epochal.journal.frame import FILE_HEADER_SIZE
from epochal.journal.home import run_directory
from epochal.store import arrivals
from epochal.store.admit import admit
from epochal.store.apply import RunNews, describe_change
from epochal.store.archive import ARCHIVE_VERSION, Archive
from epochal.store.changes import each, update_runs
from epochal.store.copying import Copy, Place, Rewriting, copy_files, write_archive_to
from epochal.store.departures import Move, departing, idle
from epochal.store.durable import durable_files
from epochal.store.moved import children, moved_to
from epochal.store.restored import restore_journals
from epochal.store.rows import find_run_id, run_rows
from epochal.store.store import Store

TOGETHER: Final = 50
"""So many runs are copied together; those who write wait for them."""


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
        Unavailable: the file system failed; nothing was changed.
    """
    moved, refused = move_runs(store, [uid], to)
    if refused:
        raise refused[uid]
    with store.database.read() as connection:
        return run_rows(connection, [find_run_id(connection, moved[uid])])[0]


def move_runs(
    store: Store, uids: Sequence[str], to: MoveTo
) -> tuple[dict[str, str], dict[str, EpochalError]]:
    """Move some runs.

    Returns:
        The new uid of each that went, and those that refused, with what `move_run` would have
        raised.
    """
    moved: dict[str, str] = {}
    refused: dict[str, EpochalError] = {}
    sound = each(list(dict.fromkeys(uids)), check_uid, refused)
    for start in range(0, len(sound), TOGETHER):
        for one in _move(store, sound[start : start + TOGETHER], to, refused):
            moved[one.source.uid] = one.target.uid
    return moved, refused


def _move(
    store: Store, uids: Sequence[str], to: MoveTo, refused: dict[str, EpochalError]
) -> list[Move]:
    with store.moving:
        ended = idle(store, uids, refused)
    for uid in ended:
        for let_go in store.let_go:
            let_go(uid)
    with store.moving:
        wanted = departing(store, ended, to, refused)
        fresh = _copy_all(store, [one for one in wanted if not one.is_there], refused)
        gone = [one for one in wanted if one.is_there] + fresh
        _lead_children(store, gone)
    old = [one.source.uid for one in gone if not one.row.archived]
    try:
        refused |= update_runs(store, old, RunChanges(archived=True))
    except EpochalError as error:
        refused |= dict.fromkeys(old, error)
    return [one for one in gone if one.source.uid not in refused]


def _copy_all(
    store: Store, wanted: Sequence[Move], refused: dict[str, EpochalError]
) -> list[Move]:
    """Copy runs together; where that fails, the halves, down to those that refuse."""
    if not wanted:
        return []
    try:
        _copy(store, wanted)
    except (EpochalError, OSError) as error:
        if len(wanted) > 1:
            half = len(wanted) // 2
            first = _copy_all(store, wanted[:half], refused)
            return first + _copy_all(store, wanted[half:], refused)
        refused[wanted[0].source.uid] = _reason(error, wanted[0])
        return []
    return list(wanted)


def _reason(error: EpochalError | OSError, one: Move) -> EpochalError:
    if isinstance(error, EpochalError):
        return error
    return Unavailable(f"run {one.source.id!r} cannot be copied: {error.strerror or error}")


def _copy(store: Store, wanted: Sequence[Move]) -> None:
    """Make copies, and let them show when they are whole: all, or none.

    Raises:
        EpochalError: a run refuses, or there is no room.
        OSError: the file system failed.
    """
    uids = [one.target.uid for one in wanted]
    try:
        copies = _make(store, wanted)
        _take_places(store, wanted)
    except BaseException:
        arrivals.discard(store, uids)
        raise
    try:
        _show(store, wanted, copies)
    except BaseException:
        for uid in uids:
            store.tails.drop_run(uid)
            store.segments.forget_run(uid)
        arrivals.drop(store, uids)
        raise
    arrivals.arrived(store, uids)


def _make(store: Store, wanted: Sequence[Move]) -> list[Copy]:
    """The files of the copies, where nobody reads them; durable."""
    parents = _parents(store, wanted)
    copies: list[Copy] = []
    with durable_files(store.disk) as files:
        for one in wanted:
            above = parents.get(one.above or "")
            rewriting = Rewriting(
                one.source, one.target, {one.above: above} if one.above and above else {}
            )
            directory = arrivals.staging(store, one.target.uid)
            copies.append(copy_files(store, files, one.id, rewriting, _came(one), directory))
            arrivals.mark(store, directory)  # synced with the directory of those files
    return copies


def _parents(store: Store, wanted: Sequence[Move]) -> dict[str, str]:
    """The uids that runs above these have in the project to which they go, by those of before."""
    found = {one.source.uid: one.target.uid for one in wanted}
    others = {one.above for one in wanted if one.above} - found.keys()
    target = wanted[0].target
    if others:
        with store.database.read() as connection:
            for above in others:
                ref = moved_to(connection, above)
                if ref is not None and _same_project(ref, target):
                    found[above] = ref.uid
    return found


def _same_project(ref: RunRef, target: Place) -> bool:
    return (ref.entity, ref.project) == (target.entity, target.project)


def _came(one: Move) -> Archive:
    """What people did to a run by hand, and where it came from."""
    row, source, target = one.row, one.source, one.target
    moved_us = max(time.time_ns() // 1000, row.updated_us)
    came = Came(source.entity, source.project, source.id, one.mark)
    facts: list[Fact] = [
        Attributes(
            moved_us,
            {"name": row.name, "notes": row.notes, "tags": row.tags, "group": row.group,
             "job_type": row.job_type},
        ),
        Labels(moved_us, {CAME + source.uid: came_text(moved_us, came)}),
        Event(moved_us, "info", f"Moved from {source.project}/{source.id}"),
    ]  # fmt: skip
    return _archive(target, facts, moved_us)


def _take_places(store: Store, wanted: Sequence[Move]) -> None:
    try:
        arrivals.take_places(store, [one.target.uid for one in wanted])
    except OSError as error:
        target = wanted[0].target
        if len(wanted) > 1 or error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        raise Conflict(
            f"somebody just began a run {target.id!r} in project {target.project!r}; "
            f"give this one another id"
        ) from error


def _archive(place: Place, facts: list[Fact], now_us: int) -> Archive:
    """What a person did to a run, as the archive of a writer that decides nothing of its state."""
    header = Header(place.entity, place.project, place.id, now_us, resumed=True, primary=False)
    whole: list[Fact] = [header, *facts, Finish(now_us, None)]
    return Archive(
        version=ARCHIVE_VERSION, run=place.uid, writer=new_uid(), created_us=now_us,
        size=FILE_HEADER_SIZE, rows=0, remote=False, lost=False, contact_us=now_us,
        ordinals=[0] * len(whole), facts=whole,
    )  # fmt: skip


def _show(store: Store, wanted: Sequence[Move], copies: Sequence[Copy]) -> None:
    """Take the copies into the index, in one transaction."""
    with store.database.write() as connection:
        rows = [one.row for one in wanted]
        told = admit(store, connection, list(zip(rows, copies, strict=True)))
    for change in told:
        store.announce(change)


def _lead_children(store: Store, gone: Sequence[Move]) -> None:
    """Runs below these that came to the project before them: they name them by their new uids."""
    if not gone:
        return
    target = gone[0].target
    now = {one.source.uid: one.target.uid for one in gone}
    with store.database.read() as connection:
        found = children(connection, target.entity, target.project, list(now))
        rows = run_rows(connection, [run_id for run_id, _ in found])
    for (run_id, above), row in zip(found, rows, strict=True):
        now_us = time.time_ns() // 1000
        place = Place(row.uid, row.entity, row.project, row.id)
        archive = _archive(place, [Labels(now_us, {PARENT: now[above]})], now_us)
        with durable_files(store.disk) as files:
            write_archive_to(files, run_directory(store.home, row.uid), archive)
        with store.database.write() as connection:
            restore_journals(store, connection, [archive])
            change = describe_change(connection, run_id, RunNews(uid=row.uid, what={"facts"}))
        store.announce(change)
        for let_go in store.let_go:
            let_go(row.uid)
