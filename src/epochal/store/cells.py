"""The cells of a run table: values of asked-for columns for the runs of one page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from epochal.domain.expression import Field
from epochal.store.dialect import plain_rows
from epochal.store.filters import (
    CONFIG,
    ONE_SCOPE,
    SHOWN,
    SHOWN_KIND,
    SUMMARY,
    TEXT,
    attribute,
)
from epochal.store.labels import LABEL
from epochal.store.means import MEAN
from epochal.store.rules import Rule
from epochal.store.scalars import Kind, decode_value, storable
from epochal.store.schema import key, latest, param, run

Cells = dict[int, Any]
"""From a run's database id to the value; runs without one are left out."""
Keyed = dict[int, list[tuple[Field, Cells]]]
"""From a key's id to the columns that want it."""

_AGGREGATES = {"min": 2, "max": 3, "mean": 4, "count": 5}
_KEYS: sa.BindParameter[Any] = sa.bindparam("keys", expanding=True)
_RUNS: sa.BindParameter[Any] = sa.bindparam("runs", expanding=True)
_PARAMS = sa.select(param.c.key_id, param.c.run_id, param.c.kind, param.c.num, param.c.txt).where(
    param.c.key_id.in_(_KEYS), param.c.scope == sa.bindparam("scope"), param.c.run_id.in_(_RUNS)
)
_MINE = (latest.c.key_id.in_(_KEYS), latest.c.run_id.in_(_RUNS))
_LASTS = sa.select(
    latest.c.key_id, latest.c.run_id, latest.c.last_kind, latest.c.last, latest.c.last_txt
).where(*_MINE)
_AGGREGATED = sa.select(
    latest.c.key_id, latest.c.run_id, latest.c.min, latest.c.max, MEAN, latest.c.n, latest.c.rule,
    SHOWN_KIND, SHOWN, latest.c.last_kind, latest.c.last, latest.c.last_txt,
).where(*_MINE)  # fmt: skip


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
    key_ids = find_keys(connection, wanted.values())
    keyed: Keyed = {}
    for name, field in wanted.items():
        key_id = key_ids.get(storable(field.name))
        if field.kind != "attribute" and key_id is not None:
            keyed.setdefault(key_id, []).append((field, values[name]))
    if keyed:
        _fill_params(connection, keyed, ids, {TEXT: "summary"})
        _fill_latest(connection, keyed, ids)
        _fill_params(connection, keyed, ids, {CONFIG: "config", SUMMARY: "summary", LABEL: "tags"})
    return {name: [cells.get(id) for id in ids] for name, cells in values.items()}


def find_keys(connection: sa.Connection, fields: Iterable[Field]) -> dict[str, int]:
    """The ids of the keys that fields read, by `storable` name, where any run has them."""
    names = {storable(field.name) for field in fields if field.kind != "attribute"}
    found = sa.select(key.c.name, key.c.id).where(key.c.name.in_(names))
    return {row.name: row.id for row in connection.execute(found)} if names else {}


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
    for scope, kind in scopes.items():
        wanted = {
            key_id: [cells for field, cells in uses if field.kind == kind]
            for key_id, uses in keyed.items()
        }
        given = {"keys": [id for id, uses in wanted.items() if uses], "scope": scope, "runs": ids}
        if not given["keys"]:
            continue
        for key_id, run_id, stored, num, txt in plain_rows(connection.execute(_PARAMS, given)):
            value = num if stored == Kind.FLOAT else decode_value(stored, num, txt)
            for cells in wanted[key_id]:
                cells[run_id] = value


def _fill_latest(connection: sa.Connection, keyed: Keyed, ids: list[int]) -> None:
    """Last values are asked for most and need few columns; all else has a query of its own."""
    lasts: dict[int, list[Cells]] = {}
    others: Keyed = {}
    for key_id, uses in keyed.items():
        for field, cells in uses:
            if field.kind == "last":
                lasts.setdefault(key_id, []).append(cells)
            elif field.kind not in ONE_SCOPE:
                others.setdefault(key_id, []).append((field, cells))
    if lasts:
        given = {"keys": list(lasts), "runs": ids}
        for key_id, run_id, kind, num, txt in plain_rows(connection.execute(_LASTS, given)):
            value = num if kind == Kind.FLOAT else decode_value(kind, num, txt)
            for cells in lasts[key_id]:
                cells[run_id] = value
    if others:
        given = {"keys": list(others), "runs": ids}
        for row in connection.execute(_AGGREGATED, given).all():
            for field, cells in others[row[0]]:
                if field.kind == "summary":
                    _show(cells, row)
                else:
                    cells[row[1]] = row[_AGGREGATES[field.kind]]


def _show(cells: Cells, row: Any) -> None:
    """The value that the summary shows of a series, by its rule."""
    run_id, rule, shown_kind, shown = row[1], row[6], row[7], row[8]
    if rule == Rule.LAST:
        cells[run_id] = decode_value(row[9], row[10], row[11])
    elif rule != Rule.NONE and shown_kind != Kind.NULL:
        cells[run_id] = shown
