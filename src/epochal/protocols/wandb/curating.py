"""Memberships of collections, and what people change: aliases, tags, texts, lifetimes, deletions.

A link target (portfolio) is the registered model of the same name; a link makes a version of it.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

from epochal.domain.artifact import LATEST, ArtifactRef
from epochal.domain.models import ModelVersionChanges, ModelVersionRow, NewModel, NewModelVersion
from epochal.domain.names import DEFAULT_ENTITY
from epochal.domain.objects import ArtifactChanges, VersionChanges
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.protocols.wandb import drafts
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.artifacts import (
    alias_json,
    collection_object,
    detail_of,
    files,
    find,
    simple,
    version_object,
)
from epochal.protocols.wandb.execution import Asked, Fields, Object
from epochal.protocols.wandb.ids import read_id, write_id
from epochal.protocols.wandb.portfolios import PORTFOLIO
from epochal.protocols.wandb.projects import ProjectPlace, moment, project_object
from epochal.service import artifacts, models


# ----------------------------------------------------------------------------------- memberships
async def membership(asked: Asked, parent: ProjectPlace, given: Given) -> Object | None:
    """A version in a collection by ``collection[:alias]``, or null."""
    return await _membership(asked, *parent, given.text("name"))


async def _membership(asked: Asked, entity: str, project: str, name: str) -> Object | None:
    ref = await find(asked, entity, project, name)
    if ref is not None:
        detail = await detail_of(asked, ref)
        collection = collection_object(ref)
        aliases = [alias_json(detail.path, one, collection) for one in detail.aliases]
        value = {
            "id": write_id("ArtifactCollectionMembership", ref.path, detail.version),
            "versionIndex": detail.version, "createdAt": moment(detail.created_us),
            "aliases": aliases, "artifactCollection": collection,
            "artifact": version_object(ref), "ref": ref,
        }  # fmt: skip
        return Object("ArtifactCollectionMembership", value)
    link = await _link(asked, entity, name)
    return None if link is None else link_object(link, project)


async def _link(asked: Asked, entity: str, name: str) -> ModelVersionRow | None:
    """The version of a model that ``name[:vN or alias]`` means."""
    bare, _, word = name.partition(":")
    word = word or LATEST
    is_number = word[:1] == "v" and word[1:].isdigit()
    try:
        if is_number:
            return await asked.call.read(models.get_version, entity, bare, int(word[1:]) + 1)
        wanted = f"{bare}/{LATEST}" if word == LATEST else f"{bare}@{word}"
        return await asked.call.read(models.resolve, entity, wanted)
    except (NotFound, InvalidInput):
        return None


def link_object(row: ModelVersionRow, project: str) -> Object:
    """A link: a version of a model."""
    collection = Object(PORTFOLIO, (row.entity, project, row.model))
    owner, _, rest = row.artifact.partition("/")
    where, _, name = rest.rpartition("/")
    ref = ArtifactRef(owner, where, name, row.artifact_version or 0)
    aliases = [alias_json(f"{row.model}:{row.version}", one, collection) for one in row.aliases]
    value = {
        "id": write_id("ArtifactCollectionMembership", row.entity, row.model, row.version),
        "versionIndex": row.version - 1, "createdAt": moment(row.created_us),
        "aliases": aliases, "artifactCollection": collection, "artifact": version_object(ref),
        "ref": ref,
    }  # fmt: skip
    return Object("ArtifactCollectionMembership", value)


async def memberships(asked: Asked, parent: ArtifactRef, given: Given) -> dict[str, Any]:
    """Where a version belongs: its own collection, and where it was linked to."""
    own = await _membership(
        asked, parent.entity, parent.project, f"{parent.name}:v{parent.number}"
    )
    found = [own] if own is not None else []
    for link in (await detail_of(asked, parent)).models:
        row = await asked.call.read(models.get_version, link.entity, link.model, link.version)
        found.append(link_object(row, parent.project))
    return {"edges": [{"node": one} for one in found]}


async def collection(asked: Asked, parent: ProjectPlace, given: Given) -> Object | None:
    """A collection by name, or null."""
    name = given.text("name")
    ref = await find(asked, *parent, name)
    if ref is not None:
        return collection_object(ref)
    link = await _link(asked, parent.entity, name)
    return Object(PORTFOLIO, (parent.entity, parent.project, name)) if link else None


async def member(asked: Asked, parent: Any, given: Given) -> Object | None:
    """The version of a collection under an alias."""
    if isinstance(parent, ArtifactRef):
        entity, project, name = parent.entity, parent.project, parent.name
    else:
        entity, project, name = parent
    return await _membership(asked, entity, project, f"{name}:{given.text('aliasName', LATEST)}")


async def member_files(asked: Asked, parent: dict[str, Any], given: Given) -> dict[str, Any]:
    """The files of the version of a membership."""
    return await files(asked, parent["ref"], given)


# ----------------------------------------------------------------------------------------- links
async def link(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Link a version into a collection: make it a version of that model."""
    entity = given.text("entityName") or DEFAULT_ENTITY
    name = given.needed("artifactPortfolioName")
    ref = await _linked(asked, given)
    if await find(asked, entity, given.needed("projectName"), name) is not None:
        raise InvalidInput(
            f"{name!r} is an artifact itself; link to another name, which becomes a model"
        )
    with contextlib.suppress(Conflict):  # it is there
        await asked.call.write(models.create_model, NewModel(name, entity))
    version = f"{ref.path}:v{ref.number}"
    row = await asked.call.write(
        models.create_version, entity, name,
        NewModelVersion(version, aliases=drafts.aliases_of(given)),
    )  # fmt: skip
    shown = link_object(row, given.needed("projectName"))
    return {"versionIndex": row.version - 1, "artifactMembership": shown}


async def _linked(asked: Asked, given: Given) -> ArtifactRef:
    if id := given.text("artifactID"):
        return await drafts.version_of(asked, id)
    draft = await drafts.find_by_client(asked, given.needed("clientID"))
    if draft.number is None:
        raise NotFound(f"the artifact {draft.name!r} is not complete yet")
    return draft.ref


async def unlink(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Take a version out of a collection it was linked into."""
    ref = await drafts.version_of(asked, given.needed("artifactID"))
    name = read_id(given.needed("artifactPortfolioID"), "ArtifactCollection").split(":")[-1]
    for one in (await detail_of(asked, ref)).models:
        if one.model == name:
            await asked.call.write(models.delete_version, one.entity, one.model, one.version)
    return {"success": True}


# --------------------------------------------------------------------------------------- changes
async def update(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Change the texts, aliases, tags or lifetime of a version."""
    ref = await drafts.version_of(asked, given.needed("artifactID"))
    tags: list[str] | None = None
    if given.values.get("tagsToAdd") or given.values.get("tagsToDelete"):
        gone = {_tag(entry) for entry in given.objects("tagsToDelete")}
        kept = [tag for tag in (await detail_of(asked, ref)).tags if tag not in gone]
        fresh = [_tag(entry) for entry in given.objects("tagsToAdd")]
        tags = list(dict.fromkeys([*kept, *fresh]))
    ttl = given.optional("ttlDurationSeconds")
    aliases = drafts.aliases_of(given) if given.values.get("aliases") is not None else None
    description = given.values.get("description")
    changes = VersionChanges(
        aliases=aliases, tags=tags, metadata=given.json("metadata"),
        description=None if description is None else str(description),
        ttl_s=None if ttl is None else max(0, ttl),
    )  # fmt: skip
    await asked.call.write(artifacts.update_version, ref, changes)
    asked.memory.clear()
    return {"artifact": version_object(ref)}


def _tag(entry: dict[str, Any]) -> str:
    return str(entry.get("tagName") or entry.get("name") or "")


async def add_aliases(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Give a version aliases."""
    return await _change_aliases(asked, given, is_adding=True)


async def delete_aliases(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Take aliases from a version."""
    return await _change_aliases(asked, given, is_adding=False)


async def _change_aliases(asked: Asked, given: Given, *, is_adding: bool) -> dict[str, Any]:
    ref = await drafts.version_of(asked, given.needed("artifactID"))
    detail = await detail_of(asked, ref)
    for entry in given.objects("aliases"):
        alias = str(entry.get("alias") or "")
        collection = str(entry.get("artifactCollectionName") or ref.name)
        if alias in ("", LATEST):
            continue
        if collection == ref.name:
            changes = VersionChanges(
                add_aliases=[alias] if is_adding else [],
                remove_aliases=[] if is_adding else [alias],
            )
            await asked.call.write(artifacts.update_version, ref, changes)
        for one in detail.models:
            if one.model == collection:
                model = ModelVersionChanges(
                    add_aliases=[alias] if is_adding else [],
                    remove_aliases=[] if is_adding else [alias],
                )
                await asked.call.write(
                    models.update_version, one.entity, one.model, one.version, model
                )
    return {"success": True}


async def delete(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Delete a version; one that has aliases, ``latest`` among them, only when asked for."""
    ref = await drafts.version_of(asked, given.needed("artifactID"))
    force = given.flag("deleteAliases")
    aliases = [] if force else (await detail_of(asked, ref)).aliases
    if aliases:
        raise Conflict(
            f"{ref.name}:v{ref.number} has the aliases {', '.join(sorted(aliases))}; "
            f"delete(delete_aliases=True) deletes it with them"
        )
    await asked.call.write(artifacts.delete_version, ref, force=force)
    return {"artifact": {"id": given.needed("artifactID")}, "success": True}


def _collection_of(given: Given) -> ArtifactRef:
    id = given.text("artifactSequenceID") or given.text("artifactPortfolioID")
    parts = read_id(id or given.needed("id"), "ArtifactCollection").split(":")
    if len(parts) != 3:
        raise NotFound("this is no id of a collection")
    return ArtifactRef(parts[0], parts[1], parts[2], None, LATEST)


async def describe_sequence(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Describe or rename an artifact."""
    changes = ArtifactChanges(given.text("description"), given.text("name") or None)
    return await _change_artifact(asked, given, changes)


async def move_sequence(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Give an artifact another type."""
    changes = ArtifactChanges(type=given.needed("destinationArtifactTypeName"))
    return await _change_artifact(asked, given, changes)


async def _change_artifact(asked: Asked, given: Given, changes: ArtifactChanges) -> dict[str, Any]:
    row = await asked.call.write(artifacts.update_artifact, _collection_of(given), changes)
    asked.memory.clear()
    return {
        "artifactCollection": collection_object(ArtifactRef(row.entity, row.project, row.name))
    }


async def delete_sequence(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Delete an artifact with all its versions."""
    await asked.call.write(artifacts.delete_artifact, _collection_of(given))
    return {"artifactCollection": {"__typename": "ArtifactSequence", "state": "DELETED"}}


async def delete_portfolio(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Forget a collection of links; the artifacts stay."""
    ref = _collection_of(given)
    await asked.call.write(models.delete_model, ref.entity, ref.name)
    return {"artifactCollection": {"__typename": PORTFOLIO, "state": "DELETED"}}


async def _portfolio_project(asked: Asked, parent: Any, given: Given) -> Object:
    return project_object(parent[0], parent[1])


FIELDS: Final[Fields] = {
    "Project": {"artifactCollectionMembership": membership, "artifactCollection": collection},
    "Artifact": {"artifactMemberships": memberships},
    "ArtifactSequence": {"artifactMembership": member},
    PORTFOLIO: {
        "id": simple(lambda one: write_id("ArtifactCollection", *one)),
        "name": simple(lambda one: one[2]), "project": _portfolio_project,
        "artifactMembership": member, "state": simple(lambda _: "READY"),
    },
    "ArtifactCollectionMembership": {"files": member_files},
    "Mutation": {
        "linkArtifact": link, "unlinkArtifact": unlink, "updateArtifact": update,
        "addAliases": add_aliases, "deleteAliases": delete_aliases, "deleteArtifact": delete,
        "updateArtifactSequence": describe_sequence, "moveArtifactSequence": move_sequence,
        "deleteArtifactSequence": delete_sequence,
        "deleteArtifactPortfolio": delete_portfolio,
    },
}  # fmt: skip
