"""Who refers to which blob, and which blobs are here.

Promises: a row says ``present`` only when the blob lies in the home, complete and synced; the
references of a run and of a version are exactly those of its records. All of it happens in the
caller's write transaction, and whoever adds references holds ``store.moving``, so that garbage
collection cannot come between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from epochal.domain.artifact import check_digest
from epochal.domain.objects import BlobView
from epochal.domain.record import BlobRef
from epochal.domain.values import INT64_MAX
from epochal.errors import InvalidInput
from epochal.journal.blobs import OCTETS, Blobs
from epochal.store.dialect import upsert
from epochal.store.scalars import storable
from epochal.store.schema_objects import blob, run_blob, version_blob

IN_ONE_QUERY = 500
MAX_TYPE = 128

T = TypeVar("T")


class Known(msgspec.Struct, frozen=True):
    """A blob's row."""

    id: int
    size: int
    present: bool


_BY_DIGEST = sa.select(blob.c.digest, blob.c.id, blob.c.size, blob.c.present).where(
    blob.c.digest.in_(sa.bindparam("digests", expanding=True))
)
_ARRIVE = (
    sa.update(blob)
    .where(blob.c.id == sa.bindparam("blob"))
    .values(present=True, size=sa.bindparam("bytes"))
)


def portions(items: Iterable[T], size: int = IN_ONE_QUERY) -> Iterator[list[T]]:
    """Lists of at most ``size`` items: databases limit the parameters of a statement."""
    every = list(items)
    for start in range(0, len(every), size):
        yield every[start : start + size]


def usable(ref: BlobRef) -> bool:
    """Whether a record's reference can name a blob at all."""
    try:
        check_digest(ref.digest)
    except InvalidInput:
        return False
    return 0 <= ref.size <= INT64_MAX


def find_blobs(connection: sa.Connection, digests: Iterable[str]) -> dict[str, Known]:
    """The rows of blobs; those that nothing ever referred to have none."""
    found: dict[str, Known] = {}
    for part in portions(digests):
        for row in connection.execute(_BY_DIGEST, {"digests": part}):
            found[row.digest] = Known(row.id, row.size, row.present)
    return found


def intern_blobs(
    connection: sa.Connection, blobs: Blobs, sizes: Mapping[str, int]
) -> dict[str, Known]:
    """The rows of blobs, made where they are new.

    Args:
        connection: a write transaction.
        blobs: those of the home; asked about blobs that are new.
        sizes: what records say of their bytes, by checked digest.
    """
    known = find_blobs(connection, sizes)
    fresh: list[dict[str, Any]] = []
    for digest, size in sizes.items():
        if digest not in known:
            held = blobs.size(digest)
            fresh.append(
                {"digest": digest, "size": size if held is None else held,
                 "present": held is not None}
            )  # fmt: skip
    if fresh:
        connection.execute(sa.insert(blob), fresh)
        known |= find_blobs(connection, (row["digest"] for row in fresh))
    return known


def mark_present(connection: sa.Connection, sizes: Mapping[int, int]) -> list[int]:
    """Note that blobs are here; returns the ids of those for which that is news.

    Args:
        connection: a write transaction.
        sizes: bytes by row id.
    """
    news: list[int] = []
    for part in portions(sizes):
        absent = sa.select(blob.c.id).where(blob.c.id.in_(part), blob.c.present == sa.false())
        news += connection.execute(absent).scalars()
    if news:
        connection.execute(_ARRIVE, [{"blob": id, "bytes": sizes[id]} for id in news])
    return news


def change_uses(
    connection: sa.Connection, run_id: int, changes: Mapping[int, int], types: Mapping[int, str]
) -> None:
    """Add to the number of times that a run's media and files refer to blobs.

    Args:
        connection: a write transaction.
        run_id: the run.
        changes: how many more, or fewer when negative, by the blob's row id.
        types: media types by row id, for those that are new or had none that says anything.
    """
    given: list[dict[str, Any]] = [
        {"run_id": run_id, "blob_id": id, "uses": change,
         "type": storable(types.get(id, ""))[:MAX_TYPE]}
        for id, change in changes.items()
        if change
    ]  # fmt: skip
    if not given:
        return
    statement = upsert(
        connection.dialect.name, run_blob, ("run_id", "blob_id"),
        lambda excluded: {
            "uses": run_blob.c.uses + excluded.uses,
            "type": sa.case(
                (_is_silent(run_blob.c.type) & ~_is_silent(excluded.type), excluded.type),
                else_=run_blob.c.type,
            ),
        },
    )  # fmt: skip
    connection.execute(statement, given)
    if any(row["uses"] < 0 for row in given):
        connection.execute(
            sa.delete(run_blob).where(run_blob.c.run_id == run_id, run_blob.c.uses <= 0)
        )


def _is_silent(type: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether a media type says nothing."""
    return (type == "") | (type == OCTETS)


def refer_version(connection: sa.Connection, version_id: int, ids: Iterable[int]) -> None:
    """Note that a version consists of these blobs."""
    given = [{"version_id": version_id, "blob_id": id} for id in ids]
    if given:
        connection.execute(
            upsert(connection.dialect.name, version_blob, ("version_id", "blob_id"), None), given
        )


def blob_views(
    connection: sa.Connection, refs: Sequence[BlobRef | str]
) -> dict[BlobRef | str, BlobView]:
    """How references are shown; one that is a spool file's name has no digest yet."""
    known = find_blobs(connection, {ref.digest for ref in refs if isinstance(ref, BlobRef)})
    views: dict[BlobRef | str, BlobView] = {}
    for ref in refs:
        if isinstance(ref, str):
            views[ref] = BlobView("", 0, "", present=False)
            continue
        row = known.get(ref.digest)
        views[ref] = (
            BlobView(ref.digest, ref.size, ref.type, present=False)
            if row is None
            else BlobView(ref.digest, row.size, ref.type, present=row.present)
        )
    return views
