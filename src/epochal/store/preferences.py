"""Preferences: what people chose for a project, or a run of it, on this server, by name.

They are in no journal: a database that was rebuilt has the defaults again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import sqlalchemy as sa

from epochal.store.dialect import batches, replace, upsert
from epochal.store.schema import preference
from epochal.store.store import Store

_PLACE = ("entity", "project", "name")


def read_preference(store: Store, entity: str, project: str, name: str) -> bytes | None:
    """A preference; None when nobody chose."""
    query = sa.select(preference.c.value).where(
        preference.c.entity == entity, preference.c.project == project, preference.c.name == name
    )
    with store.database.read() as connection:
        found = connection.execute(query).scalar()
    return None if found is None else bytes(found)


def write_preference(store: Store, entity: str, project: str, name: str, value: bytes) -> None:
    """Choose."""
    row = {
        "entity": entity, "project": project, "name": name, "value": value,
        "changed_us": time.time_ns() // 1000,
    }  # fmt: skip
    with store.database.write() as connection:
        change = upsert(
            connection.dialect.name, preference, _PLACE, replace("value", "changed_us")
        )
        connection.execute(change, [row])


def name_of_run(name: str, uid: str) -> str:
    """The name of a preference that is about one run; it goes with the run."""
    return f"{name}/{uid}"


def forget_runs(connection: sa.Connection, uids: Sequence[str]) -> None:
    """Remove what was chosen for runs."""
    wanted = set(uids)
    about = preference.c.name.contains(name_of_run("", ""), autoescape=True)
    names = connection.execute(sa.select(preference.c.name).where(about).distinct()).scalars()
    gone = [name for name in names if name.rpartition("/")[2] in wanted]
    for part in batches(gone):
        connection.execute(sa.delete(preference).where(preference.c.name.in_(part)))


def read_all(store: Store, name: str) -> dict[tuple[str, str], bytes]:
    """A preference of all projects, by entity and name."""
    query = sa.select(preference.c.entity, preference.c.project, preference.c.value)
    with store.database.read() as connection:
        return {
            (row.entity, row.project): bytes(row.value)
            for row in connection.execute(query.where(preference.c.name == name))
        }
