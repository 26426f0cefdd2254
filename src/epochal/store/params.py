"""Interned keys, and the leaves of config and summary as rows for filters and columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import islice

import sqlalchemy as sa

from epochal.domain.names import MAX_KEY
from epochal.domain.values import flatten
from epochal.store.dialect import replace, upsert
from epochal.store.scalars import Columns, encode_value, storable
from epochal.store.schema import key, param
from epochal.store.together import Together

_IN_ONE_QUERY = 500
GONE = sa.delete(param).where(
    param.c.key_id == sa.bindparam("gone"),
    param.c.scope == sa.bindparam("within"),
    param.c.run_id == sa.bindparam("of"),
)
"""Removes the row of one key of one run in one scope."""
_BY_NAME = sa.select(key.c.name, key.c.id).where(
    key.c.name.in_(sa.bindparam("names", expanding=True))
)


def intern_keys(
    connection: sa.Connection, names: Iterable[str], known: dict[str, int] | None = None
) -> dict[str, int]:
    """The ids of keys, made where they are new. The result has the names as given.

    Args:
        connection: a write transaction.
        names: of the keys.
        known: what this found earlier in the same transaction; it is added to.
    """
    known = {} if known is None else known
    names = list(names)
    if all(name in known for name in names):
        return {name: known[name] for name in names}
    stored = {name: storable(name) for name in names}
    pending = iter({text for text in stored.values() if text not in known})
    while part := list(islice(pending, _IN_ONE_QUERY)):
        known.update(_find(connection, part))
        missing = sorted(name for name in part if name not in known)
        if missing:
            connection.execute(
                upsert(connection.dialect.name, key, ("name",), None),
                [{"name": name} for name in missing],
            )
            known.update(_find(connection, missing))
    return {name: known[text] for name, text in stored.items()}


def _find(connection: sa.Connection, names: list[str]) -> dict[str, int]:
    return {row.name: row.id for row in connection.execute(_BY_NAME, {"names": names})}


def leaves(data: Mapping[str, object]) -> dict[str, Columns]:
    """The flattened leaves of a mapping, ready to be stored."""
    return {name[:MAX_KEY]: encode_value(value) for name, value in flatten(data)}


def store_leaves(
    connection: sa.Connection,
    run_id: int,
    scope: int,
    old: Mapping[str, Columns],
    new: Mapping[str, Columns],
    known: dict[str, int],
    together: Together,
) -> None:
    """Bring the rows of one run and scope from ``old`` to ``new``.

    Only differences are written, by ``together``. ``known`` is that of `intern_keys`.
    """
    gone = [name for name in old if name not in new]
    changed = {name: value for name, value in new.items() if old.get(name) != value}
    ids = intern_keys(connection, [*gone, *changed], known)
    if gone:
        gone_rows = [{"gone": ids[name], "within": scope, "of": run_id} for name in gone]
        together.add(GONE, *gone_rows)
    if changed:
        rows = [
            {
                "key_id": ids[name],
                "scope": scope,
                "run_id": run_id,
                "kind": int(kind),
                "num": num,
                "txt": txt,
            }
            for name, (kind, num, txt) in changed.items()
        ]
        together.insert(saving(connection.dialect.name), *rows)


@cache
def saving(dialect: str) -> sa.Executable:
    """The statement that puts rows into the table ``param``."""
    changes = replace("kind", "num", "txt")
    return upsert(dialect, param, ("key_id", "scope", "run_id"), changes)
