"""The model registry: readers look and resolve, writers register, promote and delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import msgspec

from epochal.domain.access import Permission, Principal
from epochal.domain.artifact import check_alias, check_artifact_name, read_model_reference
from epochal.domain.models import (
    ModelChanges,
    ModelDetail,
    ModelList,
    ModelRow,
    ModelVersionChanges,
    ModelVersionRow,
    NewModel,
    NewModelVersion,
    Stage,
)
from epochal.domain.names import MAX_NAME, MAX_TAG, check_name
from epochal.errors import InvalidInput, NotFound
from epochal.service import bounds
from epochal.service.artifacts import MAX_ALIASES, MAX_REFERENCE, reference
from epochal.service.permission import require
from epochal.store import model_versions as versions
from epochal.store import models as stored
from epochal.store.owner import Store

MAX_NUMBER = 2**31


def list_models(
    store: Store, principal: Principal | None, entity: str | None, search: str | None
) -> ModelList:
    """Registered models, newest activity first."""
    require(principal, Permission.READ)
    wanted = bounds.plain_text(search, "search", MAX_NAME) if search else None
    return stored.list_models(store, bounds.entity_name(entity), wanted)


def get_model(
    store: Store, principal: Principal | None, entity: str | None, name: str
) -> ModelDetail:
    """A model with its versions and history.

    Raises:
        NotFound: there is none.
    """
    require(principal, Permission.READ)
    return stored.get_model(store, bounds.entity_name(entity), check_artifact_name(name))


def list_versions(
    store: Store, principal: Principal | None, entity: str | None, name: str | None = None
) -> list[ModelVersionRow]:
    """Versions of one model, or of all; none of a model that does not exist."""
    require(principal, Permission.READ)
    wanted = None if name is None else bounds.plain_text(name, "model", MAX_NAME)
    return versions.list_versions(store, bounds.entity_name(entity), wanted)


def resolve(
    store: Store, principal: Principal | None, entity: str | None, name: str
) -> ModelVersionRow:
    """The version that ``models:/name/3``, ``name@alias`` or ``name/latest`` means.

    Raises:
        NotFound: there is none.
    """
    require(principal, Permission.READ)
    ref = read_model_reference(bounds.plain_text(name, "model", MAX_REFERENCE))
    return versions.resolve(store, bounds.entity_name(entity), ref.name, ref.version)


def create_model(store: Store, principal: Principal | None, given: NewModel) -> ModelRow:
    """Register a name.

    Raises:
        InvalidInput: it cannot be used.
        Conflict: it is in use.
    """
    who = require(principal, Permission.WRITE).name
    checked = msgspec.structs.replace(
        given,
        name=check_artifact_name(given.name),
        entity=bounds.entity_name(given.entity),
        description=bounds.plain_text(given.description, "description"),
    )
    _check_tags(given.tags)
    return stored.create_model(store, checked, who)


def update_model(
    store: Store,
    principal: Principal | None,
    entity: str | None,
    name: str,
    changes: ModelChanges,
) -> ModelRow:
    """Rename, describe or tag a model.

    Raises:
        NotFound: there is none.
        Conflict: the new name is in use.
    """
    who = require(principal, Permission.WRITE).name
    if changes.description is not None:
        bounds.plain_text(changes.description, "description")
    _check_tags(changes.tags)
    new = None if changes.name is None else check_artifact_name(changes.name)
    return stored.update_model(
        store, bounds.entity_name(entity), check_artifact_name(name),
        msgspec.structs.replace(changes, name=new), who,
    )  # fmt: skip


def delete_model(store: Store, principal: Principal | None, entity: str | None, name: str) -> None:
    """Forget a model; its artifacts stay.

    Raises:
        NotFound: there is none.
    """
    require(principal, Permission.WRITE)
    stored.delete_model(store, bounds.entity_name(entity), check_artifact_name(name))


def create_version(
    store: Store,
    principal: Principal | None,
    entity: str | None,
    name: str,
    given: NewModelVersion,
    *,
    fresh: bool = False,
) -> ModelVersionRow:
    """Make a version out of an artifact version.

    Args:
        store: the home.
        principal: who makes it.
        entity: owner of the model.
        name: of the model.
        given: what to say of the version.
        fresh: make a new version even of the newest one's content.

    Raises:
        NotFound: no such model or artifact version.
        Conflict: bytes of the artifact version are on their way.
    """
    who = require(principal, Permission.WRITE).name
    bounds.at_most(given.aliases, MAX_ALIASES, "aliases")
    bounds.plain_text(given.description, "description")
    _check_tags(given.tags)
    checked = msgspec.structs.replace(
        given, aliases=[check_alias(alias) for alias in given.aliases]
    )
    owner = bounds.entity_name(entity)
    return versions.create_version(
        store, owner, check_artifact_name(name), checked, reference(given.artifact, owner), who,
        fresh=fresh,
    )  # fmt: skip


def get_version(
    store: Store, principal: Principal | None, entity: str | None, name: str, number: int
) -> ModelVersionRow:
    """One version of a model.

    Raises:
        NotFound: there is none.
    """
    require(principal, Permission.READ)
    owner = bounds.entity_name(entity)
    return versions.get_version(store, owner, check_artifact_name(name), _number(number))


def update_version(
    store: Store,
    principal: Principal | None,
    entity: str | None,
    name: str,
    number: int,
    changes: ModelVersionChanges,
) -> ModelVersionRow:
    """Promote, name, tag or describe a version.

    Raises:
        InvalidInput: there is no such stage, or a word cannot be used.
        NotFound: there is none.
        Conflict: an alias was asked for a version that is not complete.
    """
    who = require(principal, Permission.WRITE).name
    if changes.stage is not None and changes.stage not in get_args(Stage):
        raise InvalidInput(
            f"a stage is one of {', '.join(get_args(Stage))}, got {changes.stage!r:.80}"
        )
    given = {}
    for field in ("add_aliases", "remove_aliases"):
        words = getattr(changes, field)
        bounds.at_most(words, MAX_ALIASES, field)
        given[field] = [check_alias(word) for word in words]
    if changes.description is not None:
        bounds.plain_text(changes.description, "description")
    _check_tags(changes.tags)
    return versions.update_version(
        store, bounds.entity_name(entity), check_artifact_name(name), _number(number),
        msgspec.structs.replace(changes, **given), who,
    )  # fmt: skip


def delete_version(
    store: Store, principal: Principal | None, entity: str | None, name: str, number: int
) -> None:
    """Delete a version of a model; the artifact version stays.

    Raises:
        NotFound: there is none.
    """
    who = require(principal, Permission.WRITE).name
    owner = bounds.entity_name(entity)
    versions.delete_version(store, owner, check_artifact_name(name), _number(number), who)


def _number(number: int) -> int:
    if not 0 < number < MAX_NUMBER:
        raise NotFound(f"there is no version {number}; versions of a model count from 1")
    return number


def _check_tags(tags: Mapping[str, str | None]) -> None:
    bounds.at_most(tags, bounds.MAX_TAGS, "tags")
    for name, value in tags.items():
        check_name(name, "tag", MAX_TAG)
        if value is not None:
            bounds.plain_text(value, f"tag {name[:40]!r}")
