"""Runs as foreign protocols read them: found by conditions, each with all of its last values.

A page costs a fixed number of statements, however many runs are on it. Config values are shown as
texts. Of a series that went back to smaller steps the last value is that of the greatest step: in
what is shown, in conditions and in orders. Each such series is read for it.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa

from epochal.domain.run import RunState
from epochal.domain.tracked import Clause, LastPoint, Sort, TrackedQuery, TrackedRun
from epochal.domain.values import flatten
from epochal.store.clauses import among, attributes_of, runs_with_datasets
from epochal.store.dialect import batches, plain_rows
from epochal.store.filters import CONFIG, Stored
from epochal.store.labels import LABEL, read_labels
from epochal.store.rows import decode_mapping, find_run_id
from epochal.store.scalars import Kind, decode_value, storable
from epochal.store.schema import detail, key, latest, param, project, run
from epochal.store.series import series_points
from epochal.store.store import Store

Condition = sa.ColumnElement[bool]
_FLOAT = int(Kind.FLOAT)

_RUNS: sa.BindParameter[Any] = sa.bindparam("runs", expanding=True)
_BASE = (
    sa.select(
        run.c.id, run.c.uid, run.c.name_id, run.c.name, project.c.entity, project.c.name,
        run.c.state, run.c.created_us, run.c.ended_us, run.c.archived, run.c.updated_us,
        run.c.notes, detail.c.config,
    )
    .join(project, project.c.id == run.c.project_id)
    .join(detail, detail.c.run_id == run.c.id)
    .where(run.c.id.in_(_RUNS))
)  # fmt: skip
_LAST = sa.select(
    latest.c.run_id, latest.c.key_id, latest.c.last_kind, latest.c.last, latest.c.last_txt,
    latest.c.last_step, latest.c.step_max, latest.c.last_us,
).where(latest.c.run_id.in_(_RUNS))  # fmt: skip
_NAMES = sa.select(key.c.id, key.c.name).where(key.c.id.in_(sa.bindparam("keys", expanding=True)))
_by_key = attrgetter("key")
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def read_tracked(store: Store, uid: str) -> TrackedRun:
    """One run.

    Raises:
        NotFound: there is no such run.
    """
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        found = _read(connection, [run_id])
    return _exact(store, found)[0]


def search_tracked(store: Store, query: TrackedQuery) -> tuple[list[TrackedRun], bool]:
    """One page of runs, and whether more follow."""
    exact = _exact_values(store, query)
    with store.database.read() as connection:
        if exact:  # then the statement holds numbers and does not come again
            connection.execution_options(compiled_cache=None)
        chosen = _choose(connection, query, exact)
        page = chosen.limit(query.limit + 1).offset(query.offset)
        ids = [row[0] for row in connection.execute(page)]
        found = _read(connection, ids[: query.limit])
    return _exact(store, found), len(ids) > query.limit


def _read(connection: sa.Connection, ids: Sequence[int]) -> list[tuple[TrackedRun, list[str]]]:
    """The runs with these ids in this order, each with the keys that went back in steps."""
    labels = read_labels(connection, ids)
    rows: dict[int, Any] = {}
    points: dict[int, list[LastPoint]] = {}
    back: dict[int, list[str]] = {}
    for part in batches(ids):
        rows.update((row[0], row) for row in connection.execute(_BASE, {"runs": part}).all())
        found = plain_rows(connection.execute(_LAST, {"runs": part}))
        names = _names(connection, {row[1] for row in found})
        for run_id, key_id, kind, num, txt, step, newest, t_us in found:
            value = num if kind == _FLOAT else _number(kind, num, txt)
            seen = t_us if t_us is not None else rows[run_id].updated_us
            point = LastPoint(names[key_id], value, step, seen)
            if run_id in points:
                points[run_id].append(point)
            else:
                points[run_id] = [point]
            if newest > step:
                back.setdefault(run_id, []).append(names[key_id])
    for mine in points.values():
        mine.sort(key=_by_key)
    return [
        (_tracked(rows[id], labels.get(id, {}), points.get(id, [])), back.get(id, []))
        for id in ids
    ]


def _number(kind: int, num: float, txt: str | None) -> float:
    return num if kind == _FLOAT else float(decode_value(kind, num, txt))


def _names(connection: sa.Connection, ids: Iterable[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for part in batches(sorted(ids)):
        found.update((id, name) for id, name in connection.execute(_NAMES, {"keys": part}).all())
    return found


def _tracked(row: Any, labels: dict[str, str], points: list[LastPoint]) -> TrackedRun:
    _, uid, id, name, entity, place, state, created, ended, archived, _, notes, config = row
    params = {key: as_text(value) for key, value in sorted(flatten(decode_mapping(config)))}
    return TrackedRun(
        uid, id, name, entity, place, RunState(state), created, ended, archived, params, labels,
        points, notes,
    )  # fmt: skip


def as_text(value: object) -> str:
    """A config value as foreign clients see it."""
    return value if isinstance(value, str) else str(value)


def _exact(store: Store, found: Iterable[tuple[TrackedRun, list[str]]]) -> list[TrackedRun]:
    return [
        msgspec.structs.replace(
            one, metrics=[_newest(store, one.uid, p) if p.key in back else p for p in one.metrics]
        )
        if back
        else one
        for one, back in found
    ]


def _newest(store: Store, uid: str, known: LastPoint) -> LastPoint:
    points = series_points(store, uid, known.key, "all")
    if not len(points):
        return known
    index = max(
        range(len(points)),
        key=lambda i: (int(points.step[i]), int(points.wall_us[i]), float(points.value[i])),
    )
    return LastPoint(
        known.key, float(points.value[index]), int(points.step[index]), int(points.wall_us[index])
    )


def _exact_values(store: Store, query: TrackedQuery) -> dict[str, dict[int, float]]:
    """By key and run: last values of what is asked for, of the series that went back in steps."""
    asked: list[Clause | Sort] = [*query.clauses, *query.order]
    names = {storable(one.key) for one in asked if one.kind == "metric"}
    if not names:
        return {}
    went_back = (
        sa.select(run.c.id, run.c.uid, key.c.name, latest.c.last_kind, latest.c.last,
                  latest.c.last_txt, latest.c.last_step)
        .join(latest, latest.c.run_id == run.c.id)
        .join(key, key.c.id == latest.c.key_id)
        .where(key.c.name.in_(names), latest.c.step_max > latest.c.last_step)
        .where(run.c.project_id.in_(_inside(query)))
    )  # fmt: skip
    with store.database.read() as connection:
        rows = connection.execute(went_back).all()
    exact: dict[str, dict[int, float]] = {}
    for run_id, uid, name, kind, num, txt, step in rows:
        known = LastPoint(name, _number(kind, num, txt), step, 0)
        exact.setdefault(name, {})[run_id] = _newest(store, uid, known).value
    return exact


def _inside(query: TrackedQuery) -> sa.Select[Any]:
    """The projects that a query is about."""
    place = sa.tuple_(project.c.entity, project.c.name)
    return sa.select(project.c.id).where(place.in_(query.projects))


def _choose(
    connection: sa.Connection, query: TrackedQuery, exact: Mapping[str, Mapping[int, float]]
) -> sa.Select[Any]:
    asked = [clause.key for clause in query.clauses] + [sort.key for sort in query.order]
    names = {storable(name) for name in asked}
    rows = connection.execute(sa.select(key.c.name, key.c.id).where(key.c.name.in_(names)))
    ids: dict[str, int] = {row.name: row.id for row in rows}
    is_sqlite = connection.dialect.name == "sqlite"
    chosen: sa.Select[Any] = sa.select(run.c.id).where(run.c.project_id.in_(_inside(query)))
    if query.archived is not None:
        chosen = chosen.where(run.c.archived.is_(query.archived))
    on_datasets = [clause for clause in query.clauses if clause.kind == "dataset"]
    if on_datasets:
        found = runs_with_datasets(connection, _inside(query), on_datasets)
        chosen = chosen.where(among(found, run.c.id))
    attributes = attributes_of(connection, query)
    for clause in query.clauses:
        name = storable(clause.key)
        if clause.kind == "dataset":
            continue
        if clause.kind == "attribute":
            chosen = chosen.where(_compare(attributes[clause.key], clause, is_sqlite))
        elif clause.kind == "metric" and name in ids:
            chosen = chosen.where(_metric(clause, ids[name], exact.get(name, {})))
        else:
            chosen = chosen.where(_condition(clause, ids.get(name), is_sqlite))
    for sort in query.order:
        name = storable(sort.key)
        if sort.kind == "attribute":
            chosen = chosen.order_by(*_directed(attributes[sort.key], sort))
        else:
            chosen = _sorted(chosen, sort, ids.get(name, -1), exact.get(name, {}))
    return chosen.order_by(run.c.created_us.desc(), run.c.uid)


def _metric(clause: Clause, key_id: int, exact: Mapping[int, float]) -> Condition:
    wanted = float(clause.value)  # type: ignore[arg-type]
    stored = Stored(latest.c.last_kind, latest.c.last, sa.null())
    comparison: Any = "==" if clause.operator == "=" else clause.operator
    fits = stored.compare(comparison, wanted)
    if exact:
        compare = _COMPARE[clause.operator]
        right = [id for id, value in exact.items() if compare(value, wanted)]
        of = latest.c.run_id
        fits = sa.or_(among(right, of), sa.and_(sa.not_(among(exact, of)), fits))
    return _exists(latest, latest.c.key_id == key_id, fits)


def _condition(clause: Clause, key_id: int | None, is_sqlite: bool) -> Condition:
    if key_id is None:
        return sa.true() if clause.operator == "null" else sa.false()
    scope = LABEL if clause.kind == "tag" else CONFIG
    own = sa.and_(param.c.key_id == key_id, param.c.scope == scope)
    if clause.operator in ("null", "not null"):
        found = _exists(param, own, sa.true())
        return sa.not_(found) if clause.operator == "null" else found
    text = param.c.txt if clause.kind == "tag" else _shown()
    return _exists(param, own, _compare(text, clause, is_sqlite))


def _exists(table: sa.Table, own: Condition, fits: Condition) -> Condition:
    return sa.exists().where(table.c.run_id == run.c.id, own, fits)


def _compare(column: sa.ColumnElement[Any], clause: Clause, is_sqlite: bool) -> Condition:
    value = clause.value
    compare = _COMPARE.get(clause.operator)
    if compare is not None:
        condition: Condition = compare(column, value)
        return condition
    match clause.operator:
        case "in":
            return column.in_(list(value))  # type: ignore[arg-type]
        case "not in":
            return column.not_in(list(value))  # type: ignore[arg-type]
        case "null":
            return column.is_(None)
        case "not null":
            return column.is_not(None)
        case "ilike":
            return sa.func.lower(column).like(sa.func.lower(str(value)))  # alike on both sides
    # SQLite's LIKE takes no notice of case, its GLOB does.
    return column.op("GLOB")(_glob(str(value))) if is_sqlite else column.like(str(value))


def _glob(pattern: str) -> str:
    """The pattern of LIKE as one of GLOB."""
    named = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(named.get(character, character) for character in pattern)


@cache
def _shown() -> sa.ColumnElement[Any]:
    """The text of a config value, as `as_text` writes it but for some floats."""
    whole = sa.cast(sa.cast(param.c.num, sa.BigInteger), sa.Text)
    return sa.case(
        (param.c.txt.is_not(None), param.c.txt),
        (param.c.kind == Kind.INT, whole),
        (param.c.kind == Kind.BOOL, sa.case((param.c.num == 1, "True"), else_="False")),
        (param.c.kind == Kind.NAN, "nan"),
        (param.c.kind == Kind.NULL, "None"),
        else_=sa.cast(param.c.num, sa.Text),
    )


def _sorted(
    chosen: sa.Select[Any], sort: Sort, key_id: int, exact: Mapping[int, float]
) -> sa.Select[Any]:
    if sort.kind == "metric":
        table = latest.alias()
        chosen = chosen.outerjoin(
            table, sa.and_(table.c.run_id == run.c.id, table.c.key_id == key_id)
        )
        is_nan: Any = sa.case((table.c.last_kind == Kind.NAN, 1), else_=0)
        value: Any = table.c.last
        if exact:
            nan = {_literal(id): _literal(int(math.isnan(one))) for id, one in exact.items()}
            is_nan = sa.case(nan, value=run.c.id, else_=is_nan)
            numbers = {_literal(id): _literal(one) for id, one in exact.items()}
            value = sa.case(numbers, value=run.c.id, else_=value)
        is_missing = sa.case((table.c.n.is_(None), 2), else_=is_nan)
        return chosen.order_by(is_missing, *_directed(value, sort))
    scope = LABEL if sort.kind == "tag" else CONFIG
    other = param.alias()
    chosen = chosen.outerjoin(
        other,
        sa.and_(other.c.run_id == run.c.id, other.c.key_id == key_id, other.c.scope == scope),
    )
    shown = sa.func.coalesce(other.c.txt, sa.cast(other.c.num, sa.Text))
    return chosen.order_by(*_directed(shown, sort))


def _literal(number: float) -> sa.ColumnElement[Any]:
    """A number that is no parameter, of which a statement takes few; NaN is NULL."""
    if math.isnan(number):
        return sa.null()
    largest = sys.float_info.max  # no database reads an infinity
    return sa.literal_column(repr(max(min(number, largest), -largest)))


def _directed(column: sa.ColumnElement[Any], sort: Sort) -> list[sa.ColumnElement[Any]]:
    missing = sa.case((column.is_(None), 1), else_=0)
    return [missing, column.desc() if sort.descending else column.asc()]


class History(msgspec.Struct, frozen=True):
    """Some points of a series: columns of one length, and how many points there are in all."""

    total: int
    t_us: list[int]
    step: list[int]
    value: list[float]


def read_history(
    store: Store, uid: str, name: str, *, offset: int = 0, limit: int | None = None
) -> History:
    """A stretch of a series by time, step and value, in which no point comes twice.

    Raises:
        NotFound: there is no such run.
        CorruptFile: a file of the run is damaged.
    """
    points = series_points(store, uid, name, "all")
    values = points.value.astype(np.float64)
    order = np.lexsort((values, points.step, points.wall_us))
    t_us, step, value = points.wall_us[order], points.step[order], values[order]
    bits = value.view(np.int64)  # so that NaN equals itself
    keep = np.ones(len(order), np.bool_)
    keep[1:] = (t_us[1:] != t_us[:-1]) | (step[1:] != step[:-1]) | (bits[1:] != bits[:-1])
    wanted = np.flatnonzero(keep)
    total = len(wanted)
    wanted = wanted[offset : None if limit is None else offset + limit]
    return History(total, t_us[wanted].tolist(), step[wanted].tolist(), value[wanted].tolist())
