"""Projects and runs as things of GraphQL: what init, resume and stop ask of them.

A `Project` is its entity and name, a `Run` its `Place`; what is stored of them is looked up when a
field needs it, once per operation. Fields of the public API's queries stand in `reading`.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from epochal.domain.names import DEFAULT_ENTITY, DEFAULT_PROJECT, SYSTEM_PREFIX
from epochal.domain.tracked import experiment_id
from epochal.domain.values import to_json
from epochal.domain.view import RunContents, RunRow
from epochal.errors import InvalidInput, NotFound
from epochal.protocols.wandb import config as configs
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.execution import Asked, Fields, Object
from epochal.protocols.wandb.ids import Place, run_key, write_id
from epochal.protocols.wandb.memory import Memory, count_of, memory_of
from epochal.protocols.wandb.viewer import entity_of, user_of
from epochal.service import experiments, foreign, overviews, runs, sweeps
from epochal.service.foreign import Recorder, Recording

REGISTRY: Final = "model-registry"
"""The project in which clients look for link targets; those belong to the entity."""


class ProjectPlace(NamedTuple):
    """Where a project is."""

    entity: str
    project: str


def project_object(entity: str, project: str) -> Object:
    """A project."""
    return Object("Project", ProjectPlace(entity, project))


def run_object(place: Place) -> Object:
    """A run."""
    return Object("Run", place)


async def detail_of(asked: Asked, place: Place) -> RunContents:
    """What is stored of a run; looked up once per operation, for all runs of a page at once.

    Raises:
        NotFound: there is no such run.
    """
    key = ("run", place.uid)
    if key not in asked.memory:
        page: list[str] | None = asked.memory.get(("page", place.uid))
        if page is None:
            asked.memory[key] = await asked.call.read(runs.get_run, place.uid)
        else:
            for each in await asked.call.read(overviews.describe_runs, page):
                asked.memory["run", each.uid] = each
        if key not in asked.memory:
            raise NotFound(f"the run {place.run_id!r} was deleted just now")
    found: RunContents = asked.memory[key]
    return found


async def row_of(asked: Asked, place: Place) -> RunRow:
    """A run as lists show it; that of a page is there already.

    Raises:
        NotFound: there is no such run.
    """
    row: RunRow | None = asked.memory.get(("row", place.uid))
    return row if row is not None else await detail_of(asked, place)


async def memory_at(asked: Asked, place: Place) -> Memory:
    """What is kept of a run for wandb's client; looked up once per operation.

    Raises:
        NotFound: there is no such run.
    """
    key = ("memory", place.uid)
    if key not in asked.memory:
        asked.memory[key] = await asked.call.read(
            foreign.look, asked.call.workers.recorder, place.uid, _copied
        )
    found: Memory = asked.memory[key]
    return found


def _copied(recorder: Recorder, recording: Recording) -> Memory:
    return memory_of(recording)


# ---------------------------------------------------------------------------------------- finding
async def project(asked: Asked, parent: Any, given: Given) -> Object | None:
    """A project, or null; that of link targets is there always."""
    entity = given.text("entityName") or DEFAULT_ENTITY
    name = given.text("name") or DEFAULT_PROJECT
    is_known = (
        name == REGISTRY
        or await project_row(asked, entity, name) is not None
        or await _has_sweeps(asked, entity, name)
    )
    return project_object(entity, name) if is_known else None


async def _has_sweeps(asked: Asked, entity: str, name: str) -> bool:
    """Whether a project without runs has a sweep, which makes it one."""
    try:
        return bool((await asked.call.read(sweeps.list_sweeps, entity, name)).sweeps)
    except InvalidInput:
        return False  # it cannot be the name of any


async def project_row(asked: Asked, entity: str, name: str) -> Any:
    """What is stored of a project, or None; looked up once per operation."""
    key = ("project", entity, name)
    if key not in asked.memory:
        try:
            asked.memory[key] = await asked.call.read(
                experiments.get_experiment,
                asked.call.workers.recorder,
                experiment_id(entity, name),
            )
        except NotFound:
            asked.memory[key] = None
    return asked.memory[key]


async def run(asked: Asked, parent: ProjectPlace, given: Given) -> Object | None:
    """A run of a project, or null."""
    place = Place(parent.entity, parent.project, given.text("name"))
    try:
        await detail_of(asked, place)
    except (NotFound, InvalidInput):
        return None
    return run_object(place)


# ---------------------------------------------------------------------------------------- project
async def _id(asked: Asked, parent: ProjectPlace, given: Given) -> str:
    return write_id("Project", "v1", parent.project, parent.entity)


async def _internal_id(asked: Asked, parent: ProjectPlace, given: Given) -> str:
    return str(experiment_id(*parent))


async def _name(asked: Asked, parent: ProjectPlace, given: Given) -> str:
    return parent.project


async def _entity_name(asked: Asked, parent: ProjectPlace, given: Given) -> str:
    return parent.entity


async def _entity(asked: Asked, parent: ProjectPlace, given: Given) -> Object:
    return Object("Entity", entity_of(parent.entity))


async def _created_at(asked: Asked, parent: ProjectPlace, given: Given) -> str | None:
    found = await project_row(asked, *parent)
    return None if found is None else moment(found.created_us)


async def _false(asked: Asked, parent: Any, given: Given) -> bool:
    return False


async def _owner(asked: Asked, parent: Any, given: Given) -> Object:
    principal = asked.call.principal
    return Object("User", user_of(principal.name if principal else "", is_admin=False))


# -------------------------------------------------------------------------------------------- run
async def _run_field(asked: Asked, parent: Place, name: str) -> Any:
    return getattr(await row_of(asked, parent), name)


async def _run_id(asked: Asked, parent: Place, given: Given) -> str:
    return run_key(parent)


async def _run_name(asked: Asked, parent: Place, given: Given) -> str:
    return parent.run_id


async def _display_name(asked: Asked, parent: Place, given: Given) -> Any:
    return await _run_field(asked, parent, "name")


async def _notes(asked: Asked, parent: Place, given: Given) -> Any:
    return await _run_field(asked, parent, "notes")


async def _tags(asked: Asked, parent: Place, given: Given) -> Any:
    return await _run_field(asked, parent, "tags")


async def _state(asked: Asked, parent: Place, given: Given) -> str:
    state = str((await row_of(asked, parent)).state)
    if (await memory_at(asked, parent)).kept.preempting and state in ("failed", "killed"):
        return "preempted"
    return state


async def _config(asked: Asked, parent: Place, given: Given) -> str:
    detail = await detail_of(asked, parent)
    own = (await memory_at(asked, parent)).kept.config
    return json_text(configs.join(detail.config, own))


async def _wandb_config(asked: Asked, parent: Place, given: Given) -> str:
    own = (await memory_at(asked, parent)).kept.config
    wanted = given.texts("keys")
    return json_text({key: own[key] for key in wanted or own if key in own})


async def _summary(asked: Asked, parent: Place, given: Given) -> str:
    return json_text(await summary_of(asked, parent))


async def summary_of(asked: Asked, place: Place) -> dict[str, Any]:
    """A run's summary in wandb's form: nested, with media, with the last step and times."""
    detail = await detail_of(asked, place)
    memory = await memory_at(asked, place)
    found: dict[str, Any] = {}
    own = memory.kept.config
    for metric in detail.metrics:
        if not metric.key.startswith(SYSTEM_PREFIX) and metric.last is not None:
            found[metric.key] = metric.last
    for key in configs.silent_in(own, found):
        del found[key]
    found.update(
        (key, value) for key, value in detail.summary.items() if not key.startswith(SYSTEM_PREFIX)
    )
    found.update(memory.objects)
    if memory.lines.history:  # its client had joined the keys of nested values
        series = {metric.key for metric in detail.metrics}
        for key in detail.summary.keys() - series:  # and told this instead of the last value
            whole, _, word = key.rpartition(".")
            if whole in series and word in configs.summaries_of(own, whole):
                found.pop(whole, None)
        found = nested(found)
    step = memory.lines.step if detail.last_step is None else detail.last_step
    if step >= 0 or detail.last_step is not None:
        end = detail.ended_us or detail.updated_us
        found["_step"] = max(step, memory.lines.step)
        found["_runtime"] = max(0, end - detail.created_us) / 1e6
        found["_timestamp"] = end / 1e6
    return found


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Values as a tree, where keys are joined with a dot; one that has no room there stays."""
    found: dict[str, Any] = {}
    for key, value in sorted(flat.items()):
        *parts, last = key.split(".")
        place: Any = found
        for part in parts:
            is_open = isinstance(place, dict) and "_type" not in place and part
            place = place.setdefault(part, {}) if is_open else None
        if isinstance(place, dict) and "_type" not in place and last and last not in place:
            place[last] = value
        else:
            found[key] = value
    return found


async def _history_count(asked: Asked, parent: Place, given: Given) -> int:
    return count_of((await memory_at(asked, parent)).lines.history)


async def _events_count(asked: Asked, parent: Place, given: Given) -> int:
    return count_of((await memory_at(asked, parent)).lines.events)


async def _log_count(asked: Asked, parent: Place, given: Given) -> int:
    return (await memory_at(asked, parent)).lines.output


async def _history_tail(asked: Asked, parent: Place, given: Given) -> str:
    summary = await summary_of(asked, parent)
    if "_step" not in summary:
        return "[]"
    return json_text([json_text({key: summary[key] for key in TAIL})])


async def _events_tail(asked: Asked, parent: Place, given: Given) -> str:
    summary = await summary_of(asked, parent)
    if "_runtime" not in summary:
        return "[]"
    return json_text([json_text({key: summary[key] for key in TAIL if key != "_step"})])


async def _sweep_name(asked: Asked, parent: Place, given: Given) -> str | None:
    return (await memory_at(asked, parent)).kept.sweep or None


async def _stopped(asked: Asked, parent: Place, given: Given) -> bool:
    """Whether somebody wants the run to stop; clients up to 0.22 ask for it."""
    stop = await asked.call.read(runs.stop_of, parent.uid) is not None
    if stop:
        (await memory_at(asked, parent)).told_to_stop = True
    return stop


async def _description(asked: Asked, parent: Place, given: Given) -> str:
    return (await memory_at(asked, parent)).kept.description


async def _project_of(asked: Asked, parent: Place, given: Given) -> Object:
    return project_object(parent.entity, parent.project)


TAIL: Final = ("_step", "_runtime", "_timestamp")


def moment(time_us: int | None) -> str | None:
    """A time as clients read it: UTC without a zone."""
    if time_us is None:
        return None
    then = datetime.datetime.fromtimestamp(time_us / 1e6, datetime.UTC)
    return then.strftime("%Y-%m-%dT%H:%M:%S")


def json_text(value: object) -> str:
    """A JSONString; numbers that are not finite become strings."""
    return msgspec.json.encode(to_json(value)).decode()


FIELDS: Final[Fields] = {
    "Query": {"project": project, "model": project},
    "Project": {
        "id": _id, "internalId": _internal_id, "name": _name, "entityName": _entity_name,
        "entity": _entity, "createdAt": _created_at, "isBenchmark": _false, "readOnly": _false,
        "user": _owner, "run": run, "bucket": run,
    },
    "Run": {
        "id": _run_id, "name": _run_name, "displayName": _display_name, "notes": _notes,
        "tags": _tags, "state": _state, "config": _config, "wandbConfig": _wandb_config,
        "summaryMetrics": _summary, "historyLineCount": _history_count,
        "eventsLineCount": _events_count, "logLineCount": _log_count,
        "historyTail": _history_tail, "eventsTail": _events_tail, "sweepName": _sweep_name,
        "stopped": _stopped, "description": _description, "project": _project_of,
    },
}  # fmt: skip
