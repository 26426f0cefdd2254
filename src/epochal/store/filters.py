"""From a parsed ``where`` expression to SQL.

`domain.expression.matches` defines what must come out.

Every condition becomes "the run is in this set", so that and, or and not need no third truth
value, and a set is one range of a table clustered by key.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

from epochal.domain.expression import (
    And,
    Comparison,
    Exists,
    Expression,
    Field,
    HasTag,
    Like,
    Membership,
    Not,
    Operator,
    Or,
    resolve,
)
from epochal.domain.query import SCOPES, TEXT_ATTRIBUTES
from epochal.store.labels import LABEL
from epochal.store.means import MEAN
from epochal.store.rules import Rule
from epochal.store.scalars import Kind, storable
from epochal.store.schema import key, latest, param, run, tag

CONFIG, SUMMARY, TEXT = 0, 1, 2
"""The scopes of ``param``, beside that of labels."""
ONE_SCOPE: Final = {"config": CONFIG, "tags": LABEL}
"""Kinds of fields that are the rows of one scope."""

Condition = sa.ColumnElement[bool]

_ATTRIBUTES: dict[str, sa.ColumnElement[Any]] = {
    "id": run.c.name_id,
    "duration": (sa.func.coalesce(run.c.ended_us, run.c.updated_us) - run.c.created_us)
    / sa.literal(1e6, sa.Double),
    "created": run.c.created_us,
    "updated": run.c.updated_us,
    "ended": run.c.ended_us,
    "archived": sa.cast(run.c.archived, sa.Integer),
}
SHOWN: sa.ColumnElement[float | None] = sa.case(
    (latest.c.rule == Rule.LAST, latest.c.last),
    (latest.c.rule == Rule.MIN, latest.c.min),
    (latest.c.rule == Rule.MAX, latest.c.max),
    (latest.c.rule == Rule.MEAN, MEAN),
    else_=sa.null(),
)
SHOWN_KIND: sa.ColumnElement[int] = sa.case(
    (latest.c.rule == Rule.LAST, latest.c.last_kind),
    (SHOWN.is_(None), sa.literal(int(Kind.NULL))),
    else_=sa.literal(int(Kind.FLOAT)),
)
AGGREGATES: dict[str, sa.ColumnElement[Any]] = {
    "last": latest.c.last,
    "min": latest.c.min,
    "max": latest.c.max,
    "mean": MEAN,
    "count": latest.c.n,
}


class Stored:
    """Three columns of a table that hold one value: its kind, number and text."""

    def __init__(self, kind: sa.ColumnElement[int], num: Any, txt: Any) -> None:
        self.kind, self.num, self.txt = kind, num, txt
        self.is_text = kind.in_([Kind.TEXT, Kind.JSON])
        self.exists = kind != Kind.NULL

    def compare(self, operator: Operator, value: float | str) -> Condition:
        """The comparison as a condition on the table."""
        if isinstance(value, str):
            text = storable(value)
            if operator == "!=":
                return sa.and_(self.exists, sa.or_(sa.not_(self.is_text), self.txt != text))
            return sa.and_(self.is_text, _order(self.txt, operator, text))
        number = float(value)
        if math.isnan(number):
            return self._compare_nan(operator)
        if operator == "!=":
            return sa.and_(self.exists, sa.or_(self.num.is_(None), self.num != number))
        return _order(self.num, operator, number)

    def _compare_nan(self, operator: Operator) -> Condition:
        if operator == "==":
            return self.kind == Kind.NAN
        if operator == "!=":
            return sa.and_(self.exists, self.kind != Kind.NAN)
        return sa.false()


_PARAM = Stored(param.c.kind, param.c.num, param.c.txt)
_SHOWN = Stored(SHOWN_KIND, SHOWN, sa.null())


class Filters:
    """Compiles conditions and sort criteria for one database.

    Args:
        connection: to look up keys.
        fields: every field that conditions and sort criteria will ask for.
        now_us: what ``ago(...)`` counts from.
        few_runs: look every run up by itself instead of collecting all that a condition holds
            for; cheaper when a project is small, however large the rest of the store is.
    """

    def __init__(
        self,
        connection: sa.Connection,
        fields: Iterable[Field],
        now_us: int,
        *,
        few_runs: bool = False,
    ) -> None:
        self.now_us = now_us
        self.few_runs = few_runs
        names = {storable(field.name) for field in fields if field.kind != "attribute"}
        rows = connection.execute(sa.select(key.c.name, key.c.id).where(key.c.name.in_(names)))
        self.key_ids: dict[str, int] = {row.name: row.id for row in rows}
        summaries = {storable(field.name) for field in fields if field.kind == "summary"}
        self.summary_ids = [id for name, id in self.key_ids.items() if name in summaries]
        self.user_set = self._used(connection, SUMMARY)
        self.texts = self._used(connection, TEXT)

    def _used(self, connection: sa.Connection, scope: int) -> frozenset[int]:
        """Which of the summary's keys have any value in this scope of ``param``."""
        value = sa.select(param.c.run_id).where(param.c.key_id == key.c.id, param.c.scope == scope)
        query = sa.select(key.c.id).where(key.c.id.in_(self.summary_ids), value.exists())
        return frozenset(connection.execute(query).scalars()) if self.summary_ids else frozenset()

    def key_id(self, field: Field) -> int | None:
        """The id of a field's key; None when no run of the store has it."""
        return self.key_ids.get(storable(field.name))

    def select(self, expression: Expression | None, *columns: Any) -> sa.Select[Any]:
        """The runs that an expression holds for.

        What has to hold of a config value or a last value in any case becomes a join with the
        range of its key, the rest a condition.
        """
        query: sa.Select[Any] = sa.select(*columns).select_from(run)
        items = expression.items if isinstance(expression, And) else (expression,)
        for item in items:
            if item is None:
                continue
            joined = None if self.few_runs else self._joined(item)
            query = query.where(self.condition(item)) if joined is None else query.join(*joined)
        return query

    def _joined(self, item: Expression) -> tuple[sa.FromClause, Condition] | None:
        if not isinstance(item, Comparison):
            return None
        scope = ONE_SCOPE.get(item.field.kind)
        if scope is None and item.field.kind != "last":
            return None
        key_id = self.key_id(item.field)
        if key_id is None:
            return None
        value = resolve(item.value, self.now_us)
        if scope is not None:
            table = param.alias()
            stored = Stored(table.c.kind, table.c.num, table.c.txt)
            own = sa.and_(table.c.key_id == key_id, table.c.scope == scope)
        else:
            table = latest.alias()
            stored = Stored(table.c.last_kind, table.c.last, sa.null())
            own = table.c.key_id == key_id
        found = stored.compare(item.operator, value)
        return table, sa.and_(own, table.c.run_id == run.c.id, found)

    def condition(self, expression: Expression) -> Condition:
        """The expression as a condition on ``run``."""
        match expression:
            case And(items):
                return sa.and_(*map(self.condition, items))
            case Or(items):
                return sa.or_(*map(self.condition, items))
            case Not(item):
                return sa.not_(self.condition(item))
            case HasTag(text):
                return run.c.id.in_(sa.select(tag.c.run_id).where(tag.c.tag == storable(text)))
            case Membership(field, values):
                conditions = [self.condition(Comparison(field, "==", value)) for value in values]
                return sa.or_(sa.false(), *conditions)
            case Comparison(field, operator, value):
                return self._compare(field, operator, resolve(value, self.now_us))
            case Like(field, pattern):
                return self._like(field, pattern)
            case Exists(field):
                return self._exists(field)

    def _compare(self, field: Field, operator: Operator, value: float | str) -> Condition:
        if field.kind == "attribute":
            return _compare_attribute(field.name, operator, value)
        key_id = self.key_id(field)
        if key_id is None:
            return sa.false()
        if field.kind in SCOPES:
            return self._in_scopes(
                field, key_id, _PARAM.compare(operator, value), _SHOWN.compare(operator, value)
            )
        kind = latest.c.last_kind if field.kind == "last" else None
        column = AGGREGATES[field.kind]
        stored = Stored(kind if kind is not None else present_kind(column), column, sa.null())
        return self._has_latest(key_id, stored.compare(operator, value))

    def _like(self, field: Field, pattern: str) -> Condition:
        if field.kind == "attribute":
            if field.name not in TEXT_ATTRIBUTES:
                return sa.false()
            return _fits(attribute(field.name), pattern)
        key_id = self.key_id(field)
        if key_id is None or field.kind not in SCOPES:
            return sa.false()
        fits = sa.and_(_PARAM.is_text, _fits(param.c.txt, pattern))
        return self._in_scopes(field, key_id, fits, sa.false())

    def _exists(self, field: Field) -> Condition:
        if field.kind == "attribute":
            return attribute(field.name).is_not(None)
        key_id = self.key_id(field)
        if key_id is None:
            return sa.false()
        if field.kind in SCOPES:
            return self._in_scopes(field, key_id, _PARAM.exists, _SHOWN.exists)
        if field.kind in ("last", "count"):
            return self._has_latest(key_id, sa.true())
        return self._has_latest(key_id, AGGREGATES[field.kind].is_not(None))

    def _in_scopes(
        self, field: Field, key_id: int, on_param: Condition, on_latest: Condition
    ) -> Condition:
        """Config is one scope, and so are tags.

        The summary is the user's value, else the series', else the last text.
        """
        if (scope := ONE_SCOPE.get(field.kind)) is not None:
            return self._has_param(key_id, scope, on_param)
        latest_counts = self._has_latest(key_id, sa.and_(latest.c.rule != Rule.NONE, on_latest))
        choices = [latest_counts]
        if key_id in self.texts:
            is_series = self._has_latest(key_id, latest.c.rule != Rule.NONE)
            choices.append(sa.and_(self._has_param(key_id, TEXT, on_param), sa.not_(is_series)))
        if key_id in self.user_set:
            set_by_user = self._has_param(key_id, SUMMARY, sa.true())
            choices = [sa.and_(sa.not_(set_by_user), choice) for choice in choices]
            choices.append(self._has_param(key_id, SUMMARY, on_param))
        return sa.or_(*choices)

    def _has_param(self, key_id: int, scope: int, condition: Condition) -> Condition:
        own = (param.c.key_id == key_id, param.c.scope == scope, condition)
        return self._has(param.c.run_id, own)

    def _has_latest(self, key_id: int, condition: Condition) -> Condition:
        return self._has(latest.c.run_id, (latest.c.key_id == key_id, condition))

    def _has(self, run_id: sa.Column[int], conditions: tuple[Condition, ...]) -> Condition:
        """Whether a table has a row of the run that fulfils some conditions."""
        if not self.few_runs:
            return run.c.id.in_(sa.select(run_id).where(*conditions))
        return sa.exists().where(run_id == run.c.id, *conditions).correlate(run)


def attribute(name: str) -> sa.ColumnElement[Any]:
    """The SQL of an attribute."""
    found = _ATTRIBUTES.get(name)
    return found if found is not None else run.c[name]


def _compare_attribute(name: str, operator: Operator, value: float | str) -> Condition:
    column = attribute(name)
    if isinstance(value, str) != (name in TEXT_ATTRIBUTES):
        return column.is_not(None) if operator == "!=" else sa.false()
    if isinstance(value, str):
        return sa.and_(column.is_not(None), _order(column, operator, storable(value)))
    if math.isnan(value):
        return column.is_not(None) if operator == "!=" else sa.false()
    number: float = int(value) if isinstance(value, bool) else value
    return sa.and_(column.is_not(None), _order(column, operator, number))


def _order(column: Any, operator: Operator, value: float | str) -> Condition:
    bound = sa.literal(value, sa.Text() if isinstance(value, str) else None)
    conditions: dict[str, Condition] = {
        "==": column == bound, "!=": column != bound, "<": column < bound,
        "<=": column <= bound, ">": column > bound, ">=": column >= bound,
    }  # fmt: skip
    return conditions[operator]


def _fits(column: Any, pattern: str) -> Condition:
    escaped = storable(pattern).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    fitted: Condition = column.ilike(escaped.replace("*", "%").replace("?", "_"), escape="\\")
    return sa.and_(column.is_not(None), fitted)


def present_kind(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """A `Kind` for a column of floats, of which some are missing."""
    return sa.case(
        (column.is_(None), sa.literal(int(Kind.NULL))), else_=sa.literal(int(Kind.FLOAT))
    )
