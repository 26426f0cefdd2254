"""Media whose bytes lie in no file of their run: those of all clients but wandb's and MLflow's.

They are found by reading the run's entries, and remembered until the run changes.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa

from epochal.domain.objects import MediaEntry, MediaView
from epochal.domain.record import BlobRef, MediaItem
from epochal.store.blobs import blob_views
from epochal.store.rows import find_run_id
from epochal.store.schema import key, run
from epochal.store.schema_objects import blob, file, media
from epochal.store.store import Store

MOST_KEPT: Final = 20_000
"""The entries of a run with more are read again each time."""
TOLD: Final = frozenset({"format", "type", "wandb"})
"""The parts of an item's meta that are told: those that say how its bytes would be a file."""
_SMALL: Final = ("histogram", "text", "markdown")
"""Kinds that need no bytes, or none that anyone would want as a file."""

_decode_items = msgspec.msgpack.Decoder(list[MediaItem]).decode


def unfiled_media(store: Store, uid: str) -> list[MediaEntry]:
    """Entries with the items that have bytes of their own, by key and step.

    Raises:
        NotFound: no such run.
    """
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        revision = connection.execute(sa.select(run.c.rev).where(run.c.id == run_id)).scalar_one()
        known = store.unfiled.get(run_id, revision)
        if known is not None:
            return known
        filed = _filed(connection, run_id)
        rows = [
            (row, items)
            for row in connection.execute(_entries(run_id))
            if (items := [i for i in _decode_items(row.content) if _is_apart(i, filed)])
        ]
        refs = [ref for _, items in rows for item in items for ref in item.blobs.values()]
        views = blob_views(connection, refs)
    found = [
        MediaEntry(
            uid, row.name, row.step, row.wall_us, row.many,
            [
                MediaView(
                    item.kind,
                    {name: item.meta[name] for name in item.meta if name in TOLD},
                    {role: views[ref] for role, ref in item.blobs.items()},
                )
                for item in items
            ],
        )
        for row, items in rows
    ]  # fmt: skip
    here = [entry for entry in found if all(i.blobs["data"].present for i in entry.items)]
    # The arrival of bytes is no change of the run.
    if len(here) == len(found) <= MOST_KEPT:
        store.unfiled.put(run_id, revision, here)
    return here


def _entries(run_id: int) -> sa.Select[Any]:
    return (
        sa.select(key.c.name, media.c.step, media.c.wall_us, media.c.many, media.c.content)
        .join(key, key.c.id == media.c.key_id)
        .where(media.c.run_id == run_id, media.c.kind.not_in(_SMALL))
        .order_by(key.c.name, media.c.step, media.c.id)
    )


def _filed(connection: sa.Connection, run_id: int) -> set[str]:
    mine = (
        sa.select(blob.c.digest)
        .join(file, file.c.blob_id == blob.c.id)
        .where(file.c.run_id == run_id, file.c.removed == sa.false())
    )
    return set(connection.execute(mine).scalars())


def _is_apart(item: MediaItem, filed: set[str]) -> bool:
    data = item.blobs.get("data")
    return isinstance(data, BlobRef) and data.digest not in filed
