"""Runs in groups: those that share values, with statistics over all of them.

Values, conditions and missing things mean what they mean in run tables (`store.search`,
`store.cells`); a group's ``where`` finds its runs there. Nothing is sampled: each statistic is
over every run of its group. Colors are dealt over all runs of the project, so that no filter
changes them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from epochal.domain.expression import Expression, Field, Order, asks_archived, fields_of
from epochal.domain.group import GroupPage, GroupQuery, GroupRow
from epochal.domain.query import parse_field, parse_order, parse_where
from epochal.errors import InvalidInput
from epochal.store.filters import Filters
from epochal.store.groupcells import Members, group_cells, means
from epochal.store.rows import find_project_id
from epochal.store.runvalues import (
    MISSING,
    NAN,
    NUMBER,
    Mark,
    RunValues,
    mark,
    read_lists,
    read_values,
)
from epochal.store.schema import run
from epochal.store.search import FEW_RUNS, MAX_COLUMNS, MAX_LIMIT, MAX_ORDERS
from epochal.store.store import Store

MAX_LEVELS = 4

Path: TypeAlias = tuple[Mark, ...]


class _Runs(NamedTuple):
    """The runs of a project by color, and which of them are wanted."""

    total: int
    ids: list[int]
    uids: list[str]
    wanted: list[int]


class _Group(NamedTuple):
    """The values that lead to a group, and its runs as places among the wanted ones."""

    path: Path
    values: tuple[Any, ...]
    members: list[int]


def query_groups(store: Store, query: GroupQuery) -> GroupPage:
    """The groups of a project's runs.

    Args:
        store: the home.
        query: see docs/internals/wire.md.

    Raises:
        NotFound: there is no such project.
        QuerySyntaxError: ``where``, ``by``, ``order`` or a column cannot be read.
        InvalidInput: too many levels, columns or order entries, or no level at all.
    """
    _check_limits(query)
    where = parse_where(query.where)
    orders = {_name(order): order for order in parse_order(query.order)}
    levels = {f"{i}": parse_field(name) for i, name in enumerate(query.by)}
    columns = {name: parse_field(name) for name in query.columns}
    with store.database.read() as connection:
        runs = _find_runs(connection, query, where)
        by = list(read_lists(connection, levels, runs.ids).values())
        asked = {**{name: order.field for name, order in orders.items()}, **columns}
        values = read_values(connection, asked, [runs.ids[place] for place in runs.wanted])
    paths = list(zip(*([mark(value) for value in level] for level in by), strict=True))
    groups = _collect(paths, list(zip(*by, strict=True)), runs.wanted)
    shown = _sorted(groups, list(levels.values()), orders, values)
    page = shown[: query.limit]
    ranks = _ranks(paths)
    members = Members([group.members for group in page])
    return GroupPage(
        total=runs.total,
        matched=len(runs.wanted),
        found=len(shown),
        groups=[_row(group, query, ranks[group.path], runs) for group in page],
        columns={name: group_cells(values[name], members) for name in columns},
    )


def _check_limits(query: GroupQuery) -> None:
    if not query.by:
        raise InvalidInput("by names no field; name at least one, such as config.lr or group")
    for what, given, limit in (
        ("levels in by", len(query.by), MAX_LEVELS),
        ("columns", len(query.columns), MAX_COLUMNS),
        ("order entries", len(query.order), MAX_ORDERS),
    ):
        if given > limit:
            raise InvalidInput(f"at most {limit} {what} fit in one query, got {given}")
    if not 1 <= query.limit <= MAX_LIMIT:
        raise InvalidInput(f"limit must be from 1 to {MAX_LIMIT}, got {query.limit}")


def _find_runs(connection: sa.Connection, query: GroupQuery, where: Expression | None) -> _Runs:
    project_id = find_project_id(connection, query.entity, query.project)
    mine = run.c.project_id == project_id
    every = connection.execute(
        sa.select(run.c.id, run.c.uid, run.c.archived).where(mine).order_by(run.c.color, run.c.id)
    ).all()
    archived = query.archived or asks_archived(where)
    current = [place for place, row in enumerate(every) if archived or not row.archived]
    wanted = current
    if where is not None:
        few = len(every) <= FEW_RUNS
        filters = Filters(connection, fields_of(where), time.time_ns() // 1000, few_runs=few)
        found = filters.select(where, run.c.id).where(mine)
        chosen = set(connection.execute(found).scalars())
        wanted = [place for place in current if every[place].id in chosen]
    return _Runs(len(current), [row.id for row in every], [row.uid for row in every], wanted)


def _collect(
    paths: Sequence[Path], values: Sequence[tuple[Any, ...]], wanted: Sequence[int]
) -> dict[Path, _Group]:
    """Groups of every level; what one shows is what its first run says."""
    groups: dict[Path, _Group] = {}
    for member, place in enumerate(wanted):
        path = paths[place]
        for level in range(1, len(path) + 1):
            group = groups.get(path[:level])
            if group is None:
                group = groups[path[:level]] = _Group(path[:level], values[place][:level], [])
            group.members.append(member)
    return groups


def _ranks(paths: Sequence[Path]) -> dict[Path, int]:
    """Each group's number among those of its level, by first runs."""
    ranks: dict[Path, int] = {}
    seen: dict[int, int] = {}
    for path in dict.fromkeys(paths):
        for level in range(1, len(path) + 1):
            if path[:level] not in ranks:
                ranks[path[:level]] = seen.get(level, 0)
                seen[level] = ranks[path[:level]] + 1
    return ranks


def _sorted(
    groups: dict[Path, _Group],
    levels: list[Field],
    orders: dict[str, Order],
    values: dict[str, RunValues],
) -> list[_Group]:
    """Each group, followed by those inside it; values ascend where nothing else is asked."""
    found = sorted(groups.values(), key=lambda group: group.path[-1])
    for name, order in reversed(orders.items()):
        by = _sort_keys(found, levels, order, values[name])
        found = _by_keys(found, by, descending=order.descending)
    inside: dict[Path, list[_Group]] = {}
    for group in found:
        inside.setdefault(group.path[:-1], []).append(group)
    shown: list[_Group] = []
    waiting = inside.get((), [])[::-1]
    while waiting:
        shown.append(waiting.pop())
        waiting += inside.get(shown[-1].path, [])[::-1]
    return shown


def _by_keys(
    groups: list[_Group], by: dict[Path, tuple[bool, Mark]], *, descending: bool
) -> list[_Group]:
    """Groups without anything to be sorted by come last in both directions."""
    groups.sort(key=lambda group: by[group.path][1], reverse=descending)
    groups.sort(key=lambda group: by[group.path][0])
    return groups


def _sort_keys(
    groups: list[_Group], levels: list[Field], order: Order, values: RunValues
) -> dict[Path, tuple[bool, Mark]]:
    """Whether each group has nothing to be sorted by, and what it is sorted by."""
    level = levels.index(order.field) if order.field in levels else MAX_LEVELS
    by: dict[Path, tuple[bool, Mark]] = {}
    others: list[_Group] = []
    for group in groups:
        if level < len(group.path):
            by[group.path] = group.path[level][0] == MISSING, group.path[level]
        else:
            others.append(group)
    found = means(values, Members([group.members for group in others]))
    for group, mean in zip(others, found, strict=True):
        by[group.path] = mean is None, (NUMBER, 0.0 if mean is None else mean)
    return by


def _name(order: Order) -> str:
    """A key for the column of a sort criterion that no asked-for column can have."""
    return f"by {order.field.kind} {order.field.name}"


def _row(group: _Group, query: GroupQuery, color: int, runs: _Runs) -> GroupRow:
    innermost = len(group.path) == len(query.by)
    return GroupRow(
        values=list(group.values),
        runs=len(group.members),
        color=color,
        where=" and ".join(map(_condition, query.by, group.path)),
        uids=[runs.uids[runs.wanted[member]] for member in group.members]
        if query.members and innermost
        else None,
    )


def _condition(field: str, mark: Mark) -> str:
    """What holds for the runs with this value, in the grammar of ``where``."""
    kind, value = mark
    if kind == MISSING:
        return f"not exists({field})"
    if kind == NAN:
        return f"{field} == nan"
    if isinstance(value, str):
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{field} == "{quoted}"'
    return f"{field} == {int(value) if value.is_integer() and abs(value) < 2**53 else value!r}"
