"""Many small blobs read at once, for downloads of many small files.

Promises: as for a single blob, bytes are found through a record that refers to them. What nothing
refers to, what is large or on its way, and what does not fit any more is left out without a word:
whoever wants it asks for it alone and gets its error there.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from epochal.domain.artifact import ArtifactRef
from epochal.domain.parcel import MAX_PARCEL, MAX_SMALL, pack_parcel
from epochal.store.artifacts import find_version
from epochal.store.blobs import portions
from epochal.store.rows import find_run_id
from epochal.store.schema_objects import blob, run_blob, version_blob, version_run
from epochal.store.store import Store


def run_parcel(store: Store, uid: str, digests: Sequence[str]) -> bytes:
    """Small blobs that a run's media, files or versions refer to, as a parcel.

    Raises:
        NotFound: there is no such run.
    """
    with store.database.read() as connection:
        known = run_references(connection, find_run_id(connection, uid), digests)
    return _pack(store, [digest for digest in digests if digest in known])


def version_parcel(store: Store, ref: ArtifactRef, digests: Sequence[str]) -> bytes:
    """Small files of a version, as a parcel.

    Raises:
        NotFound: there is no such version.
        Conflict: a digest's beginning fits several.
    """
    known: set[str] = set()
    with store.database.read() as connection:
        row = find_version(connection, ref)
        for part in portions(digests):
            query = (
                sa.select(blob.c.digest)
                .join(version_blob, version_blob.c.blob_id == blob.c.id)
                .where(version_blob.c.version_id == row.id, blob.c.digest.in_(part))
            )
            known |= set(connection.execute(query).scalars())
    return _pack(store, [digest for digest in digests if digest in known])


def run_references(connection: sa.Connection, run_id: int, digests: Sequence[str]) -> set[str]:
    """Which of these blobs something of the run refers to."""
    known: set[str] = set()
    for part in portions(digests):
        mine = sa.select(blob.c.digest).where(blob.c.digest.in_(part))
        by_run = mine.join(run_blob, run_blob.c.blob_id == blob.c.id).where(
            run_blob.c.run_id == run_id
        )
        by_version = (
            mine.join(version_blob, version_blob.c.blob_id == blob.c.id)
            .join(version_run, version_run.c.version_id == version_blob.c.version_id)
            .where(version_run.c.run_id == run_id)
        )
        for query in (by_run, by_version):
            known |= set(connection.execute(query).scalars())
    return known


def _pack(store: Store, digests: Sequence[str]) -> bytes:
    items: list[tuple[str, bytes]] = []
    room = MAX_PARCEL
    for digest in dict.fromkeys(digests):
        try:
            with open(store.blobs.path(digest), "rb", buffering=0) as file:
                data = file.read(MAX_SMALL + 1)
        except FileNotFoundError:
            continue
        if len(data) > min(MAX_SMALL, room):
            continue
        room -= len(data)
        items.append((digest, data))
    return pack_parcel(items)
