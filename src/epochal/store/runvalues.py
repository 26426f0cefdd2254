"""One value of each of many runs, as arrays: what statistics over runs are made of.

A column of plain numbers never becomes a list: a key is read with one statement that asks for all
that is wanted of it, in the order in which the database keeps its rows. Other columns are those of
`store.cells`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from epochal.domain.expression import Field
from epochal.domain.values import to_json
from epochal.store.cells import find_keys, read_columns
from epochal.store.codec import Floats, Integers
from epochal.store.filters import AGGREGATES, ONE_SCOPE, present_kind
from epochal.store.scalars import Kind, storable
from epochal.store.schema import latest, param

CHUNK: Final = 5000
"""So many runs are looked up by one statement."""
DENSE: Final = 4
"""A stretch of run ids is read whole where at least one in so many is wanted."""
_EXACT: Final = 2.0**53
_PLAIN: Final = frozenset({int, float, type(None)})
_TOLD: Final[dict[str, sa.ColumnElement[int]]] = {
    "last": latest.c.last_kind,
    "count": sa.literal_column(str(int(Kind.INT))),
}
"""The kinds of those aggregates that are not floats wherever there is one."""
_OTHERS: Final = [Kind.BOOL, Kind.NEGATIVE_ZERO, Kind.WIDE_INT, Kind.TEXT, Kind.JSON]

Mark: TypeAlias = tuple[int, float | str]
"""What equal values have in common: a rank for their kind, and what they are sorted by."""
Truths: TypeAlias = NDArray[np.bool_]

NUMBER, TEXT, NAN, MISSING = range(4)


class RunValues(NamedTuple):
    """A column over some runs.

    Attributes:
        numbers: NaN where there is no number, too; truth values are none.
        present: which runs have a value.
        counted: which runs have a number.
        codes: equal ones are of equal values; of no meaning where there is none.
        whole: which numbers are integers.
        others: the values as they are, None where all of them are numbers.
    """

    numbers: Floats
    present: Truths
    counted: Truths
    codes: Integers
    whole: Truths
    others: list[Any] | None

    def value(self, place: int) -> Any:
        """What a run has."""
        if self.others is not None:
            return self.others[place]
        number = float(self.numbers[place])
        return int(number) if self.whole[place] else number


def mark(value: Any) -> Mark:
    """Where a value belongs when runs are put in groups."""
    if value is None:
        return MISSING, 0.0
    if isinstance(value, (bool, int, float)):
        number = float(value)
        return (NAN, 0.0) if math.isnan(number) else (NUMBER, number)
    return TEXT, value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    """A nested value as the store compares it."""
    return msgspec.json.encode(to_json(value)).decode()


def read_lists(
    connection: sa.Connection, fields: dict[str, Field], ids: Sequence[int]
) -> dict[str, list[Any]]:
    """Values of fields, in the order of ``ids``."""
    found: dict[str, list[Any]] = {name: [] for name in fields}
    for start in range(0, len(ids), CHUNK):
        part = read_columns(connection, fields, list(ids[start : start + CHUNK]))
        for name, values in part.items():
            found[name] += values
    return found


def read_values(
    connection: sa.Connection, fields: dict[str, Field], ids: Sequence[int]
) -> dict[str, RunValues]:
    """Columns for runs with these database ids, each once, in this order."""
    runs = _Runs(ids)
    found = _read_keyed(connection, fields, runs) if ids else {}
    left = {name: field for name, field in fields.items() if name not in found}
    lists = read_lists(connection, left, ids) if left else {}
    return found | {name: values_of(values) for name, values in lists.items()}


def values_of(values: list[Any]) -> RunValues:
    """A column from its values, None where a run has none."""
    if set(map(type, values)) <= _PLAIN:
        numbers = np.array(values, np.float64)
        present = np.array([value is not None for value in values], np.bool_)
        whole = np.array([type(value) is int for value in values], np.bool_)
        if not np.any(whole & (np.abs(numbers) > _EXACT)):
            return _plain(numbers, present, whole)
    marks = [mark(value) for value in values]
    known = {one: code for code, one in enumerate(dict.fromkeys(marks))}
    counted = [isinstance(v, (int, float)) and not isinstance(v, bool) for v in values]
    return RunValues(
        np.array([v if c else math.nan for v, c in zip(values, counted, strict=True)], np.float64),
        np.array([value is not None for value in values], np.bool_),
        np.array(counted, np.bool_),
        np.array([known[one] for one in marks], np.int64),
        np.zeros(len(values), np.bool_),
        values,
    )


def _plain(numbers: Floats, present: Truths, whole: Truths) -> RunValues:
    codes = np.unique(numbers, return_inverse=True)[1]
    return RunValues(numbers, present, present, codes, whole, None)


class _Runs:
    """Wanted runs by their ids, and where each stands."""

    def __init__(self, ids: Sequence[int]) -> None:
        every = np.array(ids, np.int64)
        self.order = np.argsort(every)
        self.ids = every[self.order]

    def scopes(self, column: sa.Column[int]) -> Iterator[sa.ColumnElement[bool]]:
        """Conditions that together find at least these runs."""
        first, last = int(self.ids[0]), int(self.ids[-1])
        if last - first < DENSE * len(self.ids):
            yield column.between(sa.bindparam("first", first), sa.bindparam("last", last))
            return
        for start in range(0, len(self.ids), CHUNK):
            yield column.in_(self.ids[start : start + CHUNK].tolist())

    def column(self, places: Integers, kinds: Integers, values: Floats) -> RunValues:
        """A column from rows in any order, by where their runs stand; -1 for those not wanted."""
        mine = places >= 0
        numbers = np.full(len(self.ids), np.nan)
        told = np.full(len(self.ids), int(Kind.NULL))
        numbers[places[mine]] = values[mine]
        told[places[mine]] = kinds[mine]
        numbers[(told == Kind.NULL) | (told == Kind.NAN)] = np.nan
        return _plain(numbers, told != Kind.NULL, told == Kind.INT)

    def read(
        self, connection: sa.Connection, query: sa.Select[Any], run_id: sa.Column[int]
    ) -> tuple[Integers, list[Floats]]:
        """Where the runs of a query's rows stand, -1 for those not wanted; and its columns.

        Args:
            connection: to read from.
            query: gives the id of a run and numbers beside it, never NULL.
            run_id: the column of that id.
        """
        width = len(query.selected_columns)
        found = [_flat(connection.execute(query.where(scope))) for scope in self.scopes(run_id)]
        ids, *columns = np.concatenate(found).reshape(-1, width).T
        at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[at] == ids, self.order[at], -1), columns


def _flat(result: sa.CursorResult[Any]) -> Floats:
    """All numbers of some rows. None of the rows is kept: most of their cost would be memory."""
    rows: Any = result.cursor
    flat = np.fromiter(chain.from_iterable(rows), np.float64)
    result.close()
    return flat


def _read_keyed(
    connection: sa.Connection, fields: dict[str, Field], runs: _Runs
) -> dict[str, RunValues]:
    """The columns of one table's rows, but for those that hold more than plain numbers."""
    chosen = {
        name: field
        for name, field in fields.items()
        if field.kind in AGGREGATES or field.kind in ONE_SCOPE
    }
    keys = find_keys(connection, chosen.values())
    uses: dict[tuple[int, int | None], dict[str, Field]] = {}
    for name, field in chosen.items():
        key_id = keys.get(storable(field.name))
        if key_id is not None:
            uses.setdefault((key_id, ONE_SCOPE.get(field.kind)), {})[name] = field
    found: dict[str, RunValues] = {}
    for (key_id, scope), wanted in uses.items():
        if scope is None:
            found |= _read_series(connection, key_id, wanted, runs)
        else:
            found |= _read_params(connection, key_id, scope, wanted, runs)
    return found


def _read_params(
    connection: sa.Connection, key_id: int, scope: int, wanted: dict[str, Field], runs: _Runs
) -> dict[str, RunValues]:
    query = sa.select(param.c.run_id, param.c.kind, _number(param.c.num)).where(
        param.c.key_id == key_id, param.c.scope == scope
    )
    places, (kinds, numbers) = runs.read(connection, query, param.c.run_id)
    if not _are_plain(kinds):
        return {}
    return dict.fromkeys(wanted, runs.column(places, kinds.astype(np.int64), numbers))


def _read_series(
    connection: sa.Connection, key_id: int, wanted: dict[str, Field], runs: _Runs
) -> dict[str, RunValues]:
    """Several aggregates of one series are read at once."""
    kinds = sorted({field.kind for field in wanted.values()})
    columns: list[Any] = []
    for kind in kinds:
        number = AGGREGATES[kind]
        own = _TOLD.get(kind)
        columns += (present_kind(number) if own is None else own, _number(number))
    query = sa.select(latest.c.run_id, *columns).where(latest.c.key_id == key_id)
    places, read = runs.read(connection, query, latest.c.run_id)
    found: dict[str, RunValues] = {}
    for kind, told, numbers in zip(kinds, read[::2], read[1::2], strict=True):
        if _are_plain(told):
            column = runs.column(places, told.astype(np.int64), numbers)
            found |= {name: column for name, field in wanted.items() if field.kind == kind}
    return found


def _number(column: sa.ColumnElement[Any]) -> sa.ColumnElement[float]:
    return sa.func.coalesce(column, sa.literal_column("0.0"))


def _are_plain(kinds: Floats) -> bool:
    """Whether `RunValues.numbers` says all of the values of these kinds."""
    seen = np.bincount(kinds.astype(np.int64), minlength=len(Kind))
    return not seen[_OTHERS].any()
