"""Many runs at once: a fixed number of statements, however many runs there are."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from epochal.domain.view import RunContents
from epochal.store.dialect import batches
from epochal.store.labels import read_labels
from epochal.store.schema import run
from epochal.store.store import Store
from epochal.store.views import read_contents

_IDS = sa.select(run.c.id, run.c.uid).where(run.c.uid.in_(sa.bindparam("uids", expanding=True)))


def describe_runs(store: Store, uids: Sequence[str]) -> list[RunContents]:
    """Some runs with their values, in this order; those that are gone are left out."""
    with store.database.read() as connection:
        ids = _ids_of(connection, uids)
        return read_contents(connection, [ids[uid] for uid in uids if uid in ids])


def labels_of(store: Store, uids: Sequence[str]) -> dict[str, dict[str, str]]:
    """The labels of some runs, by uid; runs without any are left out."""
    with store.database.read() as connection:
        names = {id: uid for uid, id in _ids_of(connection, uids).items()}
        return {names[id]: labels for id, labels in read_labels(connection, [*names]).items()}


def _ids_of(connection: sa.Connection, uids: Sequence[str]) -> dict[str, int]:
    return {
        row.uid: row.id
        for part in batches(uids)
        for row in connection.execute(_IDS, {"uids": part})
    }
