"""What is known of each series without reading its points: counts, extremes, the last value.

Aggregates are over finite values; NaN and infinities are counted. The last value is the last
one in the run's order: of the writer that started last, the row written last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import repeat
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa

from epochal.store.codec import Floats
from epochal.store.columns import ColumnGroup
from epochal.store.dialect import insert_each, upsert
from epochal.store.means import HUGE, SCALE
from epochal.store.scalars import Kind, clamp, encode_number
from epochal.store.schema import latest

_STACK_VALUES = 1 << 20
_IN_ONE_QUERY = 200

_ALL_STEPS = sa.select(latest.c.key_id, latest.c.step_max).where(
    latest.c.run_id == sa.bindparam("run")
)
_SOME_STEPS = _ALL_STEPS.where(latest.c.key_id.in_(sa.bindparam("keys", expanding=True)))


class Known(msgspec.Struct):
    """Aggregates over some points of one series.

    ``order`` is the arrival number of the last one.
    """

    n: int
    last: float | int
    last_step: int
    order: int
    step_min: int
    step_max: int
    min: float | None
    max: float | None
    total: float
    huge: float
    n_nan: int
    n_inf: int
    first_nan_step: int | None
    first_nan_order: int
    last_us: int

    def add(self, other: Known) -> None:
        """Take the points of ``other`` in, which are of the same journal or come after."""
        self.n += other.n
        if other.order >= self.order:
            self.last, self.last_step, self.order = other.last, other.last_step, other.order
            self.last_us = other.last_us
        self.step_min = min(self.step_min, other.step_min)
        self.step_max = max(self.step_max, other.step_max)
        self.min = _least(self.min, other.min)
        self.max = _greatest(self.max, other.max)
        self.total += other.total
        self.huge += other.huge
        self.n_nan += other.n_nan
        self.n_inf += other.n_inf
        if other.first_nan_step is not None and (
            self.first_nan_step is None or other.first_nan_order < self.first_nan_order
        ):
            self.first_nan_step, self.first_nan_order = other.first_nan_step, other.first_nan_order


def summarize(groups: Iterable[ColumnGroup]) -> dict[str, Known]:
    """Aggregates of every key in some columns of one journal."""
    known: dict[str, Known] = {}
    for group in groups:
        width = max(1, _STACK_VALUES // len(group))
        for start in range(0, len(group.keys), width):
            keys = group.keys[start : start + width]
            values = group.values[start : start + width]
            for key, found in zip(keys, _reduce(group, values), strict=True):
                before = known.get(key)
                if before is None:
                    known[key] = found
                else:
                    before.add(found)
    return known


def _reduce(group: ColumnGroup, values: Sequence[Any]) -> list[Known]:
    if len(group) == 1:
        return _single(group, values)
    stack = np.array(values, dtype=np.float64)
    count = stack.shape[1]
    step = group.step
    steps = (int(step[-1]), int(group.order[-1]), int(step.min()), int(step.max()))
    last_us = int(group.wall_us[-1])
    lasts = [column[-1].item() for column in values]
    finite = np.isfinite(stack)
    if finite.all():
        lows, highs = stack.min(1).tolist(), stack.max(1).tolist()
        return [
            Known(count, last, *steps, low, high, *sums, 0, 0, None, 0, last_us)
            for last, low, high, sums in zip(
                lasts, lows, highs, _sums(stack, min(lows), max(highs)), strict=True
            )
        ]
    nan = np.isnan(stack)
    first_nan = nan.argmax(1).tolist()
    n_nan = nan.sum(1).tolist()
    n_finite = finite.sum(1).tolist()
    usable = np.where(finite, stack, 0.0)
    lows = np.where(finite, stack, np.inf).min(1).tolist()
    highs = np.where(finite, stack, -np.inf).max(1).tolist()
    sums = list(_sums(usable, float(usable.min()), float(usable.max())))
    return [
        Known(
            count, last, *steps,
            lows[i] if n_finite[i] else None, highs[i] if n_finite[i] else None, *sums[i],
            n_nan[i], count - n_finite[i] - n_nan[i],
            int(step[first_nan[i]]) if n_nan[i] else None,
            int(group.order[first_nan[i]]) if n_nan[i] else 0,
            last_us,
        )
        for i, last in enumerate(lasts)
    ]  # fmt: skip


def _sums(stack: Floats, low: float, high: float) -> Iterable[tuple[float, float]]:
    """Of each row the sum, and that of values too large to be summed as they are."""
    if high <= HUGE and low >= -HUGE:
        return zip(stack.sum(1).tolist(), repeat(0.0))
    far = np.abs(stack) > HUGE
    sums = np.where(far, 0.0, stack).sum(1), (np.where(far, stack, 0.0) * SCALE).sum(1)
    return zip(*(part.tolist() for part in sums), strict=True)


def _single(group: ColumnGroup, values: Sequence[Any]) -> list[Known]:
    """`_reduce` of one row, for which arrays cost more than the work."""
    step, order, last_us = int(group.step[0]), int(group.order[0]), int(group.wall_us[0])
    found = []
    for column in values:
        last = column[0].item()
        value = float(last)
        if value - value == 0.0:  # finite
            one = Known(
                1, last, step, order, step, step, value, value,
                *((0.0, value * SCALE) if abs(value) > HUGE else (value + 0.0, 0.0)),
                0, 0, None, 0, last_us,
            )  # fmt: skip
        elif value == value:  # noqa: PLR0124  # no NaN
            one = Known(
                1, last, step, order, step, step, None, None, 0.0, 0.0, 0, 1, None, 0, last_us
            )
        else:
            one = Known(
                1, last, step, order, step, step, None, None, 0.0, 0.0, 1, 0, step, order, last_us
            )
        found.append(one)
    return found


def to_row(known: Known, run_id: int, key_id: int, started_us: int, rule: int) -> dict[str, Any]:
    """A row of the table ``latest``."""
    value = known.last
    kind, num, txt = (
        (Kind.FLOAT, value, None) if type(value) is float and value - value == 0.0 != value
        else encode_number(value)
    )  # fmt: skip
    low, high = known.min, known.max
    return {
        "key_id": key_id, "run_id": run_id, "n": known.n, "last_kind": int(kind), "last": num,
        "last_txt": txt, "last_step": known.last_step, "last_start": started_us,
        "step_max": known.step_max,
        "min": None if low is None else low + 0.0,  # zero without its sign, as SQLite stores it
        "max": None if high is None else high + 0.0,
        "total": known.total, "huge": known.huge,
        "n_nan": known.n_nan, "n_inf": known.n_inf, "first_nan_step": known.first_nan_step,
        "rule": rule, "last_us": clamp(known.last_us),
    }  # fmt: skip


@cache
def _adding(dialect: str) -> sa.Executable:
    return upsert(dialect, latest, ("key_id", "run_id"), _sum)


def add_rows(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Add aggregates to the ones that are stored."""
    if rows:
        insert_each(connection, _adding(connection.dialect.name), rows)


def newest_steps(connection: sa.Connection, run_id: int, key_ids: Iterable[int]) -> dict[int, int]:
    """The greatest step of each of these series that are stored."""
    wanted = list(key_ids)
    few = len(wanted) <= _IN_ONE_QUERY
    given: dict[str, Any] = {"run": run_id, "keys": wanted} if few else {"run": run_id}
    found = connection.execute(_SOME_STEPS if few else _ALL_STEPS, given)
    return {row.key_id: row.step_max for row in found}


def replace_rows(
    connection: sa.Connection, run_id: int, key_ids: Iterable[int], rows: list[dict[str, Any]]
) -> None:
    """Put computed aggregates in the place of stored ones; keys without a row are removed."""
    gone = sa.delete(latest).where(
        latest.c.run_id == run_id, latest.c.key_id == sa.bindparam("gone")
    )
    marked = [{"gone": key_id} for key_id in key_ids]
    if marked:
        connection.execute(gone, marked)
    if rows:
        connection.execute(sa.insert(latest), rows)


def _sum(new: Any) -> dict[str, Any]:
    old = latest.c
    newer = new.last_start >= old.last_start
    changes: dict[str, Any] = {
        name: sa.case((newer, new[name]), else_=old[name])
        for name in ("last_kind", "last", "last_txt", "last_step", "last_start", "last_us")
    }
    for name in ("n", "total", "huge", "n_nan", "n_inf"):
        changes[name] = old[name] + new[name]
    changes["step_max"] = sa.case((new.step_max > old.step_max, new.step_max), else_=old.step_max)
    changes["min"] = _pick(old.min, new.min, new.min < old.min)
    changes["max"] = _pick(old.max, new.max, new.max > old.max)
    changes["first_nan_step"] = sa.func.coalesce(old.first_nan_step, new.first_nan_step)
    changes["rule"] = new.rule
    return changes


def _pick(old: Any, new: Any, better: Any) -> Any:
    return sa.case((old.is_(None), new), (better, new), else_=old)


def _least(a: float | None, b: float | None) -> float | None:
    return b if a is None or (b is not None and b < a) else a


def _greatest(a: float | None, b: float | None) -> float | None:
    return b if a is None or (b is not None and b > a) else a
