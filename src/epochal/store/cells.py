"""The cells of a run table: values of asked-for columns for the runs of one page."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from epochal.domain.expression import Field
from epochal.store.filters import (
    CONFIG,
    MEAN,
    SHOWN,
    SHOWN_KIND,
    SUMMARY,
    TEXT,
    attribute,
)
from epochal.store.rules import Rule
from epochal.store.scalars import Kind, decode_value, storable
from epochal.store.schema import key, latest, param, run

Cells = dict[int, Any]
"""From a run's database id to the value; runs without one are left out."""
Keyed = dict[int, list[tuple[Field, Cells]]]
"""From a key's id to the columns that want it."""

_AGGREGATES = {"min": 4, "max": 5, "mean": 6, "count": 7}


def read_columns(
    connection: sa.Connection, wanted: dict[str, Field], ids: list[int]
) -> dict[str, list[Any]]:
    """Values of columns for some runs, None where a run has none.

    Args:
        connection: to read from.
        wanted: fields by the name of their column.
        ids: database ids of the runs; the values come in this order.
    """
    values: dict[str, Cells] = {name: {} for name in wanted}
    attributes = {name: field for name, field in wanted.items() if field.kind == "attribute"}
    if attributes:
        _fill_attributes(connection, attributes, ids, values)
    names = {storable(field.name) for field in wanted.values() if field.kind != "attribute"}
    found = sa.select(key.c.name, key.c.id).where(key.c.name.in_(names))
    key_ids = {row.name: row.id for row in connection.execute(found)} if names else {}
    keyed: Keyed = {}
    for name, field in wanted.items():
        key_id = key_ids.get(storable(field.name))
        if field.kind != "attribute" and key_id is not None:
            keyed.setdefault(key_id, []).append((field, values[name]))
    if keyed:
        _fill_params(connection, keyed, ids, {TEXT: "summary"})
        _fill_latest(connection, keyed, ids)
        _fill_params(connection, keyed, ids, {CONFIG: "config", SUMMARY: "summary"})
    return {name: [cells.get(id) for id in ids] for name, cells in values.items()}


def _fill_attributes(
    connection: sa.Connection, wanted: dict[str, Field], ids: list[int], values: dict[str, Cells]
) -> None:
    columns = [attribute(field.name) for field in wanted.values()]
    query = sa.select(run.c.id, *columns).where(run.c.id.in_(ids))
    for id, *found in connection.execute(query):
        for (name, field), value in zip(wanted.items(), found, strict=True):
            values[name][id] = bool(value) if field.name == "archived" else value


def _fill_params(
    connection: sa.Connection, keyed: Keyed, ids: list[int], scopes: dict[int, str]
) -> None:
    keys = [
        id for id, uses in keyed.items() if any(field.kind in scopes.values() for field, _ in uses)
    ]
    if not keys:
        return
    table = param.c
    query = sa.select(
        table.key_id, table.scope, table.run_id, table.kind, table.num, table.txt
    ).where(table.key_id.in_(keys), table.scope.in_(scopes), table.run_id.in_(ids))
    for key_id, scope, run_id, kind, num, txt in connection.execute(query):
        value = num if kind == Kind.FLOAT else decode_value(kind, num, txt)
        for field, cells in keyed[key_id]:
            if field.kind == scopes[scope]:
                cells[run_id] = value


def _fill_latest(connection: sa.Connection, keyed: Keyed, ids: list[int]) -> None:
    keys = [id for id, uses in keyed.items() if any(field.kind != "config" for field, _ in uses)]
    if not keys:
        return
    table = latest.c
    query = sa.select(
        table.key_id, table.run_id, table.last_kind, table.last, table.min, table.max,
        MEAN, table.n, table.rule, table.last_txt, SHOWN_KIND, SHOWN,
    ).where(table.key_id.in_(keys), table.run_id.in_(ids))  # fmt: skip
    for row in connection.execute(query).all():
        run_id, kind, num = row[1], row[2], row[3]
        last = num if kind == Kind.FLOAT else decode_value(kind, num, row[9])
        for field, cells in keyed[row[0]]:
            if field.kind == "last":
                cells[run_id] = last
            elif field.kind == "summary":
                _show(cells, run_id, row, last)
            elif field.kind != "config":
                cells[run_id] = row[_AGGREGATES[field.kind]]


def _show(cells: Cells, run_id: int, row: Any, last: Any) -> None:
    """The value that the summary shows of a series, by its rule."""
    rule, shown_kind, shown = row[8], row[10], row[11]
    if rule == Rule.LAST:
        cells[run_id] = last
    elif rule != Rule.NONE and shown_kind != Kind.NULL:
        cells[run_id] = shown
