"""Run tables: which runs, in which order, with which columns, one page at a time.

The answer is computed by the database from clustered tables; what a condition means is defined by
`domain.expression`. A cursor continues the very query that gave it and no other: it holds the
place of the last row, so that a run that stays is shown once, whichever others come or go
meanwhile. Runs are counted for the first page; the following ones repeat its ``total`` and
``matched``. An offset passes over so many runs, for who jumps to a place far below.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from epochal.domain.expression import asks_archived, fields_of
from epochal.domain.query import parse_field, parse_order, parse_where
from epochal.domain.values import INT64_MAX
from epochal.domain.view import RunPage, RunQuery
from epochal.errors import InvalidInput
from epochal.store.cells import read_columns
from epochal.store.database import Database
from epochal.store.enroll import last_revision
from epochal.store.filters import Filters
from epochal.store.rows import find_project_id, run_rows
from epochal.store.schema import run
from epochal.store.sorting import Part, Place, after, fits, order_by, sort_parts
from epochal.store.store import Store

MAX_LIMIT = 1000
MAX_COLUMNS = 200
MAX_ORDERS = 8
MAX_IDS = 10_000


FEW_RUNS = 2000
"""In a project of so many runs each is looked up by itself; see `Filters`."""


class _Cursor(msgspec.Struct, array_like=True, frozen=True):
    place: Place
    total: int
    matched: int
    digest: bytes


class _Found(NamedTuple):
    """One page: database ids, and the cursor's content when there is more."""

    ids: list[int]
    matched: int
    place: Place | None


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
    cursor = _read_cursor(query)
    with database.read() as connection:
        revision = last_revision(connection)
        project_id = find_project_id(connection, query.entity, query.project)
        scope = [run.c.project_id == project_id]
        if not (query.archived or asks_archived(where)):
            scope.append(run.c.archived == sa.false())
        total = _count(connection, scope) if cursor is None else cursor.total
        fields = [*fields_of(where), *(order.field for order in orders)]
        filters = Filters(connection, fields, now_us, few_runs=total <= FEW_RUNS)
        chosen = filters.select(where, run.c.id).where(*scope)
        if query.ids:
            chosen = chosen.where(sa.or_(run.c.uid.in_(query.ids), run.c.name_id.in_(query.ids)))
        known = total if where is None and not query.ids else None
        known = known if cursor is None else cursor.matched
        chosen, parts = sort_parts(filters, chosen, orders)
        if cursor is not None:
            chosen = _continued(chosen, parts, cursor)
        found = _read_page(connection, chosen, parts, query, known)
        page = run_rows(connection, found.ids)
        columns = read_columns(connection, wanted, found.ids)
    following = None
    if found.place is not None:
        following = _write_cursor(_Cursor(found.place, total, found.matched, _digest(query)))
    return RunPage(
        total=total, matched=found.matched, cursor=following, runs=page, columns=columns,
        rev=revision,
    )  # fmt: skip


def _continued(chosen: sa.Select[Any], parts: list[Part], cursor: _Cursor) -> sa.Select[Any]:
    if not fits(parts, cursor.place):
        raise InvalidInput("this cursor belongs to another query; ask again without a cursor")
    return chosen.where(after(parts, cursor.place))


def _read_page(
    connection: sa.Connection,
    chosen: sa.Select[Any],
    parts: list[Part],
    asked: RunQuery,
    matched: int | None,
) -> _Found:
    """The asked stretch of the chosen runs; all are counted on the way when it must be."""
    limit = asked.limit
    columns: list[Any] = [part.column.label(f"by{i}") for i, part in enumerate(parts)]
    query = chosen.add_columns(*columns)
    if matched is None:
        every = query.cte("chosen")
        columns = list(every.c)[1:]
        count = sa.select(sa.func.count()).select_from(every).scalar_subquery()
        query = sa.select(*every.c, count)
    query = query.order_by(*order_by(columns, parts)).limit(limit + 1)
    if asked.offset:
        query = query.offset(asked.offset)
    rows = connection.execute(query).all()
    if matched is None:
        matched = int(rows[0][-1]) if rows else _count_chosen(connection, chosen, asked)
    more = len(rows) > limit
    place = list(rows[limit - 1][1 : 1 + len(parts)]) if more else None
    return _Found([row[0] for row in rows[:limit]], matched, place)


def _count_chosen(connection: sa.Connection, chosen: sa.Select[Any], asked: RunQuery) -> int:
    """How many runs are chosen, when the page itself is empty: only an offset passes over them."""
    if not asked.offset:
        return 0
    every = sa.select(sa.func.count()).select_from(chosen.cte())
    return int(connection.execute(every).scalar_one())


def _check_limits(query: RunQuery) -> None:
    if not 1 <= query.limit <= MAX_LIMIT:
        raise InvalidInput(f"limit must be from 1 to {MAX_LIMIT}, got {query.limit}")
    if not 0 <= query.offset <= INT64_MAX or (query.offset and query.cursor is not None):
        raise InvalidInput(
            f"offset must be 0 or more, and stand alone without a cursor; got {query.offset}"
        )
    for what, given, limit in (
        ("columns", len(query.columns), MAX_COLUMNS),
        ("order entries", len(query.order), MAX_ORDERS),
        ("ids", len(query.ids), MAX_IDS),
    ):
        if given > limit:
            raise InvalidInput(f"at most {limit} {what} fit in one query, got {given}")


def _count(connection: sa.Connection, conditions: list[sa.ColumnElement[bool]]) -> int:
    query = sa.select(sa.func.count()).select_from(run).where(*conditions)
    return int(connection.execute(query).scalar_one())


def _digest(query: RunQuery) -> bytes:
    parts = (query.entity, query.project, query.where, query.order, query.ids, query.archived)
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=8).digest()


def _write_cursor(cursor: _Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def _read_cursor(query: RunQuery) -> _Cursor | None:
    if query.cursor is None:
        return None
    try:
        padded = query.cursor + "=" * (-len(query.cursor) % 4)
        packed = base64.urlsafe_b64decode(padded.encode("ascii"))
        cursor = msgspec.msgpack.decode(packed, type=_Cursor)
    except (binascii.Error, UnicodeEncodeError, msgspec.MsgspecError):
        raise InvalidInput("this cursor was not made here; ask again without a cursor") from None
    if cursor.digest != _digest(query):
        raise InvalidInput("this cursor belongs to another query; ask again without a cursor")
    return cursor
