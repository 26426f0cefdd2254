"""Registered models: Epochal's registry in MLflow's words. Their versions are in `versions`."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from epochal.domain.models import ModelChanges, ModelRow, ModelVersionChanges, NewModel
from epochal.domain.tracked import Clause
from epochal.errors import Conflict, NotFound
from epochal.protocols import Caller
from epochal.protocols.mlflow import filters
from epochal.protocols.mlflow.arguments import Arguments, missing, needed
from epochal.protocols.mlflow.errors import NotOffered, invalid
from epochal.protocols.mlflow.limits import check_key
from epochal.protocols.mlflow.pages import check_limit, read_token, write_token
from epochal.protocols.mlflow.searching import Thing, choose
from epochal.protocols.mlflow.shapes import (
    milliseconds,
    model_json,
    pairs,
    stage_of,
    version_json,
)
from epochal.service import models

MAX_MODELS: Final = 1_000
MAX_VALUE: Final = 65_536
PROMPT: Final = "mlflow.prompt.is_prompt"
_ALIAS: Final = re.compile(r"[\w\-]{1,128}")
_VERSION_LIKE: Final = re.compile(r"v\d+", re.IGNORECASE)


async def create(call: Caller, given: Arguments) -> dict[str, Any]:
    """Register a name."""
    name = model_name(given)
    tags = registry_tags(given.pairs("tags"))
    refuse_prompt(tags)
    new = NewModel(name, description=given.text("description", ""), tags=tags)
    try:
        made = await call.write(models.create_model, new)
    except Conflict:
        raise Conflict(f"Registered Model (name={name}) already exists.") from None
    return {"registered_model": model_json(made, [])}


async def get(call: Caller, given: Arguments) -> dict[str, Any]:
    """One model with the newest version of each stage."""
    return {"registered_model": await _shown(call, model_name(given))}


async def update(call: Caller, given: Arguments) -> dict[str, Any]:
    """Describe a model."""
    name = model_name(given)
    changes = ModelChanges(description=given.text("description", ""))
    with of_model(name):
        await call.write(models.update_model, None, name, changes)
    return {"registered_model": await _shown(call, name)}


async def rename(call: Caller, given: Arguments) -> dict[str, Any]:
    """Give a model another name."""
    name = model_name(given)
    new = check_model_name(needed(given, "new_name"))
    try:
        with of_model(name):
            await call.write(models.update_model, None, name, ModelChanges(name=new))
    except Conflict:
        raise Conflict(f"Registered Model (name={new}) already exists.") from None
    return {"registered_model": await _shown(call, new)}


async def delete(call: Caller, given: Arguments) -> dict[str, Any]:
    """Forget a model with its versions; what they stand on stays."""
    name = model_name(given)
    with of_model(name):
        await call.write(models.delete_model, None, name)
    return {}


async def search(call: Caller, given: Arguments) -> dict[str, Any]:
    """A page of models."""
    limit = check_limit(given.number("max_results", 100), MAX_MODELS)
    offset = read_token(given.text("page_token", ""))
    clauses = filters.parse_filter(given.text("filter", ""), filters.MODELS)
    order = filters.parse_order(given.texts("order_by"), filters.MODELS)
    asked = without_prompts(clauses)
    every = [] if asked is None else (await call.read(models.list_models, None, None)).models
    every = sorted(every, key=lambda row: row.name)
    page = choose(every, _thing, asked or [], order)
    shown = page[offset : offset + limit]
    versions = defaultdict(list)
    for row in await call.read(models.list_versions, None) if shown else []:
        versions[row.model].append(row)
    answer: dict[str, Any] = {
        "registered_models": [model_json(row, versions[row.name]) for row in shown]
    }
    if len(page) > offset + limit:
        answer["next_page_token"] = write_token(offset + limit)
    return answer


async def latest_versions(call: Caller, given: Arguments) -> dict[str, Any]:
    """The newest version of each stage, or of those asked for."""
    name = model_name(given)
    with of_model(name):
        detail = await call.read(models.get_model, None, name)
    wanted = {stage_of(stage) for stage in given.texts("stages")}
    found = model_json(detail, detail.all_versions)["latest_versions"]
    return {
        "model_versions": [
            one for one in found if not wanted or stage_of(one["current_stage"]) in wanted
        ]
    }


async def set_tag(call: Caller, given: Arguments) -> dict[str, Any]:
    """Set a tag."""
    name = model_name(given)
    changes = ModelChanges(tags=dict(registry_tags([_tag(given)])))
    with of_model(name):
        await call.write(models.update_model, None, name, changes)
    return {}


async def delete_tag(call: Caller, given: Arguments) -> dict[str, Any]:
    """Remove a tag; one that is not there is no mistake."""
    name = model_name(given)
    changes = ModelChanges(tags={check_key(needed(given, "key")): None})
    with of_model(name):
        await call.write(models.update_model, None, name, changes)
    return {}


async def set_alias(call: Caller, given: Arguments) -> dict[str, Any]:
    """Let an alias point at a version."""
    name, alias, number = model_name(given), needed(given, "alias"), version_number(given)
    if not _ALIAS.fullmatch(alias):
        raise invalid(
            f"Invalid alias name: '{alias[:80]}'. Names may only contain alphanumerics, "
            f"underscores (_), and dashes (-), at most 128 of them."
        )
    if alias.lower() == "latest":
        raise invalid("'latest' alias name (case insensitive) is reserved.")
    if _VERSION_LIKE.fullmatch(alias):
        raise invalid(f"Version alias name '{alias}' is reserved.")
    changes = ModelVersionChanges(add_aliases=[alias])
    with of_version(name, number):
        await call.write(models.update_version, None, name, number, changes)
    return {}


async def delete_alias(call: Caller, given: Arguments) -> dict[str, Any]:
    """Remove an alias; one that is not there is no mistake."""
    name, alias = model_name(given), given.text("alias")
    with of_model(name):
        detail = await call.read(models.get_model, None, name)
    number = detail.aliases.get(alias)
    if number is not None:
        changes = ModelVersionChanges(remove_aliases=[alias])
        await call.write(models.update_version, None, name, number, changes)
    return {}


async def get_by_alias(call: Caller, given: Arguments) -> dict[str, Any]:
    """The version that an alias points at; ``latest`` is the newest."""
    name, alias = model_name(given), given.text("alias")
    with of_model(name):
        detail = await call.read(models.get_model, None, name)
    is_latest = alias.lower() == "latest"
    number = detail.latest if is_latest else detail.aliases.get(alias)
    for row in detail.all_versions:
        if row.version == number:
            return {"model_version": version_json(row)}
    if is_latest:
        raise NotFound(f"Latest version not found for model {name}.")
    raise invalid(f"Registered model alias {alias[:80]} not found.")


def model_name(given: Arguments) -> str:
    """The name of a model in a request.

    Raises:
        InvalidInput: it is missing, or no model can have it.
    """
    return check_model_name(needed(given, "name"))


def check_model_name(name: str) -> str:
    """A name that a model may have.

    Raises:
        InvalidInput: none can.
    """
    if {"/", ":"} & set(name):
        raise invalid(f"Invalid model name '{name[:140]}'. Names cannot contain '/' or ':'.")
    if (
        set(name) & set("\\@?#%") or name != name.strip() or len(name) > 128
        or name in (".", "..") or not name.isprintable()
    ):  # fmt: skip
        raise invalid(
            f"Invalid model name '{name[:140]}'. Names have at most 128 characters, no space at "
            f"their ends, none of \\ @ ? # % and no control character, and are neither . nor .."
        )
    return name


def version_number(given: Arguments) -> int:
    """The number of a version in a request.

    Raises:
        InvalidInput: it is missing or no number.
    """
    text = str(given.fields.get("version") or "")
    if not text:
        raise missing("version")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise invalid(f"Parameter 'version' must be an integer, got '{text[:80]}'.")
    return int(text)


def registry_tags(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Tags of a model or version; the last one of a key counts.

    Raises:
        InvalidInput: a key or value cannot be one.
    """
    tags: dict[str, str] = {}
    for key, value in given:
        if len(value) > MAX_VALUE:
            raise invalid(f"Tag value of '{key[:80]}' exceeds the limit of {MAX_VALUE} characters")
        tags[check_key(key)] = value
    return tags


def refuse_prompt(tags: dict[str, str]) -> None:
    """Prompts lie among the models in MLflow; here they do not.

    Raises:
        NotOffered: the tags are those of a prompt.
    """
    if tags.get(PROMPT, "").lower() == "true":
        raise NotOffered("Prompts are not implemented by Epochal; it registers models")


def without_prompts(clauses: list[Clause]) -> list[Clause] | None:
    """The conditions without those on being a prompt; None when prompts are asked for."""
    about = [one for one in clauses if (one.kind, one.key) == ("tag", PROMPT)]
    if any((one.operator, one.value) in (("=", "true"), ("!=", "false")) for one in about):
        return None
    return [one for one in clauses if one not in about]


async def _shown(call: Caller, name: str) -> dict[str, Any]:
    with of_model(name):
        detail = await call.read(models.get_model, None, name)
    return model_json(detail, detail.all_versions)


@contextlib.contextmanager
def of_model(name: str) -> Iterator[None]:
    """Tell in MLflow's words that there is no such model."""
    try:
        yield
    except NotFound:
        raise NotFound(f"Registered Model with name={name} not found") from None


@contextlib.contextmanager
def of_version(name: str, number: int) -> Iterator[None]:
    """Tell in MLflow's words that there is no such version."""
    try:
        yield
    except NotFound:
        raise NotFound(f"Model Version (name={name}, version={number}) not found") from None


def _thing(row: ModelRow) -> Thing:
    times = {"created": milliseconds(row.created_us), "updated": milliseconds(row.updated_us)}
    return Thing(
        {"name": row.name, **times}, {one["key"]: one["value"] for one in pairs(row.tags)}
    )


def _tag(given: Arguments) -> tuple[str, str]:
    return needed(given, "key"), given.text("value", "")
