"""Journal rows turned into columns, and columns joined to longer ones.

No value changes a bit on the way: floats keep their NaN payloads, and a column of integers stays
int64. Rows that cannot be used are left out and counted, never raised. Columns are not copied and
not locked; nobody writes into them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Final, TypeAlias

import numpy as np

from epochal.domain.values import INT64_MAX, INT64_MIN
from epochal.journal.reader import Row
from epochal.store.codec import Floats, Integers, Values
from epochal.store.parts import Part

_NUMBERS: Final = frozenset({float, int, bool})
_WHOLE: Final = frozenset({int, bool})
_EXACT: Final = 2**53
_FLOATS: Final = 1
_LARGE: Final = 2

Keys: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ColumnGroup:
    """Rows of one key set as columns. All arrays have one length, at least 1.

    Attributes:
        keys: names, unique.
        order: int64, arrival number of each row within its journal, strictly increasing.
        step: int64.
        wall_us: int64, microseconds since 1970 UTC.
        values: one array for each key; int64 when every value of it is an int or bool that fits,
            else float64.
    """

    keys: list[str]
    order: Integers
    step: Integers
    wall_us: Integers
    values: list[Values]

    def __len__(self) -> int:
        return len(self.order)

    @cached_property
    def places(self) -> dict[str, int]:
        """Index of each key."""
        return {key: index for index, key in enumerate(self.keys)}

    @cached_property
    def rising(self) -> bool:
        """Whether steps strictly increase."""
        return bool(np.all(self.step[1:] > self.step[:-1]))

    def part(self, key: str) -> Part | None:
        """The column of a key, None when this group does not have it."""
        index = self.places.get(key)
        if index is None:
            return None
        return Part(self.order, self.step, self.wall_us, self.values[index])

    def rows(self, start: int, stop: int) -> ColumnGroup:
        """Some of the rows, without copying."""
        at = slice(start, stop)
        return ColumnGroup(
            self.keys,
            self.order[at],
            self.step[at],
            self.wall_us[at],
            [value[at] for value in self.values],
        )


def group_rows(
    rows: list[Row], schemas: dict[int, list[str]], first_order: int
) -> tuple[list[ColumnGroup], int]:
    """Turn journal rows into columns.

    Args:
        rows: ``[schema id, step, wall_us, [value, ...]]`` in writing order.
        schemas: the key sets declared so far.
        first_order: arrival number of ``rows[0]``; every row counts, those left out too.

    Returns:
        One group for each key set (equal ones share a group), and how many rows were left out: of
        an unknown key set, with values that are no numbers, too many or too few of them, or with a
        step or time that does not fit 64 bits.
    """
    groups: list[ColumnGroup] = []
    used = 0
    for keys, (chosen, order) in _rows_by_keys(rows, schemas, first_order).items():
        try:
            group = _build_group(keys, chosen, order)
        except (TypeError, ValueError, IndexError, OverflowError):
            sound = [index for index, row in enumerate(chosen) if _is_sound(row, len(keys))]
            if not sound:
                continue
            group = _build_group(keys, [chosen[index] for index in sound], order[sound])
        groups.append(group)
        used += len(group)
    return groups, len(rows) - used


def merge_groups(groups: Iterable[ColumnGroup]) -> list[ColumnGroup]:
    """Join groups of equal keys to longer ones, for growing tails and for compaction.

    Args:
        groups: of one journal, in any order, without overlap.

    Returns:
        One group for each key set, rows in arrival order. Where int64 and float64 meet in a column
        the result is float64; only if that would change a value are the groups kept apart.
    """
    by_keys: dict[Keys, list[_Joined]] = {}
    for group in sorted(groups, key=lambda group: int(group.order[0])):
        runs = by_keys.setdefault(tuple(group.keys), [])
        if not runs or not runs[-1].take(group):
            runs.append(_Joined(group))
    return [_concatenate(run.groups) for runs in by_keys.values() for run in runs]


class _Joined:
    """Groups of equal keys that can be joined without changing a value.

    Each column is told by a few flags, so that joining many groups looks at each once.
    """

    def __init__(self, group: ColumnGroup) -> None:
        self.groups = [group]
        self._kinds = list(map(_kind_of, group.values))

    def take(self, group: ColumnGroup) -> bool:
        """Add a group; False when a column would lose bits, and it stays out."""
        kinds = [old | _kind_of(new) for old, new in zip(self._kinds, group.values, strict=True)]
        if any(kind & _FLOATS and kind & _LARGE for kind in kinds):
            return False
        self._kinds = kinds
        self.groups.append(group)
        return True


def _kind_of(values: Values) -> int:
    """Flags: holds floats; holds integers that are not exact as floats."""
    if values.dtype != np.int64:
        return _FLOATS
    return 0 if int(values.min()) >= -_EXACT and int(values.max()) <= _EXACT else _LARGE


def _rows_by_keys(
    rows: list[Row], schemas: dict[int, list[str]], first_order: int
) -> dict[Keys, tuple[list[Row], Integers]]:
    if not rows:
        return {}
    try:
        ids = [row[0] for row in rows]
        kinds = set(ids)
    except (TypeError, IndexError):
        usable = [index for index, row in enumerate(rows) if row and isinstance(row[0], int)]
        chosen = [rows[index] for index in usable]
        order = np.array(usable, np.int64) + first_order
    else:
        chosen, order = rows, np.arange(first_order, first_order + len(rows))
        if len(kinds) == 1:
            keys = schemas.get(ids[0])
            return {tuple(keys): (rows, order)} if keys else {}
    places: dict[Any, list[int]] = {}
    for index, row in enumerate(chosen):
        places.setdefault(row[0], []).append(index)
    by_keys: dict[Keys, list[int]] = {}
    for schema, indices in places.items():
        keys = schemas.get(schema)
        if keys:
            by_keys.setdefault(tuple(keys), []).extend(indices)
    result: dict[Keys, tuple[list[Row], Integers]] = {}
    for names, indices in by_keys.items():
        indices.sort()
        result[names] = ([chosen[index] for index in indices], order[indices])
    return result


def _build_group(keys: Keys, rows: list[Row], order: Integers) -> ColumnGroup:
    """Columns of rows that are all sound; some error when one is not."""
    values = [row[3] for row in rows]
    if set(map(type, values)) != {list} or set(map(len, values)) != {len(keys)}:
        raise ValueError("a row does not fit its key set")
    names, columns = _unique(keys, _columns(values, len(keys)))
    return ColumnGroup(
        keys=names,
        order=order,
        step=_int64([row[1] for row in rows]),
        wall_us=_int64([row[2] for row in rows]),
        values=columns,
    )


def _columns(values: list[list[Any]], width: int) -> list[Values]:
    kinds = set(map(type, chain.from_iterable(values)))
    if kinds == {float}:
        flat = np.fromiter(chain.from_iterable(values), np.float64, len(values) * width)
        return list(np.ascontiguousarray(flat.reshape(-1, width).T))
    if not kinds <= _NUMBERS:
        raise TypeError("a row holds values that are no numbers")
    return [_column(column) for column in zip(*values, strict=True)]


def _column(values: Sequence[Any]) -> Values:
    if set(map(type, values)) <= _WHOLE:
        try:
            return np.array(values, np.int64)
        except OverflowError:  # unsigned integers past 2**63
            pass
    return np.array(values, np.float64)


def _int64(values: list[Any]) -> Integers:
    if set(map(type, values)) != {int}:
        raise TypeError("a step or time is no integer")
    return np.array(values, np.int64)


def _unique(keys: Keys, columns: list[Values]) -> tuple[list[str], list[Values]]:
    """A key that a set names twice keeps its last column."""
    by_key = dict(zip(keys, columns, strict=True))
    return list(by_key), list(by_key.values())


def _is_sound(row: Row, width: int) -> bool:
    if len(row) < 4:
        return False
    step, wall_us, values = row[1:4]
    return (
        all(type(x) is int and INT64_MIN <= x <= INT64_MAX for x in (step, wall_us))
        and type(values) is list
        and len(values) == width
        and _NUMBERS.issuperset(map(type, values))
    )


def _concatenate(groups: list[ColumnGroup]) -> ColumnGroup:
    if len(groups) == 1:
        return groups[0]
    columns: list[Values] = []
    for parts in zip(*(group.values for group in groups), strict=True):
        whole = all(part.dtype == np.int64 for part in parts)
        columns.append(np.concatenate(parts, dtype=np.int64 if whole else np.float64))
    merged = ColumnGroup(
        keys=groups[0].keys,
        order=_chain(groups, lambda group: group.order),
        step=_chain(groups, lambda group: group.step),
        wall_us=_chain(groups, lambda group: group.wall_us),
        values=columns,
    )
    return merged if bool(np.all(merged.order[1:] > merged.order[:-1])) else _by_order(merged)


def _chain(groups: list[ColumnGroup], axis: Callable[[ColumnGroup], Integers]) -> Integers:
    return np.concatenate([axis(group) for group in groups])


def _by_order(group: ColumnGroup) -> ColumnGroup:
    order = np.argsort(group.order, kind="stable")
    return ColumnGroup(
        group.keys,
        group.order[order],
        group.step[order],
        group.wall_us[order],
        [value[order] for value in group.values],
    )


def as_floats(values: Values) -> Floats:
    """The values as float64; integers past 2**53 are rounded."""
    return values.astype(np.float64, copy=False)
