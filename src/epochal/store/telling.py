"""Tells open pages that people changed a version: through the living runs that made it.

The stream of live events is about runs; a page that shows artifacts or models asks again when one
of their runs has news.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from epochal.domain.view import RunChange
from epochal.store.apply import RunNews, describe_changes
from epochal.store.enroll import next_revision
from epochal.store.schema import run
from epochal.store.schema_objects import artifact, artifact_version, version_run
from epochal.store.store import Store


def note_makers(connection: sa.Connection, version_ids: Iterable[int]) -> list[RunChange]:
    """Mark the runs that made these versions as changed, in the caller's write transaction.

    Returns:
        What to announce once the transaction is committed.
    """
    query = (
        sa.select(version_run.c.run_id)
        .where(version_run.c.version_id.in_(list(version_ids)))
        .distinct()
    )
    ids = list(connection.execute(query).scalars())
    if not ids:
        return []
    connection.execute(
        sa.update(run).where(run.c.id.in_(ids)).values(rev=next_revision(connection))
    )
    return describe_changes(
        connection, {run_id: RunNews(uid="", what={"artifacts"}) for run_id in ids}
    )


def versions_with(connection: sa.Connection, path: tuple[str, str, str], digest: str) -> list[int]:
    """Row ids of an artifact's versions with this content."""
    query = (
        sa.select(artifact_version.c.id)
        .join(artifact, artifact.c.id == artifact_version.c.artifact_id)
        .where(
            artifact.c.entity == path[0],
            artifact.c.project == path[1],
            artifact.c.name == path[2],
            artifact_version.c.digest == digest,
        )
    )
    return list(connection.execute(query).scalars())


def announce(store: Store, changes: Iterable[RunChange]) -> None:
    """Send what `note_makers` gave."""
    for change in changes:
        store.announce(change)
