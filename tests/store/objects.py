"""What the tests of media, files, artifacts and models share: runs that made some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from epochal.domain.artifact import MANIFEST_TYPE, ArtifactRef, Entry, Manifest, read_reference
from epochal.domain.record import ArtifactCommit, BlobRef
from epochal.journal.blobs import Blobs
from epochal.store.artifacts import list_versions
from epochal.store.store import Store
from tests.store.journals import Writing


def store_manifest(home: Path, files: dict[str, bytes]) -> BlobRef:
    """Files and their manifest among the blobs of a home; the reference to the manifest."""
    blobs = Blobs(home)
    entries = {}
    for path, data in files.items():
        ref = blobs.put(data, sync=False)
        entries[path] = Entry(ref.digest, ref.size)
    return blobs.put(Manifest(entries).encode(), MANIFEST_TYPE, sync=False)


def commit(writing: Writing, files: dict[str, bytes], name: str = "data", **given: Any) -> BlobRef:
    """A version of an artifact, made by a run; returns its manifest."""
    manifest = store_manifest(writing.home, files)
    writing.now += 1000
    kind = given.pop("kind", "dataset")
    writing.fact(ArtifactCommit(writing.now, name, kind, manifest, **given))
    return manifest


def forget(home: Path, *digests: str) -> dict[str, bytes]:
    """Take blobs out of a home, as if they were on their way; their bytes by digest."""
    blobs = Blobs(home)
    kept = {digest: blobs.read(digest) for digest in digests}
    for digest in digests:
        blobs.remove(digest)
    return kept


def ref(text: str) -> ArtifactRef:
    """An artifact of the project ``p``, or a version of it."""
    return read_reference(text, "p")


def shown(store: Store, name: str = "data") -> list[tuple[int, str, list[str]]]:
    """Number, state and aliases of every version, oldest first."""
    found = list_versions(store, ref(name), 100, 0).versions
    return [(row.version, row.state, row.aliases) for row in reversed(found)]
