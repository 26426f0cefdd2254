"""Artifacts as things of GraphQL: versions, collections, memberships, their files.

The value of an ``Artifact`` is an `ArtifactRef` with a number, that of an ``ArtifactSequence`` one
without. A link target (portfolio) is a registered model: see `linking`.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable
from typing import Any, Final

from epochal.domain.artifact import ArtifactRef, Entry, Manifest
from epochal.domain.objects import RunRef, VersionDetail
from epochal.errors import InvalidInput, NotFound
from epochal.protocols.wandb import drafts, manifests
from epochal.protocols.wandb.addresses import FILE, MANIFEST, artifact
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.committing import DIGESTS
from epochal.protocols.wandb.execution import Asked, Fields, Object
from epochal.protocols.wandb.ids import Place, write_id
from epochal.protocols.wandb.pages import page
from epochal.protocols.wandb.projects import (
    ProjectPlace,
    json_text,
    moment,
    project_object,
    run_object,
)
from epochal.service import artifacts, checksums, notes

MANIFEST_NAME: Final = "wandb_manifest.json"
STATES: Final = {"committed": "COMMITTED", "pending": "PENDING", "deleted": "DELETED"}
KEPT_FOREVER: Final = -2
MOST_HASHED: Final = 256 * 1024 * 1024
"""An artifact with more bytes of unknown MD5 is shown with our own digest."""


def version_object(ref: ArtifactRef) -> Object:
    """A version."""
    return Object("Artifact", ref)


def collection_object(ref: ArtifactRef) -> Object:
    """All versions of an artifact."""
    return Object("ArtifactSequence", ArtifactRef(ref.entity, ref.project, ref.name))


async def detail_of(asked: Asked, ref: ArtifactRef) -> VersionDetail:
    """All that is stored of a version; looked up once per operation.

    Raises:
        NotFound: there is none.
    """
    key = ("version", ref)
    if key not in asked.memory:
        asked.memory[key] = await asked.call.read(artifacts.resolve, ref)
    found: VersionDetail = asked.memory[key]
    return found


async def manifest_of(asked: Asked, ref: ArtifactRef) -> Manifest:
    """What a version consists of; looked up once per operation."""
    key = ("manifest", ref)
    if key not in asked.memory:
        asked.memory[key] = await asked.call.read(artifacts.entries, ref)
    found: Manifest = asked.memory[key]
    return found


async def find(asked: Asked, entity: str, project: str, name: str) -> ArtifactRef | None:
    """The version that ``collection[:alias]`` means, or None.

    A former name means nothing to clients of wandb: they look whether a name is free.
    """
    try:
        ref = artifacts.reference(name, entity, project)
        found = await asked.call.read(artifacts.resolve, ref)
    except (NotFound, InvalidInput):
        return None
    if found.state == "deleted" or found.name != ref.name:
        return None
    return ArtifactRef(found.entity, found.project, found.name, found.version)


# --------------------------------------------------------------------------------------- finding
async def by_id(asked: Asked, parent: Any, given: Given) -> Object | None:
    """An artifact by its id, or null."""
    id = given.needed("id")
    key = drafts.draft_key(id)
    if key is not None:
        draft = await drafts.find(asked, key)
        if draft.number is None:
            return Object("PendingArtifact", pending(draft))
    ref = drafts.read_version_id(id) if key is None else draft.ref
    try:
        found = await asked.call.read(artifacts.resolve, ref)
    except NotFound:
        return None
    return version_object(ArtifactRef(found.entity, found.project, found.name, found.version))


def pending(draft: drafts.Draft) -> dict[str, Any]:
    """A draft as an artifact."""
    return {
        "id": drafts.draft_id(draft.key), "state": "PENDING", "digest": draft.digest,
        "artifactType": {"name": draft.type}, "versionIndex": None, "aliases": [], "tags": [],
    }  # fmt: skip


async def by_name(asked: Asked, parent: ProjectPlace, given: Given) -> Object | None:
    """A version of a project's artifact by name, or null."""
    ref = await find(asked, *parent, given.text("name"))
    return None if ref is None else version_object(ref)


async def client_id(asked: Asked, parent: Any, given: Given) -> dict[str, Any] | None:
    """The artifact that a client announced under an id of its own."""
    try:
        draft = await drafts.find_by_client(asked, given.needed("clientID"))
    except NotFound:
        return None
    if draft.number is None:
        return {"serverID": drafts.draft_id(draft.key)}
    return {"serverID": drafts.version_id(draft.entity, draft.project, draft.name, draft.number)}


async def latest(asked: Asked, parent: ArtifactRef, given: Given) -> Object | None:
    """The newest version of a collection."""
    ref = await find(asked, parent.entity, parent.project, parent.name)
    return None if ref is None else version_object(ref)


# --------------------------------------------------------------------------------------- version
def _field(read: Callable[[VersionDetail], Any]) -> Any:
    """A resolver for what `VersionDetail` holds."""

    async def resolve(asked: Asked, parent: ArtifactRef, given: Given) -> Any:
        return read(await detail_of(asked, parent))

    return resolve


async def _id(asked: Asked, parent: ArtifactRef, given: Given) -> str:
    return drafts.version_id(parent.entity, parent.project, parent.name, parent.number or 0)


async def _sequence(asked: Asked, parent: ArtifactRef, given: Given) -> Object:
    return collection_object(parent)


async def _digest(asked: Asked, parent: ArtifactRef, given: Given) -> str:
    detail = await detail_of(asked, parent)
    known = await asked.call.read(notes.read_notes, DIGESTS, [detail.digest])
    if detail.digest in known:
        return known[detail.digest].decode()
    if detail.size > MOST_HASHED:
        return detail.digest
    manifest = await manifest_of(asked, parent)
    md5s = await asked.call.read(checksums.md5_of_blobs, manifest.digests())
    return manifests.digest_of_all(manifest, md5s)


async def _aliases(asked: Asked, parent: ArtifactRef, given: Given) -> list[dict[str, Any]]:
    detail = await detail_of(asked, parent)
    # Clients up to 0.17 look for the number among the aliases.
    return [
        alias_json(detail.path, alias, collection_object(parent))
        for alias in [*detail.aliases, f"v{detail.version}"]
    ]


def alias_json(path: str, alias: str, collection: Object) -> dict[str, Any]:
    """An alias."""
    return {
        "__typename": "ArtifactAlias", "id": write_id("ArtifactAlias", path, alias),
        "alias": alias, "artifactCollection": collection,
    }  # fmt: skip


def tags_json(tags: list[str]) -> list[dict[str, Any]]:
    """Tags."""
    return [{"__typename": "Tag", "id": write_id("Tag", tag), "name": tag} for tag in tags]


async def _ttl(asked: Asked, parent: ArtifactRef, given: Given) -> int:
    detail = await detail_of(asked, parent)
    if detail.expires_us is None:
        return KEPT_FOREVER
    return max(1, (detail.expires_us - detail.created_us) // 1_000_000)


async def _manifest(asked: Asked, parent: ArtifactRef, given: Given) -> dict[str, Any]:
    url = await artifact(asked, "manifest", MANIFEST_NAME, MANIFEST, subject_of(parent))
    return {
        "id": write_id("ArtifactManifest", parent.path, parent.number or 0),
        "file": {"directUrl": url, "id": write_id("File", parent.path, parent.number or 0)},
    }


def subject_of(ref: ArtifactRef) -> list[str]:
    """A version as the subject of a capability."""
    return [ref.entity, ref.project, ref.name, str(ref.number or 0)]


def _run(found: RunRef) -> Object:
    return run_object(Place(found.entity, found.project, found.id))


async def _created_by(asked: Asked, parent: ArtifactRef, given: Given) -> Object | None:
    makers = (await detail_of(asked, parent)).producers  # the first one stands first
    return next((_run(maker) for maker in makers if maker.exists), None)


async def _used_by(asked: Asked, parent: ArtifactRef, given: Given) -> dict[str, Any]:
    users = [use.run for use in (await detail_of(asked, parent)).users if use.run.exists]
    unique = {user.uid: user for user in users}
    return {"edges": [{"node": _run(user)} for user in unique.values()]}


# ----------------------------------------------------------------------------------------- files
async def files(asked: Asked, parent: ArtifactRef, given: Given) -> dict[str, Any]:
    """A page of a version's files; references are among them, with their own addresses."""
    manifest = await manifest_of(asked, parent)
    wanted = set(given.texts("names"))
    paths = sorted(path for path in manifest.entries if not wanted or path in wanted)
    found = page(paths, given)
    entries = [manifest.entries[edge["node"]] for edge in found["edges"]]
    digests = [entry.digest for entry in entries if entry.ref is None and entry.digest]
    md5s = await asked.call.read(checksums.md5_of_blobs, digests)
    for edge, entry in zip(found["edges"], entries, strict=True):
        value = (parent, edge["node"], entry, manifests.digest_of(entry, md5s))
        edge["node"] = Object("ArtifactFile", value)
    return found


async def files_by_entries(asked: Asked, parent: ArtifactRef, given: Given) -> dict[str, Any]:
    """The files that some entries of a manifest name."""
    names = {str(entry.get("name") or entry.get("path")) for entry in given.objects("entries")}
    values = {**given.values, "names": list(names), "first": max(1, len(names))}
    return await files(asked, parent, Given(values))


FileValue = tuple[ArtifactRef, str, Entry, str]


async def _file_url(asked: Asked, parent: FileValue, given: Given) -> str:
    ref, path, entry, _ = parent
    if entry.ref is not None:
        return entry.ref
    return await artifact(asked, "file", path, FILE, [*subject_of(ref), path])


def _file(read: Callable[[FileValue], Any]) -> Any:
    async def resolve(asked: Asked, parent: FileValue, given: Given) -> Any:
        return read(parent)

    return resolve


# ----------------------------------------------------------------------------------- collections
async def _collection_id(asked: Asked, parent: ArtifactRef, given: Given) -> str:
    return write_id("ArtifactCollection", parent.entity, parent.project, parent.name)


async def _project_of(asked: Asked, parent: ArtifactRef, given: Given) -> Object:
    return project_object(parent.entity, parent.project)


async def _type_of(asked: Asked, parent: ArtifactRef, given: Given) -> dict[str, Any] | None:
    """The type, also where every version was deleted: the client cannot list what has none."""
    listed = await asked.call.read(
        artifacts.list_artifacts, parent.entity, parent.project, type=None, search=parent.name
    )
    return next(({"name": one.type} for one in listed.artifacts if one.name == parent.name), None)


def simple(read: Callable[[Any], Any]) -> Callable[[Asked, Any, Given], Awaitable[Any]]:
    """A resolver that needs nothing but the value."""

    async def resolve(asked: Asked, parent: Any, given: Given) -> Any:
        return read(parent)

    return resolve


FIELDS: Final[Fields] = {
    "Query": {"artifact": by_id, "clientIDMapping": client_id},
    "Project": {"artifact": by_name},
    "Artifact": {
        "id": _id, "artifactSequence": _sequence, "digest": _digest, "aliases": _aliases,
        "versionIndex": _field(lambda one: one.version),
        "artifactType": _field(lambda one: {"name": one.type}),
        "description": _field(lambda one: one.description or None),
        "metadata": _field(lambda one: json_text(one.metadata)),
        "tags": _field(lambda one: tags_json(one.tags)),
        "state": _field(lambda one: STATES.get(str(one.state), "PENDING")),
        "size": _field(lambda one: one.size),
        "fileCount": _field(lambda one: one.files),
        "commitHash": _field(lambda one: one.digest[:20]),
        "createdAt": _field(lambda one: moment(one.created_us)),
        "updatedAt": _field(lambda one: moment(one.committed_us or one.created_us)),
        "digestAlgorithm": simple(lambda _: "MANIFEST_MD5"),
        "ttlDurationSeconds": _ttl, "ttlIsInherited": simple(lambda _: False),
        "historyStep": _field(lambda one: one.step),
        "currentManifest": _manifest, "createdBy": _created_by, "usedBy": _used_by,
        "files": files, "filesByManifestEntries": files_by_entries,
    },
    "ArtifactSequence": {
        "id": _collection_id, "name": simple(lambda ref: ref.name), "project": _project_of,
        "latestArtifact": latest, "defaultArtifactType": _type_of,
        "state": simple(lambda _: "READY"), "digestAlgorithm": simple(lambda _: "MANIFEST_MD5"),
    },
    "ArtifactFile": {
        "id": _file(lambda one: write_id("File", one[0].path, one[0].number or 0, one[1])),
        "name": _file(lambda one: one[1]), "displayName": _file(lambda one: one[1]),
        "url": _file_url, "directUrl": _file_url,
        "sizeBytes": _file(lambda one: one[2].size),
        "digest": _file(lambda one: one[3]), "md5": _file(lambda one: one[3]),
        "storagePath": _file(lambda one: f"wandb_artifacts/{one[2].digest or one[1]}"),
        "mimetype": _file(lambda one: mimetypes.guess_type(one[1])[0]),
        "updatedAt": simple(lambda _: None),
    },
}  # fmt: skip
