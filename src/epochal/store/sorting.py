"""Sort criteria as SQL, and the place of a row among the sorted ones.

Missing values come last, numbers before texts; of equal runs the newest comes first. A place is
the values that a row was sorted by. What comes after it is a condition, so that a page costs the
same wherever it lies, and new rows push nothing from one page to another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from epochal.domain.expression import Field, Order
from epochal.domain.query import TEXT_ATTRIBUTES
from epochal.domain.values import INT64_MAX, INT64_MIN
from epochal.store.filters import ONE_SCOPE, SHOWN, SUMMARY, TEXT, Filters, attribute
from epochal.store.means import MEAN
from epochal.store.rules import Rule
from epochal.store.scalars import Kind
from epochal.store.schema import latest, param, run

SORTED_TEXT = 256
"""Texts are sorted by so many characters, which bounds the size of a place."""

Place: TypeAlias = list[int | float | str | None]
"""One value for each `Part`."""


class Part(NamedTuple):
    """One column that rows are sorted by."""

    column: sa.ColumnElement[Any]
    descending: bool
    nullable: bool
    is_text: bool


_NEWEST = (Part(run.c.created_us, True, False, False), Part(run.c.uid, True, False, True))


def sort_parts(
    filters: Filters, query: sa.Select[Any], orders: Sequence[Order]
) -> tuple[sa.Select[Any], list[Part]]:
    """The query with the joins that sorting needs, and the columns to sort by."""
    parts: list[Part] = []
    for order in orders:
        query, num, txt = _sort_columns(filters, query, order.field)
        if num is not None:
            is_text = order.field.kind == "attribute" and order.field.name in TEXT_ATTRIBUTES
            if is_text:
                num = _short(num)
            nullable = not (isinstance(num, sa.Column) and not num.nullable)
            parts.append(Part(num, order.descending, nullable, is_text))
        if txt is not None:
            parts.append(Part(_short(txt), order.descending, True, True))
    return query, [*parts, *_NEWEST]


def order_by(columns: Sequence[sa.ColumnElement[Any]], parts: Sequence[Part]) -> list[Any]:
    """The ORDER BY, over columns that hold the parts' values."""
    found: list[Any] = []
    for column, part in zip(columns, parts, strict=True):
        if part.nullable:
            found.append(column.is_(None))
        found.append(column.desc() if part.descending else column.asc())
    return found


def fits(parts: Sequence[Part], place: Place) -> bool:
    """Whether this can be a place among rows that are sorted so."""
    return len(place) == len(parts) and all(
        part.nullable
        if value is None
        else isinstance(value, str) == part.is_text
        and (not isinstance(value, int) or INT64_MIN <= value <= INT64_MAX)
        for part, value in zip(parts, place, strict=True)
    )


def after(parts: Sequence[Part], place: Place) -> sa.ColumnElement[bool]:
    """That a row comes after a place."""
    choices: list[sa.ColumnElement[bool]] = []
    same: list[sa.ColumnElement[bool]] = []
    for part, value in zip(parts, place, strict=True):
        if value is None:
            same.append(part.column.is_(None))
            continue
        beyond = part.column < value if part.descending else part.column > value
        if part.nullable:
            beyond = sa.or_(beyond, part.column.is_(None))
        choices.append(sa.and_(*same, beyond))
        same.append(part.column == value)
    first, value = parts[0], place[0]
    if first.nullable:
        return sa.or_(*choices)
    bound = first.column <= value if first.descending else first.column >= value
    return sa.and_(bound, sa.or_(*choices))  # the bound is implied; an index can use it


def _short(text: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.func.substr(text, 1, SORTED_TEXT, type_=sa.Text())


def _sort_columns(
    filters: Filters, query: sa.Select[Any], field: Field
) -> tuple[sa.Select[Any], sa.ColumnElement[Any] | None, sa.ColumnElement[Any] | None]:
    if field.kind == "attribute":
        return query, attribute(field.name), None
    key_id = filters.key_id(field)
    if key_id is None:
        return query, None, None
    if (scope := ONE_SCOPE.get(field.kind)) is not None:
        query, config = _join_param(query, key_id, scope)
        return query, config.c.num, _text_of(config)
    query, series = _join_latest(query, key_id, shown_only=field.kind == "summary")
    if field.kind != "summary":
        return query, series.c[field.kind], None
    return _sort_summary(filters, query, key_id, series)


def _sort_summary(
    filters: Filters, query: sa.Select[Any], key_id: int, series: sa.Subquery
) -> tuple[sa.Select[Any], sa.ColumnElement[Any], sa.ColumnElement[Any] | None]:
    num: sa.ColumnElement[Any] = series.c.shown
    txt: sa.ColumnElement[Any] | None = None
    if key_id in filters.texts:
        query, texts = _join_param(query, key_id, TEXT)
        is_series = series.c.run_id.is_not(None)
        num = sa.case((is_series, num), else_=texts.c.num)
        txt = sa.case((is_series, sa.null()), else_=_text_of(texts))
    if key_id in filters.user_set:
        query, own = _join_param(query, key_id, SUMMARY)
        is_set = own.c.run_id.is_not(None)
        num = sa.case((is_set, own.c.num), else_=num)
        txt = sa.case((is_set, _text_of(own)), else_=sa.null() if txt is None else txt)
    return query, num, txt


def _text_of(table: Any) -> sa.ColumnElement[Any]:
    return sa.case((table.c.kind.in_([Kind.TEXT, Kind.JSON]), table.c.txt), else_=sa.null())


def _join_param(query: sa.Select[Any], key_id: int, scope: int) -> tuple[sa.Select[Any], Any]:
    table = param.alias()
    own = sa.and_(table.c.key_id == key_id, table.c.scope == scope, table.c.run_id == run.c.id)
    return query.outerjoin(table, own), table


def _join_latest(
    query: sa.Select[Any], key_id: int, *, shown_only: bool
) -> tuple[sa.Select[Any], sa.Subquery]:
    rows = [latest.c.key_id == key_id, *([latest.c.rule != Rule.NONE] if shown_only else [])]
    series = (
        sa.select(
            latest.c.run_id, latest.c.last, latest.c.min, latest.c.max, latest.c.n.label("count"),
            MEAN.label("mean"), SHOWN.label("shown"), latest.c.rule,
        )
        .where(*rows)
        .subquery()
    )  # fmt: skip
    return query.outerjoin(series, series.c.run_id == run.c.id), series
