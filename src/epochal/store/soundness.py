"""Are the bytes still there that were stored, and who needs those that are not?

Promises: nothing is changed; every problem names the runs and artifact versions that it concerns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from epochal.journal.blobs import Blobs
from epochal.store.schema import project, run
from epochal.store.schema_objects import (
    artifact,
    artifact_version,
    blob,
    run_blob,
    version_blob,
)
from epochal.store.store import Store
from epochal.store.versions import PENDING

MOST_USERS = 5
"""How many runs and versions are named for one blob."""


def check_blobs(store: Store, *, deep: bool = False, sample: int = 100) -> list[str]:
    """Problems with the blobs that the index calls present: missing, of another size, damaged.

    Args:
        store: the home.
        deep: read all of them; else a sample spread over all digests.
        sample: how many to read when not ``deep``.
    """
    with store.database.read() as connection:
        query = sa.select(blob.c.id, blob.c.digest, blob.c.size).where(blob.c.present == sa.true())
        rows = connection.execute(query.order_by(blob.c.digest)).all()
    stride = 1 if deep else max(1, len(rows) // sample)
    wrong: list[tuple[int, str]] = []
    for index, (id, digest, size) in enumerate(rows):
        held = store.blobs.size(digest)
        if held is None:
            wrong.append((id, f"blob {digest} ({size} bytes) is missing"))
        elif held != size:
            wrong.append((id, f"blob {digest} has {held} bytes, {size} were stored"))
        elif index % stride == 0 and not store.blobs.is_sound(digest):
            wrong.append((id, f"blob {digest} is damaged: its bytes do not have its digest"))
    with store.database.read() as connection:
        return [f"{text}; {_told(_users(connection, id))}" for id, text in wrong]


def check_awaited(store: Store) -> list[str]:
    """Artifact versions that wait for bytes, with the number of their blobs."""
    query = (
        sa.select(
            artifact.c.entity, artifact.c.project, artifact.c.name, artifact_version.c.number,
            artifact_version.c.missing,
        )
        .join(artifact, artifact.c.id == artifact_version.c.artifact_id)
        .where(artifact_version.c.state == PENDING)
        .order_by(artifact_version.c.id)
    )  # fmt: skip
    with store.database.read() as connection:
        return [
            f"artifact {row.entity}/{row.project}/{row.name}:v{row.number} waits for "
            f"{row.missing or 'its'} blobs"
            for row in connection.execute(query)
        ]


def check_files(home: Path) -> list[str]:
    """Damaged blobs of a home whose index cannot be asked, because a server holds it."""
    blobs = Blobs(home)
    return [
        f"blob {digest} is damaged: its bytes do not have its digest"
        for digest in blobs.digests()
        if not blobs.is_sound(digest) and blobs.has(digest)
    ]


def _users(connection: sa.Connection, blob_id: int) -> list[str]:
    """Who refers to a blob: versions first, then runs."""
    versions = (
        sa.select(
            artifact.c.entity, artifact.c.project, artifact.c.name, artifact_version.c.number
        )
        .join(artifact_version, artifact_version.c.artifact_id == artifact.c.id)
        .join(version_blob, version_blob.c.version_id == artifact_version.c.id)
        .where(version_blob.c.blob_id == blob_id)
        .order_by(artifact_version.c.id)
        .limit(MOST_USERS + 1)
    )
    runs = (
        sa.select(project.c.entity, project.c.name, run.c.name_id)
        .join(run, run.c.project_id == project.c.id)
        .join(run_blob, run_blob.c.run_id == run.c.id)
        .where(run_blob.c.blob_id == blob_id)
        .order_by(run.c.id)
        .limit(MOST_USERS + 1)
    )
    return [
        *(f"artifact {e}/{p}/{n}:v{v}" for e, p, n, v in connection.execute(versions)),
        *(f"run {e}/{p}/{i}" for e, p, i in connection.execute(runs)),
    ]


def _told(users: Sequence[str]) -> str:
    if not users:
        return "nothing needs it"
    more = ", ..." if len(users) > MOST_USERS else ""
    return f"needed by {', '.join(users[:MOST_USERS])}{more}"
