"""What people change of runs: names, notes, tags, groups, colors, and what is put aside.

Many runs change in one transaction that waits for the disk once. One that refuses stays as it is,
is told with its reason, and keeps no other from changing; what fails for all changes none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.names import MAX_NAME, MAX_TAG, MAX_TEXT, check_name, check_uid
from epochal.domain.tracked import NOTES
from epochal.domain.view import RunChange, RunChanges, RunRow
from epochal.errors import Conflict, EpochalError, InvalidInput
from epochal.store import archived
from epochal.store.apply import RunNews, describe_changes
from epochal.store.dialect import batches, run_each
from epochal.store.enroll import next_revision
from epochal.store.facts import MAX_TAGS, set_tags_of
from epochal.store.labels import read_labels, remove_label
from epochal.store.rows import find_runs, no_run, run_rows
from epochal.store.schema import run
from epochal.store.store import Store

_SET_TAGS = (
    sa.update(run).where(run.c.id == sa.bindparam("which")).values(tags=sa.bindparam("packed"))
)


class _Plan(msgspec.Struct):
    """What is to be done, by row id: runs that change, and those of them that get other tags."""

    runs: dict[int, str] = {}
    tags: dict[int, list[str]] = {}


def update_run(store: Store, uid: str, changes: RunChanges) -> RunRow:
    """Change attributes of a run; what is None stays.

    Raises:
        NotFound: no such run.
        InvalidInput: a value is not acceptable; nothing was changed.
        Conflict: the name or the notes are not what the caller thinks; nothing was changed.
        StorageFull: no room to write down that it is archived.
    """
    rows, refused = _update(store, [uid], changes)
    if refused:
        raise refused[uid]
    return rows[0]


def update_runs(store: Store, uids: Sequence[str], changes: RunChanges) -> dict[str, EpochalError]:
    """Change the same attributes of some runs, together.

    Returns:
        Those that refused, with what `update_run` would have raised.

    Raises:
        InvalidInput: a value is not acceptable for any run; nothing was changed.
        StorageFull: no room; nothing was changed.
    """
    return _update(store, list(dict.fromkeys(uids)), changes)[1]


def _update(
    store: Store, uids: Sequence[str], changes: RunChanges
) -> tuple[list[RunRow], dict[str, EpochalError]]:
    values = _check_changes(changes)
    told: list[RunChange] = []
    with store.database.write() as connection:
        plan, ids, refused = _planned(connection, uids, changes, values)
        if plan.runs:
            _write(store, connection, plan, changes, values)
            news = {id: RunNews(uid=uid, what={"facts"}) for id, uid in plan.runs.items()}
            told = describe_changes(connection, news)
        rows = run_rows(connection, ids)
    for change in told:
        store.announce(change)
    changed = set(plan.runs.values())
    for row in rows:
        if row.uid in changed:
            for tell in store.changed:
                tell(row, changes)
    return rows, refused


def _planned(
    connection: sa.Connection, uids: Sequence[str], changes: RunChanges, values: dict[str, Any]
) -> tuple[_Plan, list[int], dict[str, EpochalError]]:
    """What to do, the row ids of all runs that do not refuse, and those that do."""
    refused: dict[str, EpochalError] = {}
    sound = each(uids, check_uid, refused)
    known = find_runs(connection, sound)
    rows = {row.uid: row for row in run_rows(connection, list(known.values()))}
    asks_notes = changes.notes_were is not None
    labels = read_labels(connection, list(known.values())) if asks_notes else {}
    plan = _Plan()
    ids: list[int] = []

    def add(uid: str) -> None:
        if uid not in known:
            raise no_run(uid)
        row, id = rows[uid], known[uid]
        _check_name(row, changes.name_were)
        _check_notes(row, changes.notes_were, labels.get(id, {}).get(NOTES, ""))
        tags = _tags_after(row, changes)
        if tags is not None:
            plan.tags[id] = _check_tags(tags)
        ids.append(id)
        if values or tags is not None:
            plan.runs[id] = uid

    each(sound, add, refused)
    return plan, ids, refused


def each(
    uids: Sequence[str], step: Callable[[str], object], refused: dict[str, EpochalError]
) -> list[str]:
    """Do one step for each run.

    Args:
        uids: of the runs.
        step: what to do; may refuse by raising.
        refused: takes those that did, with the reason.

    Returns:
        Those that did not refuse.
    """
    done = []
    for uid in uids:
        try:
            step(uid)
        except EpochalError as error:
            refused[uid] = error
        else:
            done.append(uid)
    return done


def _write(
    store: Store, connection: sa.Connection, plan: _Plan, changes: RunChanges,
    values: dict[str, Any],
) -> None:  # fmt: skip
    ids = list(plan.runs)
    if plan.tags:
        packed = set_tags_of(connection, plan.tags)
        given = [{"which": id, "packed": tags} for id, tags in packed.items()]
        run_each(connection, _SET_TAGS, given)
    if changes.notes is not None:
        remove_label(connection, ids, NOTES)  # of runs from before they were notes
    values["rev"] = next_revision(connection)
    for part in batches(ids):
        connection.execute(sa.update(run).where(run.c.id.in_(part)).values(values))
    if changes.archived is not None:
        archived.set_marks(store, list(plan.runs.values()), on=changes.archived)


def _check_name(row: RunRow, expected: str | None) -> None:
    """Refuse to rename what somebody else renamed meanwhile."""
    if expected is not None and row.name != expected:
        raise Conflict(f"somebody renamed the run to {row.name!r} meanwhile; nothing was changed")


def _tags_after(row: RunRow, changes: RunChanges) -> list[str] | None:
    """The tags that a run is to have; None when they stay. Those of others stay in any case."""
    if changes.add_tags is None and changes.remove_tags is None:
        return changes.tags
    removed = set(changes.remove_tags or []) - set(changes.add_tags or [])
    wanted = [tag for tag in [*row.tags, *(changes.add_tags or [])] if tag not in removed]
    after = list(dict.fromkeys(wanted))
    return None if after == row.tags else after


def _check_notes(row: RunRow, expected: str | None, before: str) -> None:
    """Refuse to write over notes that somebody else changed meanwhile.

    Args:
        row: the run.
        expected: what the caller thinks that they are.
        before: the label that stands for the notes of older runs.
    """
    if expected is not None and expected not in (row.notes, row.notes or before):
        raise Conflict("somebody changed the notes meanwhile; read them again before you save")


def _check_changes(changes: RunChanges) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if changes.tags is not None and not (changes.add_tags is changes.remove_tags is None):
        raise InvalidInput("tags sets all tags: send either it, or add_tags and remove_tags")
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
