"""Artifacts: readers find, compare and download; writers name, describe and delete."""

from __future__ import annotations

from typing import Any

import msgspec

from epochal.domain.access import Permission, Principal
from epochal.domain.artifact import (
    LATEST,
    ArtifactRef,
    Manifest,
    check_alias,
    check_artifact_name,
    check_path,
    read_manifest,
    read_reference,
)
from epochal.domain.names import DEFAULT_PROJECT, MAX_NAME, MAX_TAG, check_name, check_uid
from epochal.domain.objects import (
    ArtifactChanges,
    ArtifactList,
    ArtifactRow,
    CollectReport,
    LineageGraph,
    RunArtifacts,
    VersionChanges,
    VersionDetail,
    VersionDiff,
    VersionList,
    VersionRow,
)
from epochal.errors import InvalidInput
from epochal.service import bounds
from epochal.service.permission import require
from epochal.store import artifacts, contents, curation, differences, parcels
from epochal.store import collect as collection
from epochal.store import lineage as graphs
from epochal.store.contents import Content
from epochal.store.owner import Store

MAX_REFERENCE = 1_024
MAX_DEPTH = 10
MAX_ALIASES = 100
MAX_TYPE = 128
MAX_METADATA = 1024 * 1024
MAX_TTL_S = 100 * 366 * 24 * 3600


def reference(name: str, entity: str | None = None, project: str | None = None) -> ArtifactRef:
    """The artifact version that a request names.

    Raises:
        InvalidInput: it cannot be read.
    """
    bounds.plain_text(name, "artifact name", MAX_REFERENCE)
    where = bounds.project_name(project) if project else DEFAULT_PROJECT
    return read_reference(name, where, bounds.entity_name(entity))


def list_artifacts(
    store: Store,
    principal: Principal | None,
    entity: str | None,
    project: str | None,
    *,
    type: str | None,
    search: str | None,
) -> ArtifactList:
    """Artifacts, newest activity first."""
    require(principal, Permission.READ)
    return artifacts.list_artifacts(
        store,
        bounds.entity_name(entity),
        bounds.project_name(project) if project else None,
        bounds.plain_text(type, "type", MAX_NAME) if type else None,
        bounds.plain_text(search, "search", MAX_NAME) if search else None,
    )


def list_versions(
    store: Store, principal: Principal | None, ref: ArtifactRef, limit: int, offset: int
) -> VersionList:
    """Versions of an artifact, newest first.

    Raises:
        NotFound: there is no such artifact.
    """
    require(principal, Permission.READ)
    limit = bounds.clamp(limit, 1, bounds.MAX_PAGE)
    return artifacts.list_versions(store, ref, limit, bounds.clamp(offset, 0, 2**31))


def resolve(store: Store, principal: Principal | None, ref: ArtifactRef) -> VersionDetail:
    """The version that a name means, with its neighbors.

    Raises:
        NotFound: there is none.
    """
    require(principal, Permission.READ)
    return graphs.version_detail(store, ref)


def run_artifacts(store: Store, principal: Principal | None, uid: str) -> RunArtifacts:
    """What a run made and read.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.READ)
    return artifacts.run_artifacts(store, check_uid(uid))


def manifest(store: Store, principal: Principal | None, ref: ArtifactRef) -> Content:
    """Where the manifest of a version lies.

    Raises:
        NotFound: there is no such version, or it is on its way.
    """
    require(principal, Permission.READ)
    return contents.version_manifest(store, ref)


def entries(store: Store, principal: Principal | None, ref: ArtifactRef) -> Manifest:
    """What a version consists of.

    Raises:
        NotFound: there is no such version, or its manifest is on its way.
    """
    require(principal, Permission.READ)
    return read_manifest(store.blobs.read(contents.version_manifest(store, ref).digest))


def version_file(
    store: Store, principal: Principal | None, ref: ArtifactRef, path: str
) -> Content:
    """Where a file of a version lies.

    Raises:
        InvalidInput: the path could not be that of any file.
        NotFound: there is no such version or file.
    """
    require(principal, Permission.READ)
    return contents.version_file(store, ref, check_path(path))


def version_parcel(
    store: Store, principal: Principal | None, ref: ArtifactRef, digests: list[str]
) -> bytes:
    """Small files of a version at once; see `store.parcels`.

    Raises:
        InvalidInput: something is no digest, or there are too many.
        NotFound: there is no such version.
    """
    require(principal, Permission.READ)
    return parcels.version_parcel(store, ref, bounds.digests(digests))


def diff(
    store: Store, principal: Principal | None, before: ArtifactRef, after: ArtifactRef
) -> VersionDiff:
    """Two versions compared by path.

    Raises:
        NotFound: one of them does not exist, or its manifest is on its way.
    """
    require(principal, Permission.READ)
    return differences.diff_versions(store, before, after)


def lineage(
    store: Store, principal: Principal | None, ref: ArtifactRef, depth: int
) -> LineageGraph:
    """What led to a version and what came of it.

    Raises:
        NotFound: there is no such version.
    """
    require(principal, Permission.READ)
    return graphs.lineage(store, ref, bounds.clamp(depth, 1, MAX_DEPTH))


def update_artifact(
    store: Store, principal: Principal | None, ref: ArtifactRef, changes: ArtifactChanges
) -> ArtifactRow:
    """Describe, rename or tag an artifact, or give it another type.

    Raises:
        NotFound: there is none.
        InvalidInput: a value cannot be used; nothing was changed.
        Conflict: another artifact of the project has the new name.
    """
    require(principal, Permission.WRITE)
    given: dict[str, Any] = {}
    if changes.description is not None:
        bounds.plain_text(changes.description, "description")
    if changes.name is not None:
        given["name"] = check_artifact_name(changes.name)
    if changes.type is not None:
        given["type"] = check_name(changes.type, "type", MAX_TYPE)
    if changes.tags is not None:
        given["tags"] = _tags(changes.tags)
    return curation.update_artifact(store, ref, msgspec.structs.replace(changes, **given))


def _tags(words: list[str]) -> list[str]:
    bounds.at_most(words, bounds.MAX_TAGS, "tags")
    return list(dict.fromkeys(check_name(word, "tag", MAX_TAG) for word in words))


def update_version(
    store: Store, principal: Principal | None, ref: ArtifactRef, changes: VersionChanges
) -> VersionRow:
    """Change the aliases, tags, metadata, description or lifetime of a version.

    Raises:
        NotFound: there is none.
        InvalidInput: a value cannot be used; nothing was changed.
        Conflict: an alias was asked for a version whose bytes are on their way.
    """
    require(principal, Permission.WRITE)
    return curation.update_version(store, ref, _checked(changes))


def _checked(changes: VersionChanges) -> VersionChanges:
    given: dict[str, Any] = {}
    for field in ("aliases", "add_aliases", "remove_aliases"):
        words = getattr(changes, field)
        if words is not None:
            bounds.at_most(words, MAX_ALIASES, field)
            given[field] = list(dict.fromkeys(check_alias(word) for word in words))
    if changes.tags is not None:
        given["tags"] = _tags(changes.tags)
    if changes.description is not None:
        bounds.plain_text(changes.description, "description")
    if changes.metadata is not None:
        bounds.at_most(msgspec.json.encode(changes.metadata), MAX_METADATA, "metadata bytes")
    if changes.ttl_s is not None and not 0 <= changes.ttl_s <= MAX_TTL_S:
        raise InvalidInput(f"ttl_s must be 0 (for ever) or seconds, got {changes.ttl_s}")
    return msgspec.structs.replace(changes, **given)


def delete_version(
    store: Store, principal: Principal | None, ref: ArtifactRef, *, force: bool
) -> None:
    """Delete a version.

    Raises:
        NotFound: there is none.
        Conflict: it has an alias but ``latest`` (unless ``force``), or a model stands on it.
    """
    require(principal, Permission.WRITE)
    curation.delete_version(store, ref, force=force)


def delete_artifact(store: Store, principal: Principal | None, ref: ArtifactRef) -> None:
    """Delete an artifact with all its versions.

    Raises:
        NotFound: there is none.
        Conflict: a model stands on one of its versions.
        InvalidInput: the name means a single version.
    """
    require(principal, Permission.WRITE)
    if ref.number is not None or ref.alias != LATEST:
        raise InvalidInput(f"this deletes all versions of {ref.path}; leave ':version' out")
    curation.delete_artifact(store, ref)


def collect(store: Store, principal: Principal | None, *, dry_run: bool) -> CollectReport:
    """Remove what nothing refers to, or tell what that would be."""
    require(principal, Permission.ADMINISTER)
    return collection.collect(store, dry_run=dry_run)
