"""Lists of projects and runs for wandb's public API, and what it shows of a run beyond `projects`.

Runs of every door are listed: filters and orders are translated by `conditions`, and the page is
that of our own run lists. All that a page needs is looked up for all of its runs at once.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from epochal.domain.names import DEFAULT_ENTITY
from epochal.domain.tracked import DEFAULT_EXPERIMENT_ID, USER, Experiment, experiment_id
from epochal.domain.view import RunContents, RunPage, RunQuery, RunRow
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.conditions import Condition, read_filters, read_order
from epochal.protocols.wandb.execution import Asked, Fields, Object
from epochal.protocols.wandb.ids import Place
from epochal.protocols.wandb.memory import RUN, Kept, remembered
from epochal.protocols.wandb.pages import connection, page
from epochal.protocols.wandb.projects import (
    ProjectPlace,
    detail_of,
    json_text,
    memory_at,
    moment,
    project_object,
    row_of,
    run_object,
)
from epochal.protocols.wandb.viewer import user_of
from epochal.service import bounds, experiments, overviews, projects, runs

RUNS_PER_PAGE: Final = 50
NOBODY: Final = RunPage(0, 0, None, [], {})
_decode_kept: Final = msgspec.json.Decoder(Kept).decode


# ------------------------------------------------------------------------------------------- runs
async def list_runs(asked: Asked, parent: ProjectPlace, given: Given) -> dict[str, Any]:
    """A page of a project's runs."""
    limit = max(0, min(given.number("first", RUNS_PER_PAGE), bounds.MAX_PAGE))
    found = await _query(asked, parent, given, limit, given.text("after") or None)
    uids = [row.uid for row in found.runs]
    if uids:
        labels = await asked.call.read(overviews.labels_of, uids)
        for row in found.runs:
            own = labels.get(row.uid, {})
            asked.memory["page", row.uid] = uids
            asked.memory["row", row.uid] = row
            asked.memory["labels", row.uid] = own
            asked.memory["memory", row.uid] = remembered(own)
    nodes = [run_object(Place(row.entity, row.project, row.id)) for row in found.runs]
    shown = connection(nodes, 0, found.cursor is not None, found.matched)
    for edge in shown["edges"]:
        edge["cursor"] = None
    if nodes:  # a page goes on after its last run only
        shown["edges"][-1]["cursor"] = found.cursor
    shown["pageInfo"] |= {"startCursor": None, "endCursor": found.cursor}
    return shown


async def run_count(asked: Asked, parent: ProjectPlace, given: Given) -> int:
    """How many runs fit the filters."""
    return (await _query(asked, parent, given, 1, None)).matched


async def _query(
    asked: Asked, parent: ProjectPlace, given: Given, limit: int, cursor: str | None
) -> RunPage:
    wanted = read_filters(given.json("filters") or {})
    ids = await _ids(asked, parent, wanted)
    if ids == []:
        return NOBODY
    query = RunQuery(
        parent.project, parent.entity, wanted.where, read_order(given.text("order")),
        limit=max(1, limit), cursor=cursor, ids=ids or [],
    )  # fmt: skip
    try:
        found: RunPage = await asked.call.read(runs.query_runs, query)
    except NotFound:
        return NOBODY  # a project that was made and has no run yet
    return found if limit else msgspec.structs.replace(found, runs=[], cursor=None)


async def _ids(asked: Asked, parent: ProjectPlace, wanted: Condition) -> list[str] | None:
    """The runs that the lists of a condition leave; None when there are no lists."""
    found: set[str] | None = None
    for key, values in wanted.lists:
        if key == "name":
            some = {Place(*parent, id).uid for id in values}
        elif key == "sweep":
            some = await _labelled(asked, parent, RUN, values)
        else:
            some = await _labelled(asked, parent, USER, values)
        found = some if found is None else found & some
    return None if found is None else sorted(found)


async def _labelled(
    asked: Asked, parent: ProjectPlace, label: str, values: tuple[str, ...]
) -> set[str]:
    """Uids of the runs of which a label says one of the values."""
    rows = await asked.call.read(overviews.labelled_runs, parent, label)
    if label == USER:
        return {row.uid for row in rows if row.text in values}
    written = [msgspec.json.encode(value).decode() for value in values]
    likely = [row for row in rows if any(value in row.text for value in written)]
    return {row.uid for row in likely if _sweep_in(row.text) in values}


def _sweep_in(text: str) -> str:
    try:
        return _decode_kept(text).sweep
    except msgspec.MsgspecError:
        return ""


# ---------------------------------------------------------------------------------------- one run
async def _row(asked: Asked, parent: Place) -> RunRow:
    return await row_of(asked, parent)


async def _project_id(asked: Asked, parent: Place, given: Given) -> str:
    return str(experiment_id(parent.entity, parent.project))


async def _group(asked: Asked, parent: Place, given: Given) -> str | None:
    return (await _row(asked, parent)).group or None


async def _job_type(asked: Asked, parent: Place, given: Given) -> str | None:
    return (await _row(asked, parent)).job_type or None


async def _created_at(asked: Asked, parent: Place, given: Given) -> str | None:
    return moment((await _row(asked, parent)).created_us)


async def _heartbeat_at(asked: Asked, parent: Place, given: Given) -> str | None:
    row = await _row(asked, parent)
    return moment(row.ended_us or row.updated_us)


async def _host(asked: Asked, parent: Place, given: Given) -> str:
    return (await _row(asked, parent)).host


async def _commit(asked: Asked, parent: Place, given: Given) -> str | None:
    return (await memory_at(asked, parent)).kept.commit or None


async def _read_only(asked: Asked, parent: Place, given: Given) -> bool:
    return (await _row(asked, parent)).archived


async def _user(asked: Asked, parent: Place, given: Given) -> Object:
    key = ("labels", parent.uid)
    if key not in asked.memory:
        found = await asked.call.read(overviews.labels_of, [parent.uid])
        asked.memory[key] = found.get(parent.uid, {})
    return Object("User", user_of(asked.memory[key].get(USER) or DEFAULT_ENTITY, is_admin=False))


async def _system_metrics(asked: Asked, parent: Place, given: Given) -> str:
    """The last value of every system metric."""
    detail: RunContents = await detail_of(asked, parent)
    return json_text(
        {
            metric.key.replace("/", ".", 1): metric.last
            for metric in detail.metrics
            if metric.key.startswith("system/") and metric.last is not None
        }
    )


# --------------------------------------------------------------------------------------- projects
async def list_projects(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """A page of an entity's projects, newest first."""
    entity = given.text("entityName") or parent.get("name") or DEFAULT_ENTITY
    every = await asked.call.read(experiments.list_experiments, asked.call.workers.recorder)
    kept = {
        (one.entity, one.name) for one in (await asked.call.read(projects.list_projects)).projects
    }
    own = [one for one in every if one.entity == entity and not one.deleted]
    # The default experiment is always listed there, also when nobody ever used it.
    own = [one for one in own if one.id != DEFAULT_EXPERIMENT_ID or (entity, one.project) in kept]
    own.sort(key=lambda one: (-one.updated_us, one.project))
    for one in own:
        asked.memory["project", one.entity, one.project] = one
    return page([project_object(one.entity, one.project) for one in own], given)


async def _triggers(asked: Asked, parent: Any, given: Given) -> list[Any]:
    """What a client calls automations of a project; there are none."""
    return []


async def upsert_project(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Make a project; one that is there already is fine."""
    entity, name = given.text("entityName") or DEFAULT_ENTITY, given.needed("name")
    recorder = asked.call.workers.recorder
    every: list[Experiment] = await asked.call.read(experiments.list_experiments, recorder)
    known = any((one.entity, one.project) == (entity, name) for one in every)
    if not known:
        if entity != DEFAULT_ENTITY:
            raise InvalidInput(
                f"projects of {entity!r:.80} begin with their first run; log one, or make the "
                f"project as {DEFAULT_ENTITY!r}"
            )
        try:
            await asked.call.write(experiments.create_experiment, recorder, name, {})
        except Conflict as error:
            raise InvalidInput(error.message) from error
    made = project_object(entity, name)
    return {"project": made, "model": made, "inserted": not known}


FIELDS: Final[Fields] = {
    "Query": {"models": list_projects, "projects": list_projects},
    "Entity": {"projects": list_projects},
    "Project": {"runs": list_runs, "runCount": run_count, "triggers": _triggers},
    "Run": {
        "projectId": _project_id, "group": _group, "jobType": _job_type,
        "createdAt": _created_at, "heartbeatAt": _heartbeat_at, "host": _host,
        "commit": _commit, "readOnly": _read_only, "user": _user,
        "systemMetrics": _system_metrics,
    },
    "Mutation": {"upsertModel": upsert_project},
}  # fmt: skip
