"""Lists of artifacts for wandb's public API: types, collections, versions, those of runs.

The things themselves are those of `artifacts`, and filters and orders those of `sieve`.
"""

from __future__ import annotations

from typing import Any, Final

from epochal.domain.artifact import ArtifactRef
from epochal.domain.objects import ArtifactRow, RunArtifacts, VersionRow
from epochal.errors import NotFound
from epochal.protocols.wandb import portfolios
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.artifacts import (
    alias_json,
    collection_object,
    find,
    tags_json,
    version_object,
)
from epochal.protocols.wandb.execution import Asked, Fields, Object
from epochal.protocols.wandb.ids import Place, read_id, write_id
from epochal.protocols.wandb.pages import page
from epochal.protocols.wandb.projects import ProjectPlace, moment
from epochal.protocols.wandb.sieve import chosen, values_of_artifact, values_of_version
from epochal.service import artifacts, bounds, models

MOST: Final = 10_000
"""Versions of one artifact that are looked through."""
TypePlace = tuple[str, str, str]
"""Entity, project and name of a type."""


# ------------------------------------------------------------------------------------------- runs
async def made(asked: Asked, parent: Place, given: Given) -> dict[str, Any]:
    """The versions that a run made."""
    found = await _of_run(asked, parent)
    return page([_version(row) for row in found.made if row.state == "committed"], given)


async def used(asked: Asked, parent: Place, given: Given) -> dict[str, Any]:
    """The versions that a run read, each once."""
    rows = [use.version for use in (await _of_run(asked, parent)).used]
    refs = dict.fromkeys(_ref(row) for row in rows if row is not None and row.state != "deleted")
    return page([version_object(ref) for ref in refs], given)


async def _of_run(asked: Asked, place: Place) -> RunArtifacts:
    return await asked.call.read(artifacts.run_artifacts, place.uid)


def _ref(row: VersionRow) -> ArtifactRef:
    return ArtifactRef(row.entity, row.project, row.name, row.version)


def _version(row: VersionRow) -> Object:
    return version_object(_ref(row))


# ------------------------------------------------------------------------------------------ types
async def list_types(asked: Asked, parent: ProjectPlace, given: Given) -> dict[str, Any]:
    """The types of a project's artifacts."""
    names = sorted({row.type for row in await _rows(asked, parent)})
    return page([Object("ArtifactType", (*parent, name)) for name in names], given)


async def find_type(asked: Asked, parent: ProjectPlace, given: Given) -> Object | None:
    """A type, or null when no artifact has it and no link can be of it."""
    name = given.text("name")
    is_known = any(row.type == name for row in await _rows(asked, parent))
    is_known = is_known or await portfolios.are_there(asked, parent.entity)
    return Object("ArtifactType", (*parent, name)) if is_known else None


async def _rows(asked: Asked, place: ProjectPlace) -> list[ArtifactRow]:
    """The artifacts of a project; looked up once per operation."""
    key = ("artifacts", *place)
    if key not in asked.memory:
        found = await asked.call.read(
            artifacts.list_artifacts, place.entity, place.project, type=None, search=None
        )
        asked.memory[key] = found.artifacts
    rows: list[ArtifactRow] = asked.memory[key]
    return rows


async def _type_id(asked: Asked, parent: TypePlace, given: Given) -> str:
    return write_id("ArtifactType", *parent)


async def _type_name(asked: Asked, parent: TypePlace, given: Given) -> str:
    return parent[2]


async def _type_created(asked: Asked, parent: TypePlace, given: Given) -> str | None:
    rows = await _rows(asked, ProjectPlace(*parent[:2]))
    return moment(min((row.created_us for row in rows if row.type == parent[2]), default=None))


async def of_type(asked: Asked, parent: TypePlace, given: Given) -> Object | None:
    """A version of an artifact of a type by ``name[:alias]``, or null; old clients ask."""
    ref = await find(asked, parent[0], parent[1], given.text("name"))
    return None if ref is None else version_object(ref)


async def _nothing(asked: Asked, parent: Any, given: Given) -> None:
    """What types have not."""


# ------------------------------------------------------------------------------------ collections
async def list_collections(
    asked: Asked, parent: ProjectPlace | TypePlace, given: Given
) -> dict[str, Any]:
    """A project's artifacts, all or those of a type; newest activity first."""
    rows = await _rows(asked, ProjectPlace(parent[0], parent[1]))
    wanted = [row for row in rows if len(parent) == 2 or row.type == parent[2]]
    found = [wanted[index] for index in chosen(given, [*map(values_of_artifact, wanted)])]
    return page([collection_object(_collection_ref(row)) for row in found], given)


async def find_collection(asked: Asked, parent: TypePlace, given: Given) -> Object | None:
    """A collection of a type by its name, or null."""
    name = given.text("name")
    place = ProjectPlace(*parent[:2])
    for row in await _rows(asked, place):
        if row.name == name and row.type == parent[2]:
            return collection_object(_collection_ref(row))
    return await portfolios.find(asked, place, name, parent[2])


async def collection_by_id(asked: Asked, parent: Any, given: Given) -> Object | None:
    """A collection by its id, or null."""
    parts = read_id(given.needed("id"), "ArtifactCollection").split(":")
    if len(parts) != 3:
        raise NotFound("this is no id of a collection")
    ref = ArtifactRef(parts[0], parts[1], parts[2])
    if (row := await _row(asked, ref)) is not None:
        return collection_object(_collection_ref(row))
    try:
        await asked.call.read(models.get_model, ref.entity, ref.name)
    except NotFound:
        return None
    return Object("ArtifactPortfolio", (ref.entity, ref.project, ref.name))


def _collection_ref(row: ArtifactRow) -> ArtifactRef:
    return ArtifactRef(row.entity, row.project, row.name)


async def _row(asked: Asked, ref: ArtifactRef) -> ArtifactRow | None:
    rows = await _rows(asked, ProjectPlace(ref.entity, ref.project))
    return next((row for row in rows if row.name == ref.name), None)


async def _description(asked: Asked, parent: ArtifactRef, given: Given) -> str | None:
    row = await _row(asked, parent)
    return row.description or None if row else None


async def _created_at(asked: Asked, parent: ArtifactRef, given: Given) -> str | None:
    row = await _row(asked, parent)
    return moment(row.created_us) if row else None


async def _updated_at(asked: Asked, parent: ArtifactRef, given: Given) -> str | None:
    row = await _row(asked, parent)
    return moment(row.updated_us) if row else None


async def _aliases(asked: Asked, parent: ArtifactRef, given: Given) -> dict[str, Any]:
    row = await _row(asked, parent)
    collection = collection_object(parent)
    names = row.aliases if row else []
    return page([alias_json(parent.path, name, collection) for name in names], given)


async def _tags(asked: Asked, parent: ArtifactRef, given: Given) -> dict[str, Any]:
    row = await _row(asked, parent)
    return page(tags_json(row.tags if row else []), given)


async def versions(asked: Asked, parent: ArtifactRef, given: Given) -> dict[str, Any]:
    """The versions of an artifact, newest first unless another order is asked for."""
    found: list[VersionRow] = []
    total = 1
    while len(found) < min(total, MOST):
        part = await asked.call.read(artifacts.list_versions, parent, bounds.MAX_PAGE, len(found))
        found += part.versions
        total = part.total if part.versions else 0
    wanted = chosen(given, [*map(values_of_version, found)])
    shown = page([_version(found[index]) for index in wanted], given)
    for edge in shown["edges"]:
        edge["version"] = f"v{edge['node'].value.number}"
    return shown


FIELDS: Final[Fields] = {
    "Query": {"artifactCollection": collection_by_id},
    "Run": {"outputArtifacts": made, "inputArtifacts": used},
    "Project": {
        "artifactTypes": list_types, "artifactType": find_type,
        "artifactCollections": list_collections,
    },
    "ArtifactType": {
        "id": _type_id, "name": _type_name, "description": _nothing, "createdAt": _type_created,
        "artifactCollections": list_collections, "artifactCollection": find_collection,
        "artifact": of_type, "artifactSequence": find_collection,
    },
    "ArtifactSequence": {
        "artifacts": versions, "description": _description, "createdAt": _created_at,
        "updatedAt": _updated_at, "tags": _tags, "aliases": _aliases,
    },
}  # fmt: skip
