"""Artifacts on their way in: announced, their files and manifests uploaded, then committed.

A draft is a note until it is committed; then it names the version that it became. Blobs that it
uploaded belong to nothing until then, and garbage collection spares them for a day.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final

import msgspec

from epochal.domain.artifact import LATEST, ArtifactRef, check_artifact_name
from epochal.domain.names import DEFAULT_ENTITY
from epochal.errors import InvalidInput, NotFound
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.execution import Asked
from epochal.protocols.wandb.ids import read_id, write_id
from epochal.service import artifacts, notes

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


def is_newest(given: Given) -> bool:
    """Whether an input asks for ``latest``."""
    return any(entry.get("alias") == LATEST for entry in given.objects("aliases"))


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
