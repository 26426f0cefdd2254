"""The routes of artifacts and of garbage collection. Versions are named as people name them."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from epochal.domain.access import Permission
from epochal.domain.objects import (
    ArtifactChanges,
    ArtifactList,
    ArtifactRow,
    CollectQuery,
    CollectReport,
    LineageGraph,
    RunArtifacts,
    VersionChanges,
    VersionDetail,
    VersionDiff,
    VersionList,
    VersionRow,
    WantedParcel,
)
from epochal.protocols import needs
from epochal.protocols.call import Call
from epochal.protocols.native.content import PARCEL, answer, utf8
from epochal.service import artifacts
from epochal.service.artifacts import reference

READ: Final = needs(Permission.READ)
WRITE: Final = needs(Permission.WRITE)
ADMINISTER: Final = needs(Permission.ADMINISTER)


@get("/api/v1/artifacts", opt=READ)
async def list_artifacts(
    request: Call,
    *,
    entity: FromQuery[str | None] = None,
    project: FromQuery[str | None] = None,
    type: FromQuery[str | None] = None,
    search: FromQuery[str | None] = None,
) -> ArtifactList:
    """Artifacts, newest activity first."""
    return await request.read(artifacts.list_artifacts, entity, project, type=type, search=search)


@patch("/api/v1/artifacts", opt=WRITE)
async def update_artifact(
    request: Call, name: FromQuery[str], data: JSONBody[ArtifactChanges]
) -> ArtifactRow:
    """Describe an artifact."""
    return await request.write(artifacts.update_artifact, reference(name), data)


@delete("/api/v1/artifacts", opt=WRITE)
async def delete_artifact(request: Call, name: FromQuery[str]) -> None:
    """Delete an artifact with all its versions."""
    await request.change(artifacts.delete_artifact, reference(name))


@get("/api/v1/artifacts/versions", opt=READ)
async def list_versions(
    request: Call,
    name: FromQuery[str],
    limit: FromQuery[int] = 100,
    offset: FromQuery[int] = 0,
) -> VersionList:
    """Versions of an artifact, newest first."""
    return await request.read(artifacts.list_versions, reference(name), limit, offset)


@get("/api/v1/artifacts/resolve", opt=READ)
async def resolve(
    request: Call,
    name: FromQuery[str],
    project: FromQuery[str | None] = None,
    entity: FromQuery[str | None] = None,
) -> VersionDetail:
    """The version that a name means, with its neighbors."""
    return await request.read(artifacts.resolve, reference(name, entity, project))


@get("/api/v1/artifacts/manifest", opt=READ)
async def manifest(request: Call, name: FromQuery[str]) -> Response[Any]:
    """The manifest of a version, byte for byte."""
    return answer(request, await request.read(artifacts.manifest, reference(name)), None)


@get("/api/v1/artifacts/file", opt=READ)
async def version_file(
    request: Call,
    name: FromQuery[str],
    path: FromQuery[str],
    view: FromQuery[str | None] = None,
) -> Response[Any]:
    """The bytes of a file of a version."""
    utf8(request.scope["query_string"])
    content = await request.read(artifacts.version_file, reference(name), path)
    return answer(request, content, view)


@post("/api/v1/artifacts/parcel", opt=READ, status_code=200, media_type=PARCEL)
async def version_parcel(
    request: Call, name: FromQuery[str], data: JSONBody[WantedParcel]
) -> Response[bytes]:
    """Many small files of a version at once."""
    body = await request.read(artifacts.version_parcel, reference(name), data.digests)
    return Response(body, media_type=PARCEL)


@get("/api/v1/artifacts/diff", opt=READ)
async def diff(request: Call, before: FromQuery[str], after: FromQuery[str]) -> VersionDiff:
    """Two versions compared by path."""
    return await request.read(artifacts.diff, reference(before), reference(after))


@get("/api/v1/artifacts/lineage", opt=READ)
async def lineage(request: Call, name: FromQuery[str], depth: FromQuery[int] = 3) -> LineageGraph:
    """What led to a version and what came of it."""
    return await request.read(artifacts.lineage, reference(name), depth)


@patch("/api/v1/artifacts/version", opt=WRITE)
async def update_version(
    request: Call, name: FromQuery[str], data: JSONBody[VersionChanges]
) -> VersionRow:
    """Change the aliases, tags, metadata, description or lifetime of a version."""
    return await request.change(artifacts.update_version, reference(name), data)


@delete("/api/v1/artifacts/version", opt=WRITE)
async def delete_version(
    request: Call, name: FromQuery[str], force: FromQuery[bool] = False
) -> None:
    """Delete a version."""
    await request.change(artifacts.delete_version, reference(name), force=force)


@get("/api/v1/runs/{uid:str}/artifacts", opt=READ)
async def run_artifacts(request: Call, uid: FromPath[str]) -> RunArtifacts:
    """What a run made and read."""
    return await request.read(artifacts.run_artifacts, uid)


@post("/api/v1/gc", opt=ADMINISTER, status_code=200)
async def collect(request: Call, data: JSONBody[CollectQuery]) -> CollectReport:
    """Remove what nothing refers to, or tell what that would be."""
    return await request.upload(artifacts.collect, dry_run=data.dry_run)


ROUTES: Final[list[Any]] = [
    list_artifacts,
    update_artifact,
    delete_artifact,
    list_versions,
    resolve,
    manifest,
    version_file,
    version_parcel,
    diff,
    lineage,
    update_version,
    delete_version,
    run_artifacts,
    collect,
]
