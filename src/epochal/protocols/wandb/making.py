"""The mutations by which a client makes and uses artifacts."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from epochal.domain.names import DEFAULT_ENTITY
from epochal.domain.record import ArtifactUse
from epochal.errors import InvalidInput
from epochal.protocols.wandb import committing, drafts, manifests
from epochal.protocols.wandb.addresses import PUT_BLOB, PUT_MANIFEST, artifact
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.artifacts import (
    collection_object,
    detail_of,
    pending,
    version_object,
)
from epochal.protocols.wandb.execution import Asked, Fields
from epochal.protocols.wandb.ids import Place, write_id
from epochal.service import checksums, foreign, notes
from epochal.service.foreign import Recorder, Recording

MAX_FILES: Final = 10_000


async def create(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Announce an artifact; where its contents are here already it is complete at once."""
    draft = await drafts.announce(asked, given)
    if given.flag("enableDigestDeduplication") and not given.text("distributedID"):
        draft = await committing.repeat(asked, draft, is_newest=drafts.is_newest(given))
    if draft.number is not None:
        return {"artifact": version_object(draft.ref)}
    shown = pending(draft)
    shown["artifactSequence"] = collection_object(draft.ref)
    return {"artifact": shown}


async def create_manifest(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Announce a manifest, or its bytes."""
    draft, sheet = await drafts.add_sheet(asked, given)
    return await _sheet_json(asked, draft, sheet, given.text("digest"))


async def update_manifest(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Announce the bytes of a manifest."""
    draft, sheet = await drafts.change_sheet(asked, given)
    return await _sheet_json(asked, draft, sheet, given.text("digest"))


async def _sheet_json(
    asked: Asked, draft: drafts.Draft, sheet: drafts.Sheet, digest: str
) -> dict[str, Any]:
    subject = [draft.entity, draft.key, sheet.id, digest]
    url = await artifact(asked, "manifest", f"{draft.name}.json", PUT_MANIFEST, subject)
    id = write_id("ArtifactManifest", draft.key, sheet.id)
    file: dict[str, Any] = {
        "id": id,
        "uploadUrl": url,
        "uploadHeaders": [],
        "storagePath": "",
        "directUrl": None,
    }
    return {"artifactManifest": {"id": id, "file": file}}


async def create_files(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Addresses for files of artifacts; null for bytes that are here already."""
    specs = given.objects("artifactFiles")
    if len(specs) > MAX_FILES:
        raise InvalidInput(f"{len(specs)} files are too many at once, the limit is {MAX_FILES}")
    known: dict[str, drafts.Draft] = {}
    for id in {str(spec.get("artifactID")) for spec in specs}:
        known[id] = await drafts.find_by_id(asked, id)
    md5s = [manifests.hex_of(spec.get("md5")) for spec in specs]
    held: dict[str, set[str]] = {}
    for entity in {draft.entity for draft in known.values()}:
        found = await asked.call.read(checksums.known_contents, entity, md5s)
        held[entity] = set(found)
    edges = []
    for spec, md5 in zip(specs, md5s, strict=True):
        draft = known[str(spec.get("artifactID"))]
        name = str(spec.get("name") or "file")
        url = None
        if md5 not in held[draft.entity]:
            url = await artifact(asked, "blob", name, PUT_BLOB, [draft.entity, md5])
        edges.append({"node": _file_json(draft, name, md5, url)})
    return {"files": {"edges": edges, "pageInfo": {"hasNextPage": False, "endCursor": None}}}


def _file_json(draft: drafts.Draft, name: str, md5: str, url: str | None) -> dict[str, Any]:
    return {
        "id": write_id("File", draft.key, name), "name": name, "displayName": name,
        "uploadUrl": url, "uploadHeaders": [], "uploadMultipartUrls": None,
        "storagePath": f"wandb_artifacts/{md5}", "artifact": {"id": drafts.draft_id(draft.key)},
    }  # fmt: skip


async def commit(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Make a version of what was announced and uploaded."""
    key = drafts.draft_key(given.needed("artifactID"))
    if key is None:
        ref = drafts.read_version_id(given.needed("artifactID"))
        return {"artifact": version_object(ref)}
    lock = _committing.setdefault(key, asyncio.Lock())
    try:
        async with lock:
            draft = await committing.commit(asked, key)
    finally:
        _committing.pop(key, None)
    if draft.digest:
        detail = await detail_of(asked, draft.ref)
        digest = {detail.digest: draft.digest.encode()}
        await asked.call.write(notes.write_notes, committing.DIGESTS, digest)
    return {"artifact": version_object(draft.ref)}


_committing: Final[dict[str, asyncio.Lock]] = {}
"""Drafts being committed: a request that is sent again waits for the first one."""


async def use(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Note that a run reads a version."""
    place = Place(
        given.text("entityName") or DEFAULT_ENTITY, given.needed("projectName"),
        given.needed("runName"),
    )  # fmt: skip
    ref = await drafts.version_of(asked, given.needed("artifactID"))
    detail = await detail_of(asked, ref)
    record = ArtifactUse(
        time.time_ns() // 1000, ref.path, detail.digest, detail.version,
        given.text("usedAs") or "input",
    )  # fmt: skip

    def work(recorder: Recorder, recording: Recording) -> None:
        recorder.write(recording, [record])

    await asked.call.record(foreign.record, asked.call.workers.recorder, place.uid, work)
    return {"artifact": version_object(ref)}


FIELDS: Final[Fields] = {
    "Mutation": {
        "createArtifact": create, "createArtifactManifest": create_manifest,
        "updateArtifactManifest": update_manifest, "createArtifactFiles": create_files,
        "commitArtifact": commit, "useArtifact": use,
    },
}  # fmt: skip
