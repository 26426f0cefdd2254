"""Link targets (portfolios) as collections: a portfolio is the registered model of its name.

A model belongs to an entity, not to a project, so that a portfolio is found from every project.
Its tags are those of the model that have no value.
"""

from __future__ import annotations

from typing import Any, Final

from epochal.domain.artifact import ArtifactRef
from epochal.domain.models import ModelChanges, ModelDetail, ModelVersionRow
from epochal.domain.objects import ArtifactChanges
from epochal.errors import NotFound
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.artifacts import alias_json, tags_json, version_object
from epochal.protocols.wandb.execution import Asked, Fields, Object
from epochal.protocols.wandb.ids import read_id
from epochal.protocols.wandb.pages import page
from epochal.protocols.wandb.projects import ProjectPlace, moment
from epochal.service import artifacts, models

PORTFOLIO: Final = "ArtifactPortfolio"
Portfolio = tuple[str, str, str]
"""Entity, the project it is looked at from, name."""


async def find(asked: Asked, place: ProjectPlace, name: str, type: str) -> Object | None:
    """A portfolio whose versions have a type, or None."""
    found = Object(PORTFOLIO, (*place, name))
    try:
        shown = await _type(asked, found.value, Given({}))
    except NotFound:
        return None
    return found if shown is not None and shown["name"] == type else None


async def are_there(asked: Asked, entity: str) -> bool:
    """Whether an entity has any."""
    return bool((await asked.call.read(models.list_models, entity, None)).models)


async def _model(asked: Asked, parent: Portfolio) -> ModelDetail:
    """The model; looked up once per operation.

    Raises:
        NotFound: there is none.
    """
    key = ("model", parent[0], parent[2])
    if key not in asked.memory:
        asked.memory[key] = await asked.call.read(models.get_model, parent[0], parent[2])
    found: ModelDetail = asked.memory[key]
    return found


def _field(read: Any) -> Any:
    async def resolve(asked: Asked, parent: Portfolio, given: Given) -> Any:
        return read(await _model(asked, parent))

    return resolve


async def _type(asked: Asked, parent: Portfolio, given: Given) -> dict[str, str] | None:
    for row in (await _model(asked, parent)).all_versions:
        if row.artifact_version is not None:
            ref = artifacts.reference(f"{row.artifact}:v{row.artifact_version}")
            return {"name": (await asked.call.read(artifacts.resolve, ref)).type}
    return None


async def _aliases(asked: Asked, parent: Portfolio, given: Given) -> dict[str, Any]:
    collection = Object(PORTFOLIO, parent)
    found = await _model(asked, parent)
    names = [*found.aliases, *([] if found.latest is None else ["latest"])]
    return page([alias_json(parent[2], name, collection) for name in names], given)


async def _tags(asked: Asked, parent: Portfolio, given: Given) -> dict[str, Any]:
    tags = (await _model(asked, parent)).tags
    return page(tags_json([tag for tag, text in tags.items() if not text]), given)


async def _versions(asked: Asked, parent: Portfolio, given: Given) -> dict[str, Any]:
    """The versions that were linked, newest first."""
    found = (await _model(asked, parent)).all_versions
    shown = page([row for row in found if row.artifact_version is not None], given)
    for edge in shown["edges"]:
        row: ModelVersionRow = edge["node"]
        ref = artifacts.reference(f"{row.artifact}:v{row.artifact_version}")
        edge["node"], edge["version"] = version_object(ref), f"v{row.version - 1}"
    return shown


# --------------------------------------------------------------------------------------- changes
async def update(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Rename or describe a portfolio."""
    id = given.text("artifactPortfolioID") or given.needed("id")
    parts = read_id(id, "ArtifactCollection").split(":")
    if len(parts) != 3:
        raise NotFound("this is no id of a collection")
    entity, project, name = parts
    description = given.values.get("description")
    changes = ModelChanges(
        name=given.text("name") or None,
        description=None if description is None else str(description),
    )
    row = await asked.call.write(models.update_model, entity, name, changes)
    asked.memory.clear()
    return {"artifactCollection": Object(PORTFOLIO, (entity, project, row.name))}


async def add_tags(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Give a collection tags."""
    return await _change_tags(asked, given, is_adding=True)


async def delete_tags(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Take tags from a collection."""
    return await _change_tags(asked, given, is_adding=False)


async def _change_tags(asked: Asked, given: Given, *, is_adding: bool) -> dict[str, Any]:
    names = [str(tag.get("tagName") or "") for tag in given.objects("tags")]
    entity, name = given.needed("entityName"), given.needed("artifactCollectionName")
    ref = ArtifactRef(entity, given.text("projectName"), name)
    held = await asked.call.read(
        artifacts.list_artifacts, entity, ref.project or None, type=None, search=name
    )
    mine = next((row for row in held.artifacts if row.path == ref.path), None)
    if mine is None:
        changed: dict[str, str | None] = {}
        changed |= dict.fromkeys(names, "" if is_adding else None)
        await asked.call.write(models.update_model, entity, name, ModelChanges(tags=changed))
    else:
        kept = [tag for tag in mine.tags if tag not in names]
        labels = ArtifactChanges(tags=[*kept, *names] if is_adding else kept)
        await asked.call.write(artifacts.update_artifact, ref, labels)
    asked.memory.clear()
    return {"success": True, "tags": tags_json(names)}


FIELDS: Final[Fields] = {
    PORTFOLIO: {
        "description": _field(lambda one: one.description or None),
        "createdAt": _field(lambda one: moment(one.created_us)),
        "updatedAt": _field(lambda one: moment(one.updated_us)),
        "tags": _tags, "aliases": _aliases, "artifacts": _versions, "defaultArtifactType": _type,
    },
    "Mutation": {
        "updateArtifactPortfolio": update, "createArtifactCollectionTagAssignments": add_tags,
        "deleteArtifactCollectionTagAssignments": delete_tags,
    },
}  # fmt: skip
