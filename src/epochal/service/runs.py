"""Runs: find, show, change, delete. Readers look, writers change and delete."""

from __future__ import annotations

import time

import msgspec

from epochal.domain.access import Permission, Principal
from epochal.domain.bulk import ChangeRuns, DeleteRuns, MoveRuns, RunsOutcome, outcome
from epochal.domain.group import GroupPage, GroupQuery
from epochal.domain.moving import MoveTo
from epochal.domain.names import MAX_NAME, MAX_TAG, check_name, check_run_id, check_uid
from epochal.domain.run import StopRequest
from epochal.domain.view import RunChanges, RunDetail, RunPage, RunQuery, RunRow
from epochal.errors import InvalidInput
from epochal.service import bounds
from epochal.service.permission import require
from epochal.store import groups, moves, search
from epochal.store import runs as stored
from epochal.store.owner import Store

MAX_COLOR = 2**31 - 1


def query_runs(store: Store, principal: Principal | None, query: RunQuery) -> RunPage:
    """One page of a project's runs.

    Raises:
        QuerySyntaxError: ``where``, ``order`` or a column does not follow the grammar.
        InvalidInput: a name or a size is out of bounds.
    """
    require(principal, Permission.READ)
    bounds.plain_text(query.where, "where", bounds.MAX_WHERE)
    bounds.keys(query.order, bounds.MAX_ORDER, "order entries")
    bounds.keys(query.columns, bounds.MAX_COLUMNS, "columns")
    bounds.keys(query.ids, bounds.MAX_IDS, "run ids")
    if query.cursor is not None:
        bounds.plain_text(query.cursor, "cursor")
    checked = msgspec.structs.replace(
        query,
        entity=bounds.entity_name(query.entity),
        project=bounds.project_name(query.project),
        limit=bounds.clamp(query.limit, 1, bounds.MAX_PAGE),
    )
    return search.query_runs(store, checked)


def query_groups(store: Store, principal: Principal | None, query: GroupQuery) -> GroupPage:
    """A project's runs in groups that share values, with statistics over all runs of each.

    Raises:
        QuerySyntaxError: ``where``, ``by``, ``order`` or a column does not follow the grammar.
        InvalidInput: a name or a size is out of bounds.
    """
    require(principal, Permission.READ)
    bounds.plain_text(query.where, "where", bounds.MAX_WHERE)
    bounds.keys(query.by, bounds.MAX_ORDER, "fields to group by")
    bounds.keys(query.order, bounds.MAX_ORDER, "order entries")
    bounds.keys(query.columns, bounds.MAX_COLUMNS, "columns")
    checked = msgspec.structs.replace(
        query,
        entity=bounds.entity_name(query.entity),
        project=bounds.project_name(query.project),
        limit=bounds.clamp(query.limit, 1, bounds.MAX_PAGE),
    )
    return groups.query_groups(store, checked)


def get_run(store: Store, principal: Principal | None, uid: str) -> RunDetail:
    """Everything about a run but its points and console.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.READ)
    return stored.get_run(store, check_uid(uid))


def resolve_run(
    store: Store, principal: Principal | None, entity: str | None, project: str, run_id: str
) -> RunDetail:
    """A run by the words that people use for it.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.READ)
    uid = stored.resolve_run(
        store, bounds.entity_name(entity), bounds.project_name(project), check_run_id(run_id)
    )
    return stored.get_run(store, uid)


def update_run(store: Store, principal: Principal | None, uid: str, changes: RunChanges) -> RunRow:
    """Change attributes that people choose: name, notes, tags, group, job type, archived, color.

    Raises:
        NotFound: there is no such run.
        InvalidInput: a value cannot be used; nothing was changed.
        Conflict: somebody else changed the name or the notes meanwhile; nothing was changed.
    """
    require(principal, Permission.WRITE)
    return stored.update_run(store, check_uid(uid), _checked(changes))


def delete_run(
    store: Store, principal: Principal | None, uid: str, *, versions: bool = False
) -> None:
    """Delete a run with its points, console and journals, for good.

    With ``versions``, the artifact versions that no other run made go as well.

    Raises:
        NotFound: there is no such run.
        Conflict: it is still written, or a model stands on such a version; nothing is deleted.
    """
    require(principal, Permission.WRITE)
    stored.delete_run(store, check_uid(uid), versions=versions)


def move_run(store: Store, principal: Principal | None, uid: str, to: MoveTo) -> RunRow:
    """Move a run that has ended to another project; return what it is there.

    It gets another uid; the run as it was is archived, and its address leads to the new one.
    Moving again what was moved already, wholly or in part, ends with the same.

    Raises:
        NotFound: there is no such run.
        InvalidInput: a name cannot be used.
        Conflict: it runs, is archived, or is not all here yet; or the id is taken there. Nothing
            was changed.
    """
    require(principal, Permission.WRITE)
    return moves.move_run(store, check_uid(uid), _target(to))


def change_runs(store: Store, principal: Principal | None, wish: ChangeRuns) -> RunsOutcome:
    """Make the same changes to many runs, in one transaction; see `update_run`.

    Runs that refuse are told, the others are changed.

    Raises:
        InvalidInput: a value cannot be used for any run, or there are too many; nothing was
            changed.
    """
    require(principal, Permission.WRITE)
    uids = _several(wish.runs, bounds.MAX_CHANGED)
    return outcome(len(uids), stored.update_runs(store, uids, _checked(wish.changes)))


def delete_runs(store: Store, principal: Principal | None, wish: DeleteRuns) -> RunsOutcome:
    """Delete many runs for good; see `delete_run`. Runs that refuse are told, the others go.

    Raises:
        InvalidInput: there are too many; none was deleted.
    """
    require(principal, Permission.WRITE)
    uids = _several(wish.runs, bounds.MAX_CHANGED)
    return outcome(len(uids), stored.delete_runs(store, uids))


def move_runs(store: Store, principal: Principal | None, wish: MoveRuns) -> RunsOutcome:
    """Move many runs, some together; see `move_run`.

    Runs that refuse are told, the others go.

    Raises:
        InvalidInput: a name cannot be used, or there are too many; none was moved.
    """
    require(principal, Permission.WRITE)
    uids = _several(wish.runs, bounds.MAX_MOVED)
    to = _target(wish.to)
    if to.id and len(uids) > 1:
        raise InvalidInput(f"{len(uids)} runs cannot all have the id {to.id!r}; leave out the id")
    return outcome(len(uids), moves.move_runs(store, uids, to)[1])


def _several(uids: list[str], limit: int) -> list[str]:
    """The runs that a wish names, each once."""
    bounds.at_most(uids, limit, "runs")
    return list(dict.fromkeys(uids))


def _target(to: MoveTo) -> MoveTo:
    return MoveTo(
        bounds.project_name(to.project), bounds.entity_name(to.entity),
        check_run_id(to.id) if to.id else "",
    )  # fmt: skip


def stop_run(store: Store, principal: Principal | None, uid: str) -> None:
    """Ask the process of a run to end it. The wish is kept until it hears of it.

    Raises:
        NotFound: there is no such run.
        Conflict: it has ended.
        Unavailable: the disk does not take the wish.
    """
    who = require(principal, Permission.WRITE)
    stored.stop_run(store, check_uid(uid), StopRequest(time.time_ns() // 1000, who.name))


def stop_of(store: Store, principal: Principal | None, uid: str) -> StopRequest | None:
    """The wish that a run ends; None while nobody has it."""
    require(principal, Permission.READ)
    return stored.stop_of(store, check_uid(uid))


def _checked(changes: RunChanges) -> RunChanges:
    if changes.color is not None and not 0 <= changes.color <= MAX_COLOR:
        raise InvalidInput(f"color must be 0 or a small positive number, got {changes.color}")
    if changes.notes is not None:
        bounds.plain_text(changes.notes, "notes")
    for label, value in (("group", changes.group), ("job_type", changes.job_type)):
        if value is not None:
            bounds.plain_text(value, label, MAX_NAME)
    name = None if changes.name is None else check_name(changes.name, "run name")
    return msgspec.structs.replace(
        changes, name=name, tags=_tags(changes.tags), add_tags=_tags(changes.add_tags),
        remove_tags=_tags(changes.remove_tags),
    )  # fmt: skip


def _tags(given: list[str] | None) -> list[str] | None:
    if given is None:
        return None
    bounds.at_most(given, bounds.MAX_TAGS, "tags")
    return list(dict.fromkeys(check_name(tag, "tag", MAX_TAG) for tag in given))
