"""Means of values of any size: no sum of finite values overflows.

Values up to `HUGE` are summed as they are, so that sums of them, however many, stay finite; larger
ones are summed times `SCALE`, which is exact for them. A sum that overflowed in an older Epochal
tells no mean.
"""

from __future__ import annotations

import sys
from typing import Final

import sqlalchemy as sa

from epochal.store.schema import latest

HUGE: Final = 2.0**900
SCALE: Final = 2.0**-64
_MOST: Final = sys.float_info.max
_FINITE = latest.c.n - latest.c.n_nan - latest.c.n_inf
_COUNT = sa.func.nullif(_FINITE, 0)


def _literal(value: float) -> sa.BindParameter[float]:
    return sa.literal(value, sa.Double)


_HUGE_MEAN = latest.c.huge / _COUNT
_HUGE_PART = sa.case(
    # What rounding puts past the largest float.
    (_literal(_MOST * SCALE) <= _HUGE_MEAN, _literal(_MOST)),
    (_literal(-_MOST * SCALE) >= _HUGE_MEAN, _literal(-_MOST)),
    else_=_HUGE_MEAN / _literal(SCALE),
)
MEAN: Final[sa.ColumnElement[float | None]] = sa.case(
    (sa.func.abs(latest.c.total) > _literal(_MOST), sa.null()),
    (latest.c.huge == 0, latest.c.total / _COUNT),
    else_=latest.c.total / _COUNT + _HUGE_PART,
)
"""Of a series' finite values; NULL where it has none."""


def mean_of(total: float, huge: float, count: int) -> float | None:
    """The same of numbers that were read."""
    if not count or abs(total) > _MOST:
        return None
    if huge == 0.0:
        return total / count
    part = max(-_MOST * SCALE, min(_MOST * SCALE, huge / count)) / SCALE
    return max(-_MOST, min(_MOST, total / count + part))
