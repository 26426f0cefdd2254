"""Notes: what foreign protocols keep in mind between requests, by area and name.

They are in no journal: a rebuilt database has none. So they hold what is under way or can be found
again (uploads that are not complete, checksums), never what a user would miss.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from epochal.store.blobs import portions
from epochal.store.dialect import replace, upsert
from epochal.store.schema import note
from epochal.store.store import Store


def read_notes(store: Store, area: str, names: Iterable[str]) -> dict[str, bytes]:
    """The notes of some names; those that are not there are left out."""
    found: dict[str, bytes] = {}
    query = sa.select(note.c.name, note.c.value).where(note.c.area == area)
    with store.database.read() as connection:
        for part in portions(names):
            for row in connection.execute(query.where(note.c.name.in_(part))):
                found[row.name] = bytes(row.value)
    return found


def list_notes(store: Store, area: str, prefix: str = "") -> dict[str, bytes]:
    """The notes of an area whose names begin so, oldest first."""
    query = (
        sa.select(note.c.name, note.c.value)
        .where(note.c.area == area, note.c.name.startswith(prefix, autoescape=True))
        .order_by(note.c.wall_us, note.c.name)
    )
    with store.database.read() as connection:
        return {row.name: bytes(row.value) for row in connection.execute(query)}


def write_notes(store: Store, area: str, values: Mapping[str, bytes]) -> None:
    """Set notes of one area."""
    write_areas(store, {area: values})


def write_areas(store: Store, areas: Mapping[str, Mapping[str, bytes]]) -> None:
    """Set notes of several areas, all of them or none."""
    now = time.time_ns() // 1000
    rows = [
        {"area": area, "name": name, "value": value, "wall_us": now}
        for area, values in areas.items()
        for name, value in values.items()
    ]
    if not rows:
        return
    with store.database.write() as connection:
        connection.execute(
            upsert(connection.dialect.name, note, ("area", "name"), replace("value")), rows
        )
