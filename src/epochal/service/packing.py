"""Artifact versions made out of files that a run holds already, and the files of such versions.

A model that a foreign client put among its run's files becomes a version like those of our own
clients: the same blobs, named by a manifest, recorded in the run's journal. Packing the same files
again gives the same version.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from epochal.domain import describing
from epochal.domain.access import Permission, Principal
from epochal.domain.artifact import (
    MANIFEST_TYPE,
    Entry,
    Manifest,
    check_artifact_name,
    check_digest,
    check_path,
    check_paths,
)
from epochal.domain.record import ArtifactCommit
from epochal.errors import InvalidInput, NotFound
from epochal.service import deposits
from epochal.service.permission import require
from epochal.service.recording import Recorder
from epochal.store import artifacts, contents
from epochal.store.contents import Content
from epochal.store.owner import Store

MODEL = "model"
MAX_MODEL_NAME = 100


class Packed(msgspec.Struct, frozen=True):
    """A committed artifact version: ``entity/project/name:v3``, and its digest."""

    artifact: str
    digest: str


def pack_model(
    store: Store,
    principal: Principal | None,
    recorder: Recorder,
    uid: str,
    folder: str,
    name: str = "",
) -> Packed:
    """Make a version of type ``model`` out of a folder of a run's files.

    Args:
        store: the home.
        principal: who asks.
        recorder: that of the server.
        uid: the run.
        folder: where the model lies.
        name: of the artifact; the folder's last part when empty. What no artifact may be called
            is changed.

    Raises:
        NotFound: there is no such run, or nothing in the folder.
        InvalidInput: the run is archived, or the files cannot lie side by side everywhere.
    """
    require(principal, Permission.WRITE)
    prefix = f"{folder}/" if folder else ""
    entries = {
        row.path[len(prefix) :]: Entry(row.digest, row.size)
        for row in deposits.files_of(store, recorder, uid)
        if row.present and row.digest and row.path.startswith(prefix)
    }
    if not entries:
        raise NotFound(f"No such artifact: run {uid} has no files in {folder[:200]!r}")
    check_paths(entries)
    manifest = Manifest(entries)
    reference = store.blobs.put(manifest.encode(), MANIFEST_TYPE)
    record = ArtifactCommit(
        time.time_ns() // 1000, _clean_name(name or posixpath.basename(folder)), MODEL, reference,
        size=manifest.size, files=len(entries), metadata=_described(store, entries),
    )  # fmt: skip
    with recorder.hold(uid) as recording:
        deposits.check_active(recording)
        recorder.write(recording, [record])
    recorder.commit(recording)
    recorder.settle([uid])
    path, number = contents.find_content(store, reference.digest)
    return Packed(f"{path}:v{number}", reference.digest)


def find_packed(store: Store, principal: Principal | None, digest: str) -> Packed:
    """The newest artifact version with a digest.

    Raises:
        NotFound: there is none.
        InvalidInput: this is no digest.
    """
    require(principal, Permission.READ)
    path, number = contents.find_content(store, check_digest(digest))
    return Packed(f"{path}:v{number}", digest)


def find_logged(
    store: Store, principal: Principal | None, recorder: Recorder, uid: str, name: str
) -> Packed:
    """The newest version of an artifact that a run made.

    Raises:
        NotFound: there is none.
    """
    require(principal, Permission.READ)
    recorder.settle([uid])
    for row in artifacts.run_artifacts(store, uid).made:
        if row.name == name and row.state == "committed":
            return Packed(f"{row.entity}/{row.project}/{row.name}:v{row.version}", row.digest)
    raise NotFound(f"run {uid} made no artifact {name[:200]!r}")


def list_packed(
    store: Store, principal: Principal | None, digest: str, folder: str
) -> list[deposits.Entry]:
    """What lies directly in a folder of an artifact version.

    Raises:
        NotFound: there is no such version.
    """
    require(principal, Permission.READ)
    entries = contents.content_entries(store, check_digest(digest))
    sizes = {path: entry.size or 0 for path, entry in entries.items() if entry.ref is None}
    return deposits.direct(sizes, deposits.checked(folder) if folder else "")


def fetch_packed(store: Store, principal: Principal | None, digest: str, path: str) -> Content:
    """Where the bytes of a file of an artifact version lie.

    Raises:
        NotFound: there is no such version or file.
    """
    require(principal, Permission.READ)
    entry = contents.content_entries(store, check_digest(digest)).get(check_path(path))
    if entry is None or entry.ref is not None or entry.digest is None:
        raise NotFound(f"No such artifact: {path[:200]!r}")
    return contents.blob_content(store, entry.digest, path)


def _described(store: Store, entries: Mapping[str, Entry]) -> dict[str, Any]:
    entry = entries.get(describing.FILE)
    if entry is None or entry.digest is None or (entry.size or 0) > describing.LONGEST:
        return {}
    return describing.describe(store.blobs.read(entry.digest))


def _clean_name(name: str) -> str:
    """A name that an artifact may have: what is not allowed becomes a dash."""
    readable = "".join("-" if c in "/\\:@?#%" or not c.isprintable() else c for c in name)
    try:
        return check_artifact_name(readable[:MAX_MODEL_NAME].strip(" .") or MODEL)
    except InvalidInput:
        return MODEL
