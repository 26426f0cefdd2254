"""Experiments: create, look up, search, change, delete and restore."""

from __future__ import annotations

from typing import Any

from epochal.domain.tracked import Experiment, Sort
from epochal.errors import Conflict
from epochal.protocols import Caller
from epochal.protocols.mlflow import filters
from epochal.protocols.mlflow.arguments import Arguments, bad, needed
from epochal.protocols.mlflow.limits import (
    MAX_EXPERIMENT_TAG,
    MAX_RUNS,
    check_experiment_name,
    check_key,
    check_length,
)
from epochal.protocols.mlflow.pages import check_limit, read_token, write_token
from epochal.protocols.mlflow.searching import Thing, choose
from epochal.protocols.mlflow.shapes import experiment_json, milliseconds
from epochal.service import experiments

VIEWS = {
    "ACTIVE_ONLY": False, "DELETED_ONLY": True, "ALL": None, "1": False, "2": True, "3": None,
}  # fmt: skip


async def create(call: Caller, given: Arguments) -> dict[str, Any]:
    """Make an experiment. A place for artifacts outside this server is refused."""
    name = check_experiment_name(needed(given, "name"))
    location = given.text("artifact_location", "")
    if location and not location.startswith("mlflow-artifacts:"):
        raise bad("artifact_location", location, "artifacts are kept by this server only.")
    if ".." in location or set("#?;%\\") & set(location):
        raise bad("artifact_location", location)
    tags = {key: _tag_value(value) for key, value in given.pairs("tags") if check_key(key)}
    recorder = call.workers.recorder
    try:
        made = await call.write(experiments.create_experiment, recorder, name, tags)
    except Conflict:
        found = await _by_name(call, name)
        state = "a deleted" if found.deleted else "an active"
        raise Conflict(
            f"Experiment(name={name}) already exists in {state} state. Restore it, delete it "
            f"for good, or use another name."
        ) from None
    return {"experiment_id": str(made.id)}


async def get(call: Caller, given: Arguments) -> dict[str, Any]:
    """One experiment, deleted ones too."""
    recorder = call.workers.recorder
    found = await call.read(experiments.get_experiment, recorder, given.experiment_id)
    return {"experiment": experiment_json(found)}


async def get_by_name(call: Caller, given: Arguments) -> dict[str, Any]:
    """One experiment by its name, deleted ones too."""
    return {"experiment": experiment_json(await _by_name(call, needed(given, "experiment_name")))}


async def search(call: Caller, given: Arguments) -> dict[str, Any]:
    """A page of experiments."""
    limit = check_limit(given.number("max_results", 0), MAX_RUNS)
    offset = read_token(given.text("page_token", ""))
    gone = view(given, "view_type")
    clauses = filters.parse_filter(given.text("filter", ""), filters.EXPERIMENTS)
    order = filters.parse_order(given.texts("order_by"), filters.EXPERIMENTS)
    found = await call.read(experiments.list_experiments, call.workers.recorder)
    found = [one for one in found if gone is None or one.deleted == gone]
    found.sort(key=lambda one: one.id, reverse=bool(order))
    default = [Sort("attribute", "creation_time", descending=True)]
    chosen = choose(found, _thing, clauses, order or default)
    answer: dict[str, Any] = {
        "experiments": [experiment_json(one) for one in chosen[offset : offset + limit]]
    }
    if len(chosen) > offset + limit:
        answer["next_page_token"] = write_token(offset + limit)
    return answer


async def update(call: Caller, given: Arguments) -> dict[str, Any]:
    """Rename an experiment."""
    name = check_experiment_name(needed(given, "new_name"))
    await call.write(
        experiments.rename_experiment, call.workers.recorder, given.experiment_id, name
    )
    return {}


async def delete(call: Caller, given: Arguments) -> dict[str, Any]:
    """Delete an experiment and its runs; `restore` takes it back."""
    await call.write(
        experiments.archive_experiment, call.workers.recorder, given.experiment_id, deleted=True
    )
    return {}


async def restore(call: Caller, given: Arguments) -> dict[str, Any]:
    """Restore an experiment and all of its runs."""
    await call.write(
        experiments.archive_experiment, call.workers.recorder, given.experiment_id, deleted=False
    )
    return {}


async def set_tag(call: Caller, given: Arguments) -> dict[str, Any]:
    """Set a tag."""
    changes = {check_key(needed(given, "key")): _tag_value(given.text("value", ""))}
    await call.write(
        experiments.tag_experiment, call.workers.recorder, given.experiment_id, changes
    )
    return {}


async def delete_tag(call: Caller, given: Arguments) -> dict[str, Any]:
    """Remove a tag."""
    removed = (needed(given, "key"),)
    await call.write(
        experiments.tag_experiment, call.workers.recorder, given.experiment_id, {}, removed
    )
    return {}


def view(given: Arguments, name: str) -> bool | None:
    """Which lifecycle stage is asked for: active (False), deleted (True), both (None).

    Raises:
        InvalidInput: no view has that name.
    """
    value = given.fields.get(name)
    text = "ACTIVE_ONLY" if value in (None, "") else str(value)
    if text not in VIEWS:
        raise bad(name, value)
    return VIEWS[text]


def _tag_value(text: str) -> str:
    return check_length(text, "value", MAX_EXPERIMENT_TAG)


async def _by_name(call: Caller, name: str) -> Experiment:
    return await call.read(experiments.named_experiment, call.workers.recorder, name)


def _thing(one: Experiment) -> Thing:
    attributes = {
        "name": one.name, "experiment_id": str(one.id),
        "creation_time": milliseconds(one.created_us),
        "last_update_time": milliseconds(one.updated_us),
    }  # fmt: skip
    return Thing(attributes, one.tags)
