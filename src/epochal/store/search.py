"""Run tables: which runs, in which order, with which columns, one page at a time.

The answer is computed by the database from clustered tables; what a condition means is defined by
`domain.expression`. A cursor continues the very query that gave it and no other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time

import msgspec
import sqlalchemy as sa

from epochal.domain.expression import Expression, fields_of
from epochal.domain.query import parse_field, parse_order, parse_where
from epochal.domain.view import RunPage, RunQuery
from epochal.errors import InvalidInput
from epochal.store.cells import read_columns
from epochal.store.database import Database
from epochal.store.filters import Filters
from epochal.store.rows import find_project_id, run_rows
from epochal.store.schema import run
from epochal.store.store import Store

MAX_LIMIT = 1000
MAX_COLUMNS = 200
MAX_ORDERS = 8
MAX_IDS = 10_000


class _Cursor(msgspec.Struct, array_like=True, frozen=True):
    offset: int
    digest: bytes


def query_runs(store: Store, query: RunQuery) -> RunPage:
    """One page of a project's runs.

    Args:
        store: the home.
        query: see docs/internals/wire.md.

    Raises:
        NotFound: there is no such project.
        QuerySyntaxError: ``where``, ``order`` or a column cannot be read.
        InvalidInput: the limit, the number of columns or the cursor is not acceptable.
    """
    return query_runs_in(store.database, query, time.time_ns() // 1000)


def query_runs_in(database: Database, query: RunQuery, now_us: int) -> RunPage:
    """`query_runs` on a bare database; ``now_us`` is what ``ago(...)`` counts from."""
    _check_limits(query)
    where = parse_where(query.where)
    orders = parse_order(query.order)
    wanted = {name: parse_field(name) for name in query.columns}
    offset = _read_cursor(query)
    with database.read() as connection:
        project_id = find_project_id(connection, query.entity, query.project)
        fields = [*fields_of(where), *(order.field for order in orders)]
        filters = Filters(connection, fields, now_us)
        scope = [run.c.project_id == project_id]
        if not query.archived:
            scope.append(run.c.archived == sa.false())
        total = _count(connection, scope)
        conditions = scope + _conditions(filters, where, query.ids)
        matched = _count(connection, conditions) if len(conditions) > len(scope) else total
        rows = filters.sort(sa.select(run.c.id).where(*conditions), orders)
        rows = rows.order_by(run.c.created_us.desc(), run.c.id.desc())
        ids = list(connection.execute(rows.limit(query.limit).offset(offset)).scalars())
        page = run_rows(connection, ids)
        columns = read_columns(connection, wanted, ids)
    following = offset + len(ids)
    cursor = _write_cursor(query, following) if following < matched and ids else None
    return RunPage(total=total, matched=matched, cursor=cursor, runs=page, columns=columns)


def _check_limits(query: RunQuery) -> None:
    if not 1 <= query.limit <= MAX_LIMIT:
        raise InvalidInput(f"limit must be from 1 to {MAX_LIMIT}, got {query.limit}")
    for what, given, limit in (
        ("columns", len(query.columns), MAX_COLUMNS),
        ("order entries", len(query.order), MAX_ORDERS),
        ("ids", len(query.ids), MAX_IDS),
    ):
        if given > limit:
            raise InvalidInput(f"at most {limit} {what} fit in one query, got {given}")


def _conditions(
    filters: Filters, where: Expression | None, ids: list[str]
) -> list[sa.ColumnElement[bool]]:
    conditions = [] if where is None else [filters.condition(where)]
    if ids:
        conditions.append(sa.or_(run.c.uid.in_(ids), run.c.name_id.in_(ids)))
    return conditions


def _count(connection: sa.Connection, conditions: list[sa.ColumnElement[bool]]) -> int:
    query = sa.select(sa.func.count()).select_from(run).where(*conditions)
    return int(connection.execute(query).scalar_one())


def _digest(query: RunQuery) -> bytes:
    parts = (query.entity, query.project, query.where, query.order, query.ids, query.archived)
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=8).digest()


def _write_cursor(query: RunQuery, offset: int) -> str:
    packed = msgspec.msgpack.encode(_Cursor(offset, _digest(query)))
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _read_cursor(query: RunQuery) -> int:
    if query.cursor is None:
        return 0
    try:
        padded = query.cursor + "=" * (-len(query.cursor) % 4)
        packed = base64.urlsafe_b64decode(padded.encode("ascii"))
        cursor = msgspec.msgpack.decode(packed, type=_Cursor)
    except (binascii.Error, UnicodeEncodeError, msgspec.MsgspecError):
        raise InvalidInput("this cursor was not made here; ask again without a cursor") from None
    if cursor.digest != _digest(query) or not 0 <= cursor.offset < 2**31:
        raise InvalidInput("this cursor belongs to another query; ask again without a cursor")
    return cursor.offset
