"""The few places where SQLite and PostgreSQL need different words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from epochal.errors import StorageError

T = TypeVar("T")

_IN_ONE_QUERY = 500
_TAKEN_AS_IT_IS = (sa.Boolean, sa.LargeBinary)
"""SQLAlchemy only checks these values; the driver takes them."""

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
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415  # a twentieth of a start on SQLite

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
        return int(run_each(connection, statement, given).rowcount)
    return sum(int(connection.execute(statement, one).rowcount) for one in given)


def run_each(
    connection: sa.Connection, statement: sa.Executable, given: Sequence[dict[str, Any]]
) -> sa.CursorResult[Any]:
    """Run a statement once for each set of parameters, all with the same names.

    Where the driver takes the values as they are, SQLAlchemy's work on each of them is saved.
    """
    plain = None
    if len(given) > 1:
        plain = _plain(statement, connection.dialect, tuple(given[0]))
    if plain is None:
        return connection.execute(statement, list(given))
    text, names, fixed = plain
    rows = [{**fixed, **one} for one in given] if fixed else given
    return connection.exec_driver_sql(text, list(map(itemgetter(*names), rows)))


@lru_cache(64)
def _plain(
    statement: Any, dialect: sa.Dialect, given: tuple[str, ...]
) -> tuple[str, list[str], dict[str, Any]] | None:
    """Text, names by place and values that are always the same; None when values need work."""
    compiled = statement.compile(dialect=dialect, column_keys=sorted(given))
    names = compiled.positiontup
    if names is None or len(names) < 2 or compiled.insert_prefetch or compiled.update_prefetch:
        return None
    for name in names:
        bind = compiled.binds[name]
        processor = bind.type.dialect_impl(dialect).bind_processor(dialect)
        if bind.expanding or (processor and not isinstance(bind.type, _TAKEN_AS_IT_IS)):
            return None
    fixed = {name: compiled.params[name] for name in names if name not in given}
    return str(compiled), names, fixed


def insert_each(
    connection: sa.Connection, statement: sa.Executable, rows: Sequence[dict[str, Any]]
) -> None:
    """Run an INSERT for each row.

    The rows hold what the driver takes as it is, for every column of the statement. That saves
    SQLAlchemy's work on each value, which is most of the cost.
    """
    compiled = _compiled(statement, connection.dialect)
    names = compiled.positiontup
    if names is None or len(names) < 2:
        connection.execute(statement, list(rows))
    else:
        connection.exec_driver_sql(str(compiled), list(map(itemgetter(*names), rows)))


@lru_cache(16)
def _compiled(statement: Any, dialect: sa.Dialect) -> Any:
    return statement.compile(dialect=dialect)


def plain_rows(result: sa.CursorResult[Any]) -> list[tuple[Any, ...]]:
    """All rows as the driver gives them, which saves SQLAlchemy's work on each.

    For columns of numbers and texts, with which both drivers do what SQLAlchemy would.
    """
    rows: list[tuple[Any, ...]] = list(result.cursor.fetchall())
    result.close()
    return rows


def batches(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    """Parts that are short enough to be the parameters of one statement."""
    for start in range(0, len(ids), _IN_ONE_QUERY):
        yield ids[start : start + _IN_ONE_QUERY]


def replace(*columns: str) -> Changes:
    """Set these columns to the proposed values."""
    return lambda excluded: {column: excluded[column] for column in columns}


def inserted_id(result: sa.CursorResult[Any]) -> int:
    """The id that the database gave to the row just inserted."""
    row = result.inserted_primary_key
    if row is None:
        raise StorageError("the database gave no id for a new row; run `epochal doctor`")
    return int(row[0])
