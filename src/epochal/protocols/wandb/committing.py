"""Versions that drafts become: of what was uploaded, or of contents that are here already."""

from __future__ import annotations

import time
from typing import Final

from epochal.domain.artifact import LATEST, MANIFEST_TYPE, ArtifactRef, Manifest
from epochal.domain.objects import VersionChanges
from epochal.domain.record import AGAIN, ArtifactCommit, BlobRef
from epochal.domain.run import RunState
from epochal.errors import InvalidInput, NotFound
from epochal.protocols.wandb import manifests
from epochal.protocols.wandb.drafts import (
    INCREMENTAL,
    Draft,
    Sheet,
    change,
    draft_id,
    find,
    version_of,
)
from epochal.protocols.wandb.execution import Asked
from epochal.protocols.wandb.ids import Place
from epochal.protocols.wandb.memory import CLIENT
from epochal.service import artifacts, checksums, foreign, notes
from epochal.service.foreign import Recorder, Recording

DIGESTS: Final = "wandb.digest"
"""Where the client's digest of a manifest lies, by ours."""
MOST_VERSIONS: Final = 100
"""Of an artifact, from the newest on, among which the same contents are looked for."""


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
    return await _record(asked, draft, manifests.to_ours(contents, blobs))


async def repeat(asked: Asked, draft: Draft, *, is_newest: bool) -> Draft:
    """Commit a draft at once where a version of its artifact has the same contents.

    Args:
        asked: the operation.
        draft: what was announced.
        is_newest: whether it is to be the newest version. An older one with the same contents
            does not become that: a new one is made then, as for any other contents.

    Returns:
        The draft; it has a number when there was such a version.
    """
    if draft.number is not None or not draft.digest:
        return draft
    try:
        listed = await asked.call.read(artifacts.list_versions, draft.ref, MOST_VERSIONS, 0)
    except NotFound:
        return draft
    ours = [row.digest for row in listed.versions]
    theirs = await asked.call.read(notes.read_notes, DIGESTS, ours)
    alike = [row for row in listed.versions if theirs.get(row.digest) == draft.digest.encode()]
    if not alike or (is_newest and alike[0] is not listed.versions[0]):
        return draft
    row = alike[0]
    ref = ArtifactRef(row.entity, row.project, row.name, row.version)
    if not is_newest:  # aliases move back to it, too, which a record of a run cannot do
        tags = list(dict.fromkeys([*row.tags, *draft.tags])) if draft.tags else None
        changes = VersionChanges(add_aliases=draft.aliases, tags=tags)
        await asked.call.write(artifacts.update_version, ref, changes)
        if not draft.run:
            return await _committed(asked, draft, row.version)
    manifest = await asked.call.read(artifacts.entries, ref)
    return await _record(asked, draft, manifest, again=not is_newest)


async def _record(asked: Asked, draft: Draft, manifest: Manifest, *, again: bool = False) -> Draft:
    """Write that a run has made a version with this manifest; one that is there, if ``again``."""
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
                    first=AGAIN if again else 0,
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
    return await _committed(asked, draft, await _number(asked, draft, manifest.digest))


async def _committed(asked: Asked, draft: Draft, number: int) -> Draft:
    """Let a draft name the version that it became."""

    def committed(one: Draft) -> None:
        one.number = number

    return await change(asked, draft.key, committed)


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


async def _number(asked: Asked, draft: Draft, digest: str) -> int:
    """The version that has this manifest: the newest one."""
    ref = ArtifactRef(draft.entity, draft.project, draft.name, None, LATEST)
    found = await asked.call.read(artifacts.list_versions, ref, MOST_VERSIONS, 0)
    for row in found.versions:
        if row.digest == digest:
            return row.version
    raise NotFound(f"the artifact {draft.name!r} was not committed; see the events of its run")
