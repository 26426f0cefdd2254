"""The bytes of artifacts: uploads to addresses that `drafts` gave, and downloads."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from litestar import Response, get, put
from litestar.params import FromPath, FromQuery

from epochal.domain.access import Principal
from epochal.domain.artifact import ArtifactRef
from epochal.domain.record import BlobRef
from epochal.errors import NotFound, Unauthenticated
from epochal.protocols import PUBLIC
from epochal.protocols.call import Call
from epochal.protocols.wandb import drafts, manifests
from epochal.protocols.wandb.addresses import FILE, MANIFEST, PUT_BLOB, PUT_MANIFEST
from epochal.protocols.wandb.download import answer
from epochal.service import artifacts, capabilities, checksums, notes


async def _receive(request: Call, principal: Principal, entity: str, md5: str) -> BlobRef:
    """Take the body in as a blob with that MD5."""
    workers = request.workers
    deposit = await workers.upload(checksums.begin_content, principal)
    try:
        await request.take_in(deposit)
        return await workers.upload(checksums.finish_content, principal, entity, md5, deposit)
    finally:
        await asyncio.to_thread(deposit.discard)


@put("/artifacts/blob/{name:str}", opt=PUBLIC, status_code=200, request_max_body_size=None)
async def put_blob(
    request: Call, name: FromPath[str], capability: FromQuery[str] = ""
) -> Response[bytes]:
    """Take a file of an artifact in."""
    (entity, md5), principal = await request.workers.read(
        capabilities.redeem, capability, PUT_BLOB
    )
    await _receive(request, principal, entity, md5)
    return Response(b"", headers={"etag": f'"{md5}"'}, media_type="text/plain")


@put("/artifacts/manifest/{name:str}", opt=PUBLIC, status_code=200, request_max_body_size=None)
async def put_manifest(
    request: Call, name: FromPath[str], capability: FromQuery[str] = ""
) -> Response[bytes]:
    """Take the manifest of a draft in."""
    (entity, key, id, digest), principal = await request.workers.read(
        capabilities.redeem, capability, PUT_MANIFEST
    )
    ref = await _receive(request, principal, entity, manifests.hex_of(digest) if digest else "")

    def note(data: bytes) -> bytes:
        return drafts.with_sheet(data, id, ref.digest)

    await request.workers.write(notes.change_note, principal, drafts.DRAFTS, key, note)
    return Response(b"", media_type="text/plain")


@get("/artifacts/manifest/{name:str}", opt=PUBLIC)
async def get_manifest(
    request: Call, name: FromPath[str], capability: FromQuery[str] = ""
) -> Response[bytes]:
    """Send the manifest of a version."""
    parts, principal = await request.workers.read(capabilities.redeem, capability, MANIFEST)
    ref = ArtifactRef(parts[0], parts[1], parts[2], int(parts[3]))
    manifest = await request.workers.look(artifacts.entries, principal, ref)
    md5s = await request.workers.look(checksums.md5_of_blobs, principal, manifest.digests())
    id = drafts.version_id(ref.entity, ref.project, ref.name, ref.number or 0)
    body = msgspec.json.encode(manifests.to_theirs(manifest, md5s, id))
    return Response(body, media_type="application/json")


@get("/artifacts/file/{name:str}", opt=PUBLIC)
async def get_file(
    request: Call, name: FromPath[str], capability: FromQuery[str] = ""
) -> Response[Any]:
    """Send a file of a version."""
    parts, principal = await request.workers.read(capabilities.redeem, capability, FILE)
    ref = ArtifactRef(parts[0], parts[1], parts[2], int(parts[3]))
    content = await request.workers.look(artifacts.version_file, principal, ref, parts[4])
    return answer(request, content)


@get("/artifactsV2/{path:path}", opt=PUBLIC)
async def get_by_md5(request: Call, path: FromPath[str]) -> Response[Any]:
    """Send a file of an artifact by region, entity, project, collection, ids and MD5.

    Only a file that a version of the named collection holds is found.
    """
    principal = request.principal
    if principal is None:
        raise Unauthenticated("this needs an API key")
    parts = path.strip("/").split("/")
    if len(parts) < 6:
        raise NotFound("there is no such file of an artifact")
    _, entity, project, collection = parts[:4]
    md5 = parts[-2]
    workers = request.workers
    ref = artifacts.reference(collection, entity, project)
    listed = await workers.look(artifacts.list_versions, principal, ref, 1_000, 0)
    for row in listed.versions:
        version = ArtifactRef(row.entity, row.project, row.name, row.version)
        manifest = await workers.look(artifacts.entries, principal, version)
        md5s = await workers.look(checksums.md5_of_blobs, principal, manifest.digests())
        for name, entry in manifest.entries.items():
            if entry.ref is None and md5s.get(entry.digest or "") == md5:
                content = await workers.look(artifacts.version_file, principal, version, name)
                return answer(request, content)
    raise NotFound("there is no such file of an artifact")


ROUTES: Final[list[Any]] = [put_blob, put_manifest, get_manifest, get_file, get_by_md5]
