"""The few places where SQLite and PostgreSQL need different words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from epochal.errors import StorageError

Changes = Callable[[Any], dict[str, Any]]
"""From the proposed row (``excluded``) to the columns to set on the row that is there."""


def upsert(
    dialect: str, table: sa.Table, keys: Sequence[str], changes: Changes | None
) -> sa.Executable:
    """An INSERT that updates the row already there.

    Args:
        dialect: ``sqlite`` or ``postgresql``.
        table: where to.
        keys: columns of the unique constraint.
        changes: what to set; None leaves the old row as it is.
    """
    if dialect == "postgresql":
        postgres = postgresql.insert(table)
        if changes is None:
            return postgres.on_conflict_do_nothing(index_elements=list(keys))
        return postgres.on_conflict_do_update(
            index_elements=list(keys), set_=changes(postgres.excluded)
        )
    statement = sqlite.insert(table)
    if changes is None:
        return statement.on_conflict_do_nothing(index_elements=list(keys))
    return statement.on_conflict_do_update(
        index_elements=list(keys), set_=changes(statement.excluded)
    )


def update_each(
    connection: sa.Connection, statement: sa.Executable, given: Sequence[dict[str, Any]]
) -> int:
    """Run an UPDATE once for each set of parameters; the number of rows that it changed in all."""
    if len(given) > 1 and connection.dialect.supports_sane_multi_rowcount:
        return int(connection.execute(statement, list(given)).rowcount)
    return sum(int(connection.execute(statement, one).rowcount) for one in given)


def replace(*columns: str) -> Changes:
    """Set these columns to the proposed values."""
    return lambda excluded: {column: excluded[column] for column in columns}


def inserted_id(result: sa.CursorResult[Any]) -> int:
    """The id that the database gave to the row just inserted."""
    row = result.inserted_primary_key
    if row is None:
        raise StorageError("the database gave no id for a new row; run `epochal doctor`")
    return int(row[0])
