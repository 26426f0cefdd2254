"""``__type`` for clients up to 0.25, which look for fields before they use them.

Types and fields are those that the resolvers answer, and the inputs that old clients probe. A
type that is not known has no fields: a null would crash clients up to 0.17.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.execution import Asked, Fields, Object, Resolver

INPUTS: Final[dict[str, tuple[str, ...]]] = {
    "CreateArtifactInput": (
        "artifactTypeName", "artifactCollectionNames", "entityName", "projectName", "runName",
        "description", "digest", "digestAlgorithm", "aliases", "metadata", "labels", "clientID",
        "sequenceClientID", "distributedID", "enableDigestDeduplication", "historyStep",
        "ttlDurationSeconds", "tags",
    ),
    "CreateArtifactFileSpecInput": (
        "artifactID", "artifactManifestID", "name", "md5", "mimetype", "uploadPartsInput",
    ),
    "UseArtifactInput": (
        "entityName", "projectName", "runName", "artifactID", "usedAs", "artifactEntityName",
        "artifactProjectName",
    ),
}  # fmt: skip
VALUES: Final[dict[str, tuple[str, ...]]] = {
    "ServerInfo": ("cliVersionInfo", "latestLocalVersionInfo", "features"),
    "Artifact": ("id", "ttlDurationSeconds", "ttlIsInherited", "tags", "historyStep"),
}
"""Fields that no resolver answers alone."""
ARGUMENTS: Final[dict[str, tuple[str, ...]]] = {
    "Project.artifact": ("name", "enableTracking"),
    "Project.run": ("name",),
    "Query.project": ("name", "entityName"),
    "Query.model": ("name", "entityName"),
}
"""What old clients look for among the arguments of a field."""


def fields_for(table: Fields) -> Fields:
    """The resolvers of introspection over a table of resolvers."""

    async def type_of(asked: Asked, parent: Any, given: Given) -> Object:
        return Object("__Type", _type(table, given.text("name")))

    async def schema(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
        names = sorted({*table, *INPUTS, *VALUES})
        return {"types": [_type(table, name) for name in names]}

    resolvers: dict[str, Resolver] = {"__type": type_of, "__schema": schema}
    return {"Query": resolvers}


def _type(table: Fields, name: str) -> dict[str, Any]:
    known = dict.fromkeys([*VALUES.get(name, ()), *table.get(name, {})])
    return {
        "name": name,
        "kind": "INPUT_OBJECT" if name in INPUTS else "OBJECT",
        "fields": [
            {**_named(field), "args": list(map(_named, ARGUMENTS.get(f"{name}.{field}", ())))}
            for field in _visible(known)
        ],
        "inputFields": [_named(field) for field in INPUTS.get(name, ())],
        "enumValues": [],
    }


def _visible(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith("__")]


def _named(name: str) -> dict[str, Any]:
    return {"name": name, "description": None, "type": {"name": None, "kind": "SCALAR"}}
