"""Which bytes a name means: a file of a run, a blob of a run, a file of an artifact version.

Promises: bytes are found through a record that refers to them, never by their digest alone; what
is on its way is not found.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import sqlalchemy as sa

from epochal.domain.artifact import MANIFEST_TYPE, ArtifactRef, Entry
from epochal.errors import NotFound
from epochal.journal.blobs import OCTETS
from epochal.store.artifacts import find_version
from epochal.store.rows import find_run_id, suggest
from epochal.store.schema_objects import (
    artifact,
    artifact_version,
    blob,
    file,
    run_blob,
    version_blob,
    version_run,
)
from epochal.store.store import Store
from epochal.store.versions import COMMITTED, load_manifest

MOST_SUGGESTED = 1000
"""Names that are looked through for a similar one."""


class Content(msgspec.Struct, frozen=True):
    """Bytes that lie in the home: where, which, how many, of what recorded type, and a name."""

    path: Path
    digest: str
    size: int
    type: str
    name: str


def run_file(store: Store, uid: str, path: str) -> Content:
    """A file of a run.

    Raises:
        NotFound: no such run or file, or its bytes are on their way.
    """
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        query = (
            sa.select(file.c.removed, file.c.type, blob.c.digest)
            .join(blob, blob.c.id == file.c.blob_id, isouter=True)
            .where(file.c.run_id == run_id, file.c.path == path)
        )
        row = connection.execute(query).first()
        if row is None or row.removed:
            known = connection.execute(
                sa.select(file.c.path).where(file.c.run_id == run_id, file.c.removed == sa.false())
            ).scalars()
            raise NotFound(f"the run has no file {path!r:.200}{suggest(path, known)}")
    if row.digest is None:
        raise NotFound(f"the file {path!r:.200} is still with its writer; try again later")
    return _content(store, row.digest, row.type, path)


def run_blob_content(store: Store, uid: str, digest: str) -> Content:
    """A blob that a run's media, files or versions refer to.

    Raises:
        NotFound: no such run, nothing of it refers to the blob, or it is on its way.
    """
    with store.database.read() as connection:
        type = run_reference(connection, find_run_id(connection, uid), digest)
    if type is None:
        raise NotFound(f"nothing of the run refers to blob {digest}")
    return _content(store, digest, type, digest)


def run_reference(connection: sa.Connection, run_id: int, digest: str) -> str | None:
    """The media type under which a run refers to a blob; None when it does not."""
    mine = (
        sa.select(run_blob.c.type)
        .join(blob, blob.c.id == run_blob.c.blob_id)
        .where(run_blob.c.run_id == run_id, blob.c.digest == digest)
    )
    found: str | None = connection.execute(mine).scalar()
    if found is not None:
        return found
    made = (
        sa.select(version_blob.c.blob_id)
        .join(blob, blob.c.id == version_blob.c.blob_id)
        .join(version_run, version_run.c.version_id == version_blob.c.version_id)
        .where(version_run.c.run_id == run_id, blob.c.digest == digest)
        .limit(1)
    )
    return OCTETS if connection.execute(made).first() is not None else None


def version_manifest(store: Store, ref: ArtifactRef) -> Content:
    """The manifest of a version.

    Raises:
        NotFound: no such version, or the manifest is on its way.
        Conflict: a digest's beginning fits several.
    """
    with store.database.read() as connection:
        row = find_version(connection, ref)
    return _content(store, row.digest, MANIFEST_TYPE, f"{row.name}.json")


def version_file(store: Store, ref: ArtifactRef, path: str) -> Content:
    """A file of a version.

    Raises:
        NotFound: no such version or path, it is only a reference, or it is on its way.
        Conflict: a digest's beginning fits several.
    """
    with store.database.read() as connection:
        row = find_version(connection, ref)
    entries = load_manifest(store.blobs, row.digest).entries
    entry = entries.get(path)
    if entry is None:
        similar = suggest(path, itertools.islice(entries, MOST_SUGGESTED))
        raise NotFound(f"version v{row.number} of {ref.path} has no file {path!r:.200}{similar}")
    if entry.ref is not None or entry.digest is None:
        raise NotFound(f"{path!r:.200} lies elsewhere, at {entry.ref!r:.500}; fetch it from there")
    return _content(store, entry.digest, "", path)


def find_content(store: Store, digest: str) -> tuple[str, int]:
    """The newest committed version with a digest: ``entity/project/name``, and its number.

    Raises:
        NotFound: there is none.
    """
    query = (
        sa.select(
            artifact.c.entity, artifact.c.project, artifact.c.name, artifact_version.c.number
        )
        .join(artifact_version, artifact_version.c.artifact_id == artifact.c.id)
        .where(artifact_version.c.digest == digest, artifact_version.c.state == COMMITTED)
        .order_by(artifact_version.c.id.desc())
        .limit(1)
    )
    with store.database.read() as connection:
        row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"no artifact version has the digest {digest}")
    return f"{row.entity}/{row.project}/{row.name}", row.number


def content_entries(store: Store, digest: str) -> dict[str, Entry]:
    """The files of the committed versions with a digest.

    Raises:
        NotFound: there is none.
    """
    find_content(store, digest)
    return load_manifest(store.blobs, digest).entries


def blob_content(store: Store, digest: str, name: str) -> Content:
    """A blob that a record was found to name.

    Raises:
        NotFound: it is on its way.
    """
    return _content(store, digest, "", name)


def _content(store: Store, digest: str, type: str, name: str) -> Content:
    size = store.blobs.size(digest)
    if size is None:
        raise NotFound(f"the bytes of {name!r:.200} are on their way; try again later")
    return Content(store.blobs.path(digest), digest, size, type, name)
