"""History: the rows of a run, made of its series again. Readers look.

A row is what was logged at one step; of points that share key and step the last one counts. Texts
come from the journals (`store.texts`), as no series holds them. The columns of runs that rest in
segments are kept for a moment, as who reads a run by pages comes again at once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from epochal.domain.access import Permission, Principal
from epochal.domain.names import check_uid
from epochal.errors import InvalidInput
from epochal.service.permission import require
from epochal.store import texts
from epochal.store.gather import RunSeries, gather
from epochal.store.owner import Store
from epochal.store.points import Points, assemble
from epochal.store.texts import TextPoint

MAX_KEYS = 20_000
MAX_CELLS = 20_000_000
"""Values of one answer; about as many as fit in a few hundred megabytes."""
MAX_KEPT = 4_000_000
"""What is kept for the next page may weigh so many values; 32 megabytes, steps and times aside."""
MOST_KEPT = 64
"""No more answers are kept, however small."""
KEY_WEIGHT = 32
"""What a key weighs beside its values and its characters."""


class HistoryRow(NamedTuple):
    """What was logged at one step; ``wall_us`` is when the last of it was."""

    step: int
    wall_us: int
    values: dict[str, Any]


class _Group(NamedTuple):
    """Series that have points at the same steps."""

    steps: NDArray[np.int64]
    wall_us: NDArray[np.int64]
    keys: list[str]
    columns: list[NDArray[Any]]


def read_rows(
    store: Store,
    principal: Principal | None,
    uid: str,
    keys: Sequence[str],
    *,
    lo: int | None = None,
    hi: int | None = None,
    every: bool = False,
    samples: int | None = None,
) -> list[HistoryRow]:
    """Rows of a run by step.

    Args:
        store: the open store.
        principal: who asks.
        uid: the run.
        keys: series to show.
        lo: smallest step; None leaves it open.
        hi: greatest step, itself included.
        every: only rows that have all of the keys.
        samples: at most so many rows, spread evenly over all of them, first and last included.

    Raises:
        NotFound: there is no such run.
        InvalidInput: the answer would be too large.
    """
    require(principal, Permission.READ)
    if len(keys) > MAX_KEYS:
        raise InvalidInput(f"{len(keys)} keys are too many at once, the limit is {MAX_KEYS}")
    groups = _groups(store, gather(store, check_uid(uid)), keys, lo, hi)
    if not groups or (every and sum(len(group.keys) for group in groups) < len(set(keys))):
        return []
    steps = _steps(groups, every=every)
    if samples is not None and len(steps) > max(samples, 0):
        steps = _spread(steps, samples)
    chosen = [_only(group, steps) for group in groups]
    cells = _cells(chosen)
    if cells > MAX_CELLS:
        raise InvalidInput(
            f"the answer would have {cells:,} values; ask for fewer keys, steps or samples"
        )
    return _rows(chosen)


def read_texts(
    store: Store,
    principal: Principal | None,
    uid: str,
    *,
    lo: int | None = None,
    hi: int | None = None,
) -> list[TextPoint]:
    """The texts that a run logged, in the order in which it did.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.READ)
    return [
        point
        for point in texts.read_texts(store, check_uid(uid))
        if (lo is None or point.step >= lo) and (hi is None or point.step <= hi)
    ]


def _groups(
    store: Store, rows: RunSeries, keys: Sequence[str], lo: int | None, hi: int | None
) -> list[_Group]:
    """What was logged under some keys from step ``lo`` to step ``hi``."""
    if any(writer.groups for writer in rows.writers):  # some rows are still in memory
        return _read(store, rows, keys, lo, hi)
    place = tuple((writer.writer, writer.files, writer.cuts) for writer in rows.writers)
    name = (str(store.home), rows.uid, place, tuple(keys))
    whole = _recent.get(name)
    if whole is None:
        weight = None if (lo, hi) == (None, None) else _weight(store, rows, keys)
        if weight is None:
            return _read(store, rows, keys, lo, hi)
        whole = _read(store, rows, keys, None, None)
        _recent.put(name, whole, weight)
    parts = [_between(group, lo, hi) for group in whole]
    return [part for part in parts if len(part.steps)]


def _read(
    store: Store, rows: RunSeries, keys: Sequence[str], lo: int | None, hi: int | None
) -> list[_Group]:
    points = ((key, assemble(rows.points_of(store, key), "last", lo=lo, hi=hi)) for key in keys)
    return _grouped((key, part) for key, part in points if len(part))


def _between(group: _Group, lo: int | None, hi: int | None) -> _Group:
    """A part of a group; its steps rise."""
    first = 0 if lo is None else int(np.searchsorted(group.steps, lo))
    last = len(group.steps) if hi is None else int(np.searchsorted(group.steps, hi, "right"))
    part = slice(first, max(first, last))
    columns = [column[part] for column in group.columns]
    return _Group(group.steps[part], group.wall_us[part], group.keys, columns)


def _weight(store: Store, rows: RunSeries, keys: Sequence[str]) -> int | None:
    """What a whole run weighs when it is kept, known without reading; None: too much for that."""
    weight = MAX_KEPT // MOST_KEPT
    for key in keys:
        weight += KEY_WEIGHT + len(key) // 8
        weight += sum(part.count for one in rows.points_of(store, key) for part in one.parts)
        if weight > MAX_KEPT:
            return None
    return weight


class _Recent:
    """The columns that were read last, at most ``MAX_KEPT`` in weight. Thread-safe."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[list[_Group], int]] = OrderedDict()
        self._weight = 0
        self._guard = threading.Lock()

    def get(self, name: Hashable) -> list[_Group] | None:
        with self._guard:
            if name not in self._kept:
                return None
            self._kept.move_to_end(name)
            return self._kept[name][0]

    def put(self, name: Hashable, groups: list[_Group], weight: int) -> None:
        with self._guard:
            _, before = self._kept.pop(name, ([], 0))
            self._kept[name] = (groups, weight)
            self._weight += weight - before
            while self._weight > MAX_KEPT:
                _, (_, gone) = self._kept.popitem(last=False)
                self._weight -= gone


def _cells(groups: Iterable[_Group]) -> int:
    return sum(len(group.steps) * len(group.keys) for group in groups)


_recent: Final = _Recent()


def _grouped(found: Iterable[tuple[str, Points]]) -> list[_Group]:
    groups: dict[bytes, _Group] = {}
    for key, points in found:
        name = points.step.tobytes()
        group = groups.get(name)
        if group is None:
            groups[name] = _Group(points.step, points.wall_us, [key], [points.value])
            continue
        group.keys.append(key)
        group.columns.append(points.value)
        if not np.array_equal(group.wall_us, points.wall_us):
            latest = np.maximum(group.wall_us, points.wall_us)
            groups[name] = group._replace(wall_us=latest)
    return list(groups.values())


def _steps(groups: Sequence[_Group], *, every: bool) -> NDArray[np.int64]:
    """All steps of the rows, rising."""
    steps = groups[0].steps
    for group in groups[1:]:
        steps = (np.intersect1d if every else np.union1d)(steps, group.steps)
    return steps


def _spread(steps: NDArray[np.int64], samples: int) -> NDArray[np.int64]:
    index = np.linspace(0, len(steps) - 1, max(samples, 0)).round().astype(np.int64)
    return steps[np.unique(index)]


def _only(group: _Group, steps: NDArray[np.int64]) -> _Group:
    """A group at some steps."""
    if len(steps) == len(group.steps) and np.array_equal(steps, group.steps):
        return group
    keep = np.isin(group.steps, steps, assume_unique=True)
    columns = [column[keep] for column in group.columns]
    return _Group(group.steps[keep], group.wall_us[keep], group.keys, columns)


def _rows(groups: Sequence[_Group]) -> list[HistoryRow]:
    rows: dict[int, HistoryRow] = {}
    for group in groups:
        columns = [column.tolist() for column in group.columns]
        values = zip(*columns, strict=True)
        steps, times = group.steps.tolist(), group.wall_us.tolist()
        for step, wall_us, row in zip(steps, times, values, strict=True):
            fresh = dict(zip(group.keys, row, strict=True))
            known = rows.get(step)
            if known is None:
                rows[step] = HistoryRow(step, wall_us, fresh)
            else:
                known.values.update(fresh)
                if wall_us > known.wall_us:
                    rows[step] = known._replace(wall_us=wall_us)
    return [rows[step] for step in sorted(rows)] if len(groups) > 1 else list(rows.values())
