"""Versions of registered models: each stands on an artifact version, whatever URI named it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from epochal.domain.models import ModelVersionChanges, ModelVersionRow, NewModelVersion
from epochal.protocols import Caller
from epochal.protocols.mlflow import filters
from epochal.protocols.mlflow.arguments import Arguments, needed
from epochal.protocols.mlflow.errors import invalid
from epochal.protocols.mlflow.limits import check_key
from epochal.protocols.mlflow.models import (
    model_name,
    of_model,
    of_version,
    refuse_prompt,
    registry_tags,
    version_number,
    without_prompts,
)
from epochal.protocols.mlflow.pages import check_limit, read_token, write_token
from epochal.protocols.mlflow.places import content_uri
from epochal.protocols.mlflow.searching import Thing, choose
from epochal.protocols.mlflow.shapes import (
    LINK,
    LOGGED,
    RUN,
    SHOWN_STAGES,
    SOURCE,
    milliseconds,
    pairs,
    run_of,
    source_of,
    stage_of,
    version_json,
)
from epochal.protocols.mlflow.sources import check_source, resolve_source
from epochal.service import logged, models

MAX_VERSIONS: Final = 200_000
VERSIONS_TAG: Final = "mlflow.modelVersions"
"""The tag of a logged model that lists the versions made of it."""
_ACTIVE: Final = ("staging", "production")


async def create(call: Caller, given: Arguments) -> dict[str, Any]:
    """Make a version out of what ``source`` names. Each request makes a new one."""
    name = model_name(given)
    text = check_source(needed(given, "source"))
    tags = registry_tags(given.pairs("tags"))
    with of_model(name):
        await call.read(models.get_model, None, name)
    source = await resolve_source(call, text, given.text("run_id", ""), given.text("model_id", ""))
    refuse_prompt(tags)
    hidden = {SOURCE: text, LINK: given.text("run_link", ""), LOGGED: source.model}
    new = NewModelVersion(
        source.packed.artifact,
        tags={**tags, **{key: value for key, value in hidden.items() if value}},
        description=given.text("description", ""),
    )
    made = await call.write(models.create_version, None, name, new, fresh=True)
    if run_of(made) != source.run:  # equal content was logged by another run before, or by none
        changes = ModelVersionChanges(tags={RUN: source.run})
        made = await call.write(models.update_version, None, name, made.version, changes)
    if source.model:
        await _note(call, source.model, made)
    return {"model_version": version_json(made)}


async def get(call: Caller, given: Arguments) -> dict[str, Any]:
    """One version."""
    return {"model_version": version_json(await _read(call, given))}


async def update(call: Caller, given: Arguments) -> dict[str, Any]:
    """Describe a version."""
    changes = ModelVersionChanges(description=given.text("description", ""))
    return {"model_version": version_json(await _change(call, given, changes))}


async def delete(call: Caller, given: Arguments) -> dict[str, Any]:
    """Delete a version; its number is not used again, what it stands on stays."""
    await _read(call, given)
    await call.write(models.delete_version, None, model_name(given), version_number(given))
    return {}


async def search(call: Caller, given: Arguments) -> dict[str, Any]:
    """A page of versions of all models."""
    limit = check_limit(given.number("max_results", MAX_VERSIONS), MAX_VERSIONS)
    offset = read_token(given.text("page_token", ""))
    clauses = filters.parse_filter(given.text("filter", ""), filters.VERSIONS)
    order = filters.parse_order(given.texts("order_by"), filters.VERSIONS)
    asked = without_prompts(clauses)
    named = [str(c.value) for c in clauses if (c.key, c.operator) == ("name", "=")]
    every: list[ModelVersionRow] = []
    if asked is not None:
        every = await call.read(models.list_versions, None, named[0] if named else None)
    newest = 0 if order else -1  # who gives an order gets its equals by name
    every.sort(key=lambda row: (newest * row.updated_us, row.model, -row.version))
    page = choose(every, _thing, asked or [], order)
    answer: dict[str, Any] = {
        "model_versions": [version_json(row) for row in page[offset : offset + limit]]
    }
    if len(page) > offset + limit:
        answer["next_page_token"] = write_token(offset + limit)
    return answer


async def download_uri(call: Caller, given: Arguments) -> dict[str, Any]:
    """Where the files of a version are fetched."""
    return {"artifact_uri": content_uri((await _read(call, given)).digest)}


async def transition(call: Caller, given: Arguments) -> dict[str, Any]:
    """Move a version to a stage, and perhaps archive those that are in it."""
    name, number = model_name(given), version_number(given)
    stage = stage_of(needed(given, "stage"))
    archive = given.flag("archive_existing_versions")
    if archive and stage not in _ACTIVE:
        raise invalid(
            f"Model version transition cannot archive existing model versions because "
            f"'{SHOWN_STAGES[stage]}' is not an Active stage. Valid stages are Staging, Production"
        )
    await _read(call, given)
    rows = await call.read(models.list_versions, None, name)
    for row in rows if archive else []:
        if row.version != number and row.stage == stage:
            aside = ModelVersionChanges(stage="archived")
            await call.write(models.update_version, None, name, row.version, aside)
    changed = await _change(call, given, ModelVersionChanges(stage=stage))
    return {"model_version": version_json(changed)}


async def set_tag(call: Caller, given: Arguments) -> dict[str, Any]:
    """Set a tag."""
    tags = registry_tags([(needed(given, "key"), given.text("value", ""))])
    await _change(call, given, ModelVersionChanges(tags=dict(tags)))
    return {}


async def delete_tag(call: Caller, given: Arguments) -> dict[str, Any]:
    """Remove a tag; one that is not there is no mistake."""
    key = check_key(needed(given, "key"))
    await _change(call, given, ModelVersionChanges(tags={key: None}))
    return {}


async def find(call: Caller, given: Arguments) -> ModelVersionRow:
    """The version that a request names.

    Raises:
        NotFound: there is none.
    """
    return await _read(call, given)


async def _read(call: Caller, given: Arguments) -> ModelVersionRow:
    name, number = model_name(given), version_number(given)
    with of_version(name, number):
        return await call.read(models.get_version, None, name, number)


async def _change(call: Caller, given: Arguments, changes: ModelVersionChanges) -> ModelVersionRow:
    await _read(call, given)
    return await call.write(
        models.update_version, None, model_name(given), version_number(given), changes
    )


async def _note(call: Caller, model: str, made: ModelVersionRow) -> None:
    """Write down with a logged model that a version was made of it."""
    recorder = call.workers.recorder
    found = await call.read(logged.get_logged, recorder, model)
    try:
        before = msgspec.json.decode(found.facts.tags.get(VERSIONS_TAG, "[]"), type=list[Any])
    except msgspec.MsgspecError:
        before = []
    noted = [*before, {"name": made.model, "version": made.version}]
    tags = {VERSIONS_TAG: msgspec.json.encode(noted).decode()}
    await call.record(logged.change_logged, recorder, model, tags=tags)


def _thing(row: ModelVersionRow) -> Thing:
    attributes = {
        "name": row.model, "run_id": run_of(row), "source_path": source_of(row),
        "version_number": row.version, "created": milliseconds(row.created_us),
        "updated": milliseconds(row.updated_us),
    }  # fmt: skip
    return Thing(attributes, {one["key"]: one["value"] for one in pairs(row.tags)})
