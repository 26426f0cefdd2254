"""Artifacts on their way in: announced, their files and manifests uploaded, then committed.

A draft is a note until it is committed; then it names the version that it became. Blobs that it
uploaded belong to nothing until then, and garbage collection spares them for a day.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from epochal.domain.artifact import LATEST, MANIFEST_TYPE, ArtifactRef, check_artifact_name
from epochal.domain.names import DEFAULT_ENTITY
from epochal.domain.record import ArtifactCommit, BlobRef
from epochal.domain.run import RunState
from epochal.errors import InvalidInput, NotFound
from epochal.protocols.wandb import manifests
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.execution import Asked
from epochal.protocols.wandb.ids import Place, read_id, write_id
from epochal.protocols.wandb.memory import CLIENT
from epochal.service import artifacts, checksums, foreign, notes
from epochal.service.foreign import Recorder, Recording

DRAFTS: Final = "wandb.artifact"
CLIENTS: Final = "wandb.client"
SHARED: Final = "wandb.shared"
PATCH: Final = "PATCH"
INCREMENTAL: Final = "INCREMENTAL"
TTL_INHERITED: Final = 0


class Sheet(msgspec.Struct):
    """A manifest of a draft; ``blob`` is the digest of its bytes once they are there."""

    id: str
    kind: str
    base: str = ""
    blob: str = ""


class Draft(msgspec.Struct):
    """An artifact that was announced; ``number`` is that of the version it became."""

    key: str
    entity: str
    project: str
    name: str
    type: str
    run: str = ""
    run_project: str = ""
    description: str = ""
    metadata: dict[str, Any] = {}
    aliases: list[str] = []
    tags: list[str] = []
    ttl_s: int = 0
    digest: str = ""
    step: int | None = None
    sheets: list[Sheet] = []
    number: int | None = None

    @property
    def ref(self) -> ArtifactRef:
        """The artifact, or the version that this became."""
        alias = LATEST if self.number is None else None
        return ArtifactRef(self.entity, self.project, self.name, self.number, alias)

    def sheet(self, id: str) -> Sheet:
        """A manifest by its id.

        Raises:
            NotFound: there is no such manifest.
        """
        for sheet in self.sheets:
            if sheet.id == id:
                return sheet
        raise NotFound(f"the artifact {self.name!r} has no manifest {id[:40]!r}")


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Draft).decode


def draft_id(key: str) -> str:
    """The id of a draft, also after it was committed."""
    return write_id("Artifact", "draft", key)


def draft_key(id: str) -> str | None:
    """The key in a draft's id; None for the id of a version.

    Raises:
        NotFound: it is no id of an artifact.
    """
    kind, _, key = read_id(id, "Artifact").partition(":")
    return key if kind == "draft" else None


async def find(asked: Asked, key: str) -> Draft:
    """A draft.

    Raises:
        NotFound: there is none.
    """
    found = await asked.call.read(notes.read_notes, DRAFTS, [key])
    if key not in found:
        raise NotFound("there is no such artifact; it may have been announced to another server")
    return _decode(found[key])


async def find_by_id(asked: Asked, id: str) -> Draft:
    """A draft by its id.

    Raises:
        NotFound: there is none.
    """
    key = draft_key(id)
    if key is None:
        raise NotFound("this artifact is complete; log a new version instead")
    return await find(asked, key)


async def find_by_client(asked: Asked, client: str) -> Draft:
    """The draft that a client announced under an id of its own.

    Raises:
        NotFound: there is none.
    """
    found = (await asked.call.read(notes.read_notes, CLIENTS, [client])).get(client)
    if found is None:
        raise NotFound("there is no artifact with this client id")
    return await find(asked, found.decode())


async def change(asked: Asked, key: str, work: Callable[[Draft], None]) -> Draft:
    """Change a draft.

    Raises:
        NotFound: there is none.
    """

    def changed(data: bytes) -> bytes:
        draft = _decode(data)
        work(draft)
        return _encode(draft)

    return _decode(await asked.call.write(notes.change_note, DRAFTS, key, changed))


# ----------------------------------------------------------------------------------------- begin
async def announce(asked: Asked, given: Given) -> Draft:
    """Begin an artifact; the second writer of a distributed one gets that of the first.

    Raises:
        InvalidInput: a name cannot be one, or the artifact has another type.
    """
    names = given.texts("artifactCollectionNames") or [
        str(entry.get("artifactCollectionName")) for entry in given.objects("aliases")
    ]
    if not names:
        raise InvalidInput("createArtifact names no collection")
    region = given.text("storageRegion")
    if region and region != "default":
        raise InvalidInput(f"there is no storage region {region!r:.80} on this server")
    entity = given.text("entityName") or DEFAULT_ENTITY
    project = given.needed("projectName")
    shared = given.text("distributedID")
    name = f"{entity}/{project}/{names[0]}/{shared}"
    if shared and (known := await _shared(asked, name)):
        return known
    draft = Draft(
        key=secrets.token_hex(12),
        entity=entity,
        project=project,
        name=check_artifact_name(names[0]),
        type=given.needed("artifactTypeName"),
        run=given.text("runName"),
        run_project=project,
        description=given.text("description"),
        metadata=given.json("metadata") or {},
        aliases=aliases_of(given),
        tags=[str(tag.get("tagName") or tag.get("name") or "") for tag in given.objects("tags")],
        ttl_s=max(0, given.number("ttlDurationSeconds", TTL_INHERITED)),
        digest=given.text("digest"),
        step=given.optional("historyStep"),
    )
    await _check_type(asked, draft)
    await asked.call.write(notes.write_notes, DRAFTS, {draft.key: _encode(draft)})
    if client := given.text("clientID"):
        await asked.call.write(notes.write_notes, CLIENTS, {client: draft.key.encode()})
    if shared:
        await asked.call.write(notes.write_notes, SHARED, {name: draft.key.encode()})
    return draft


async def _shared(asked: Asked, name: str) -> Draft | None:
    found = (await asked.call.read(notes.read_notes, SHARED, [name])).get(name)
    draft = await find(asked, found.decode()) if found else None
    return draft if draft is not None and draft.number is None else None


async def _check_type(asked: Asked, draft: Draft) -> None:
    try:
        known = await asked.call.read(artifacts.resolve, draft.ref)
    except NotFound:
        return
    if known.type != draft.type and known.name == draft.name:
        raise InvalidInput(
            f"the artifact {draft.name!r} has the type {known.type!r}, not {draft.type!r}; "
            f"use that one or another name"
        )


def aliases_of(given: Given) -> list[str]:
    """The aliases in an input, without ``latest``, which moves by itself."""
    found = [
        str(entry.get("alias") or "") if isinstance(entry, dict) else str(entry)
        for entry in given.items("aliases")
    ]
    return [alias for alias in dict.fromkeys(found) if alias and alias != LATEST]


# ------------------------------------------------------------------------------------- manifests
async def add_sheet(asked: Asked, given: Given) -> tuple[Draft, Sheet]:
    """Announce a manifest. Of a patch there may be many, of the other kinds one."""
    key = draft_key(given.needed("artifactID")) or ""
    kind = given.text("type") or given.text("manifestType") or "FULL"
    base = given.text("baseArtifactID")
    sheet = Sheet(secrets.token_hex(6), kind, base)

    def add(draft: Draft) -> None:
        for known in draft.sheets:
            if kind != PATCH and known.kind == kind:
                known.base = base or known.base
                sheet.id = known.id
                return
        draft.sheets.append(sheet)

    return await change(asked, key, add), sheet


async def change_sheet(asked: Asked, given: Given) -> tuple[Draft, Sheet]:
    """Announce the bytes of a manifest."""
    key, _, id = read_id(given.needed("artifactManifestID"), "ArtifactManifest").partition(":")
    base = given.text("baseArtifactID")

    def set_base(draft: Draft) -> None:
        sheet = draft.sheet(id)
        sheet.base = base or sheet.base

    draft = await change(asked, key, set_base)
    return draft, draft.sheet(id)


def with_sheet(data: bytes, id: str, blob: str) -> bytes:
    """A stored draft in which the bytes of a manifest are there."""
    draft = _decode(data)
    draft.sheet(id).blob = blob
    return _encode(draft)


# ---------------------------------------------------------------------------------------- commit
async def commit(asked: Asked, key: str) -> Draft:
    """Make a version out of a draft; one that was committed already stays as it is.

    Raises:
        InvalidInput: it has no manifest, or that names files that were never uploaded.
        NotFound: there is no such draft, or its run is gone.
    """
    draft = await find(asked, key)
    if draft.number is not None:
        return draft
    contents = await _contents(asked, draft)
    blobs = await asked.call.read(
        checksums.known_contents, draft.entity, manifests.md5s_of(contents)
    )
    manifest = manifests.to_ours(contents, blobs)
    # What is logged outside of a run gets one that holds it.
    run_id = draft.run or f"artifact-{draft.key[:12]}"
    place = Place(draft.entity, draft.run_project, run_id)

    def work(recorder: Recorder, recording: Recording) -> None:
        ref = foreign.put_blob(recorder, manifest.encode(), MANIFEST_TYPE)
        recorder.write(
            recording,
            [
                ArtifactCommit(
                    time.time_ns() // 1000, draft.name, draft.type,
                    BlobRef(ref.digest, ref.size, MANIFEST_TYPE),
                    size=manifest.size, files=len(manifest.entries), aliases=draft.aliases,
                    tags=[tag for tag in draft.tags if tag], metadata=draft.metadata,
                    description=draft.description, ttl_s=draft.ttl_s or None,
                    project=draft.project, step=draft.step,
                )
            ],
        )  # fmt: skip

        if not draft.run:
            recorder.rename(recording, draft.name)
            recorder.tell(recording, RunState.FINISHED, None)

    recorder = asked.call.workers.recorder
    if draft.run:
        await asked.call.record(foreign.record, recorder, place.uid, work)
    else:
        await asked.call.record(foreign.begin_or_go_on, recorder, place, CLIENT, work)
    number = await _number(asked, draft, manifest.digest)

    def committed(one: Draft) -> None:
        one.number = number

    return await change(asked, key, committed)


async def _contents(asked: Asked, draft: Draft) -> manifests.Contents:
    """What the manifests of a draft come to: one whole, or a base with additions, or patches."""
    sheets = [sheet for sheet in draft.sheets if sheet.blob]
    if not sheets:
        raise InvalidInput(f"the manifest of {draft.name!r} was never uploaded")
    found: manifests.Contents = {}
    for sheet in sheets:
        if sheet.kind == INCREMENTAL:
            found.update(await _base(asked, draft, sheet))
        data = await asked.call.read(checksums.read_blob, sheet.blob)
        found.update(manifests.read_contents(data))
    return found


async def _base(asked: Asked, draft: Draft, sheet: Sheet) -> manifests.Contents:
    """The entries on which an incremental manifest builds."""
    ref = draft.ref
    if sheet.base:
        ref = await version_of(asked, sheet.base)
    try:
        manifest = await asked.call.read(artifacts.entries, ref)
    except NotFound:
        return {}
    md5s = await asked.call.read(checksums.md5_of_blobs, manifest.digests())
    theirs = manifests.to_theirs(manifest, md5s, draft_id(draft.key))
    # Files of the base may have come through another door: their MD5s are known from now on.
    refs = {
        md5s[entry.digest]: BlobRef(entry.digest, entry.size or 0)
        for entry in manifest.entries.values()
        if entry.ref is None and entry.digest in md5s
    }
    await asked.call.write(checksums.remember, draft.entity, refs)
    contents: manifests.Contents = theirs["contents"]
    return contents


async def version_of(asked: Asked, id: str) -> ArtifactRef:
    """The version that an id names: of a version, or of a draft that became one.

    Raises:
        NotFound: there is none.
    """
    key = draft_key(id)
    if key is None:
        return read_version_id(id)
    draft = await find(asked, key)
    if draft.number is None:
        raise NotFound(f"the artifact {draft.name!r} is not complete yet")
    return draft.ref


async def _number(asked: Asked, draft: Draft, digest: str) -> int:
    """The version that has this manifest: the newest one."""
    ref = ArtifactRef(draft.entity, draft.project, draft.name, None, LATEST)
    found = await asked.call.read(artifacts.list_versions, ref, 100, 0)
    for row in found.versions:
        if row.digest == digest:
            return row.version
    raise NotFound(f"the artifact {draft.name!r} was not committed; see the events of its run")


# -------------------------------------------------------------------------------------------- ids
def version_id(entity: str, project: str, name: str, number: int) -> str:
    """The id of a version."""
    text = msgspec.json.encode([entity, project, name, number]).decode()
    return write_id("Artifact", "version", text)


def read_version_id(id: str) -> ArtifactRef:
    """The version in an id.

    Raises:
        NotFound: there is none in it.
    """
    _, _, text = read_id(id, "Artifact").partition(":")
    try:
        entity, project, name, number = msgspec.json.decode(text, type=tuple[str, str, str, int])
    except msgspec.MsgspecError:
        raise NotFound(f"{id[:80]!r} is no id of an artifact") from None
    return ArtifactRef(entity, project, name, number)
