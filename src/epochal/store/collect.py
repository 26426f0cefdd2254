"""Garbage collection: what nothing refers to goes, after it was shown.

Promises: a blob that a record refers to is never removed, also not one that a record is about to
name: all journals of the home are taken in first, a blob younger than a day stays, and storing a
blob again makes it young (`journal.blobs`). A version goes only when its time is over, it has no
alias but ``latest``, and no model stands on it. When a journal cannot be read, blobs stay.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.artifact import LATEST
from epochal.domain.objects import CollectReport
from epochal.store.artifacts import linked_models
from epochal.store.blobs import find_blobs, portions
from epochal.store.curation import remove_version
from epochal.store.ingest import ingest_home
from epochal.store.schema_objects import (
    artifact,
    artifact_alias,
    artifact_version,
    blob,
    run_blob,
    version_blob,
)
from epochal.store.store import Store
from epochal.store.versions import COMMITTED

GRACE_SECONDS = 24 * 3600.0
"""How long a blob stays that nothing refers to."""


class _Garbage(msgspec.Struct):
    """Blobs to remove with their bytes, and the bytes of those that are too young."""

    blobs: dict[str, int] = {}
    kept_bytes: int = 0


def collect(store: Store, *, dry_run: bool = True, now: float | None = None) -> CollectReport:
    """Remove what nothing needs any more.

    Args:
        store: the home.
        dry_run: only tell.
        now: seconds since 1970; the time of day by default.

    Raises:
        StorageFull: the disk has no room for the index.
        CorruptFile: the database is damaged.
    """
    now = time.time() if now is None else now
    problems = [problem.text for problem in ingest_home(store, compact=False).problems]
    store.blobs.restore()
    with store.moving:
        names, version_bytes = _expire(store, int(now * 1e6), dry_run=dry_run)
        garbage = _Garbage() if problems else _find(store, now - GRACE_SECONDS)
    if not dry_run:
        _remove(store, garbage, now - GRACE_SECONDS)
    leftovers, leftover_bytes = _leftovers(store, now - GRACE_SECONDS, dry_run=dry_run)
    return CollectReport(
        dry_run=dry_run,
        blobs=len(garbage.blobs),
        blob_bytes=sum(garbage.blobs.values()),
        versions=names,
        version_bytes=version_bytes,
        leftovers=leftovers,
        leftover_bytes=leftover_bytes,
        kept_bytes=garbage.kept_bytes,
        problems=[f"{text}; blobs stay until it can be read" for text in problems],
    )


def _expire(store: Store, now_us: int, *, dry_run: bool) -> tuple[list[str], int]:
    """Delete versions whose time is over; their names, and bytes that only they refer to."""
    with store.database.read() as connection:
        due = [row for row in _due(connection, now_us) if _may_go(connection, row)]
        size = _own_bytes(connection, [row.id for row in due])
    if due and not dry_run:
        with store.database.write() as connection:
            again = {row.id: row for row in _due(connection, now_us)}
            due = [row for row in due if row.id in again and _may_go(connection, row)]
            for row in due:
                remove_version(connection, row)
    return [f"{row.entity}/{row.project}/{row.name}:v{row.number}" for row in due], size


def _due(connection: sa.Connection, now_us: int) -> list[Any]:
    query = (
        sa.select(
            *artifact_version.c, artifact.c.entity, artifact.c.project, artifact.c.name
        )
        .join(artifact, artifact.c.id == artifact_version.c.artifact_id)
        .where(artifact_version.c.state == COMMITTED, artifact_version.c.expires_us <= now_us)
        .order_by(artifact_version.c.id)
    )  # fmt: skip
    return list(connection.execute(query).all())


def _may_go(connection: sa.Connection, version: Any) -> bool:
    named = connection.execute(
        sa.select(artifact_alias.c.alias)
        .where(artifact_alias.c.version_id == version.id, artifact_alias.c.alias != LATEST)
        .limit(1)
    ).first()
    return named is None and not linked_models(connection, version)


def _own_bytes(connection: sa.Connection, ids: list[int]) -> int:
    """Bytes of blobs that these versions refer to and nothing else does."""
    if not ids:
        return 0
    mine = sa.select(version_blob.c.blob_id).where(version_blob.c.version_id.in_(ids[:30_000]))
    others = sa.select(version_blob.c.blob_id).where(
        version_blob.c.blob_id == blob.c.id, version_blob.c.version_id.not_in(ids[:30_000])
    )
    runs = sa.select(run_blob.c.blob_id).where(run_blob.c.blob_id == blob.c.id)
    query = sa.select(sa.func.coalesce(sa.func.sum(blob.c.size), 0)).where(
        blob.c.id.in_(mine), ~others.exists(), ~runs.exists(), blob.c.present == sa.true()
    )
    return int(connection.execute(query).scalar_one())


def _unreferenced() -> sa.ColumnElement[bool]:
    by_run = sa.select(run_blob.c.blob_id).where(run_blob.c.blob_id == blob.c.id)
    by_version = sa.select(version_blob.c.blob_id).where(version_blob.c.blob_id == blob.c.id)
    return sa.and_(~by_run.exists(), ~by_version.exists())


def _find(store: Store, before: float) -> _Garbage:
    """What lies in the home and nothing refers to. Blobs that the index never saw count too."""
    garbage = _Garbage()
    for part in portions(store.blobs.digests()):
        with store.database.read() as connection:
            referred = set(find_blobs(connection, part)) - _free(connection, part)
        for digest in part:
            if digest in referred:
                continue
            with contextlib.suppress(FileNotFoundError):
                found = store.blobs.path(digest).stat()
                if found.st_mtime < before:
                    garbage.blobs[digest] = found.st_size
                else:
                    garbage.kept_bytes += found.st_size
    return garbage


def _free(connection: sa.Connection, digests: list[str]) -> set[str]:
    query = sa.select(blob.c.digest).where(blob.c.digest.in_(digests), _unreferenced())
    return set(connection.execute(query).scalars())


def _remove(store: Store, garbage: _Garbage, before: float) -> None:
    """Remove blobs, portion by portion, each looked at again; rows go before files.

    A crash in between leaves a file without a row, which the next collection finds.
    """
    removed: dict[str, int] = {}
    for part in portions(garbage.blobs):
        with store.moving:
            with store.database.write() as connection:
                referred = set(find_blobs(connection, part)) - _free(connection, part)
                gone = [digest for digest in part if digest not in referred]
                connection.execute(sa.delete(blob).where(blob.c.digest.in_(gone), _unreferenced()))
            for digest in gone:
                if size := store.blobs.remove(digest, before):
                    removed[digest] = size
    garbage.blobs = removed
    with store.moving, store.database.write() as connection:  # never arrived, nobody waits
        connection.execute(sa.delete(blob).where(blob.c.present == sa.false(), _unreferenced()))


def _leftovers(store: Store, before: float, *, dry_run: bool) -> tuple[int, int]:
    """Unfinished uploads and writes that nobody has touched for a day."""
    count = size = 0
    for path in store.blobs.temporaries():
        found = _old(path, before)
        if found is None:
            continue
        count += 1
        size += found
        if not dry_run:
            path.unlink(missing_ok=True)
    return count, size


def _old(path: Path, before: float) -> int | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size if found.st_mtime < before else None
