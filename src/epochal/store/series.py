"""Points and buckets of series, wherever their rows lie.

A series that does not exist is empty, so that one missing line does not break a panel. So are
those of a run that does not exist, as long as another one of the same question does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from epochal.domain.formula import Metric, parse_formula
from epochal.domain.values import INT64_MAX, INT64_MIN
from epochal.domain.view import BucketQuery, MetricAxis, PointQuery, SeriesRef
from epochal.errors import InvalidInput
from epochal.store.answer import pack_buckets, pack_points
from epochal.store.apart import grid_apart
from epochal.store.bands import combine
from epochal.store.buckets import Buckets, bucket_many
from epochal.store.computed import compute
from epochal.store.crossed import cross
from epochal.store.formulas import formula_points
from epochal.store.gather import RunSeries, gather, gather_all
from epochal.store.grid import choose_grid
from epochal.store.loggrid import AnyGrid, choose_log_grid
from epochal.store.overview import bucket_steps, step_extent
from epochal.store.points import Points, WriterPoints, assemble, find_windows, step_values
from epochal.store.rows import no_run
from epochal.store.store import Store
from epochal.store.times import find_timed

MAX_SERIES = 5000
MAX_BUCKETS = 8192
LONG = 1 << 17
"""A series of so many points is answered from its mips where that is exact."""

Axis = NDArray[np.int64] | NDArray[np.float64]
Pair = tuple[Axis, Axis]


def series_points(
    store: Store,
    uid: str,
    key: str,
    view: Literal["last", "all"] = "last",
    *,
    lo: int | None = None,
    hi: int | None = None,
) -> Points:
    """The points of one series, bit-exact; empty when the run has no such series.

    Raises:
        NotFound: no such run.
        CorruptFile: a file of the run is damaged.
    """
    return assemble(gather(store, uid).points_of(store, key), view, lo=lo, hi=hi)


def query_points(store: Store, query: PointQuery) -> bytes:
    """Exact points of some series of one run, as binary columns.

    Raises:
        NotFound: no such run.
        QuerySyntaxError: a formula cannot be read.
        InvalidInput: too many keys.
        CorruptFile: a file of the run is damaged.
    """
    _check_count(len(query.keys) + len(query.formulas))
    series = gather(store, query.run)
    found = [
        (key, assemble(series.points_of(store, key), query.view, lo=query.lo, hi=query.hi))
        for key in query.keys
    ]
    found += [
        (text, formula_points(store, series, text).between(query.lo, query.hi))
        for text in query.formulas
    ]
    return pack_points(query.run, query.view, found)


def query_buckets(store: Store, query: BucketQuery) -> bytes:
    """Series reduced to buckets on one shared grid, as binary columns.

    Raises:
        NotFound: none of the runs exists.
        QuerySyntaxError: a formula cannot be read.
        InvalidInput: a number is out of range.
        CorruptFile: a file of one of the runs is damaged.
    """
    _check_query(query)
    members = list(dict.fromkeys(member for ref in query.series for member in _members(ref)))
    runs = _gather_all(store, list(dict.fromkeys(one.run for one in members)))
    if query.x == "step":
        grid, buckets, extent = _on_steps(store, query, members, runs)
    else:
        grid, buckets, extent = _on_other(store, query, members, runs)
    x = {"metric": query.x.metric} if isinstance(query.x, MetricAxis) else query.x
    found = dict(zip(members, buckets, strict=True))
    answer = [
        (ref.run, ref.formula or ref.key, _one(ref, [found[member] for member in _members(ref)]))
        for ref in query.series
    ]
    return pack_buckets(grid, answer, x=x, lo=extent[0], hi=extent[1], fields=query.fields)


def _gather_all(store: Store, uids: Sequence[str]) -> dict[str, RunSeries]:
    """The rows of each run; one that does not exist has none, as long as another one does."""
    found = gather_all(store, uids)
    if uids and not found:
        raise no_run(uids[0])
    return {uid: found.get(uid, RunSeries(uid, 0, ())) for uid in uids}


class _Member(NamedTuple):
    """A series of one run."""

    run: str
    key: str
    formula: str

    def source(
        self, store: Store, series: RunSeries, *, smooth: bool = False
    ) -> list[WriterPoints] | None:
        """What to read; None of a formula that should be read as a whole."""
        if not self.formula:
            return series.points_of(store, self.key)
        found = compute(store, series, self.formula)
        return found.writers if found and (found.exact or not smooth) else None

    def points(self, store: Store, series: RunSeries) -> Points:
        if self.formula:
            return formula_points(store, series, self.formula)
        return assemble(series.points_of(store, self.key), "last")


def _members(ref: SeriesRef) -> list[_Member]:
    """The series of each run, a run that is named twice once."""
    return [_Member(run, ref.key, ref.formula) for run in dict.fromkeys(ref.runs or [ref.run])]


def _one(ref: SeriesRef, parts: list[Buckets]) -> Buckets:
    return combine(parts) if ref.runs else parts[0]


def _check_query(query: BucketQuery) -> None:
    _check_count(len(query.series))
    if not 1 <= query.buckets <= MAX_BUCKETS:
        raise InvalidInput(f"buckets must be from 1 to {MAX_BUCKETS}, got {query.buckets}")
    if query.lo is not None and query.hi is not None and not query.lo <= query.hi:
        raise InvalidInput(f"lo must not be greater than hi, got {query.lo} and {query.hi}")
    if query.smooth is not None and not 0 < query.smooth < 1:
        raise InvalidInput(f"smooth must be between 0 and 1, got {query.smooth}")


def _check_count(count: int) -> None:
    if count > MAX_SERIES:
        raise InvalidInput(f"one query may ask for {MAX_SERIES} series, got {count}")


def _on_steps(
    store: Store, query: BucketQuery, members: Sequence[_Member], runs: dict[str, RunSeries]
) -> tuple[AnyGrid, list[Buckets], tuple[float, float]]:
    """Buckets over steps: long series from their mips, short ones stacked."""
    sources: list[list[WriterPoints]] = []
    pairs: dict[int, Pair] = {}
    for index, member in enumerate(members):
        source = member.source(store, runs[member.run], smooth=query.smooth is not None)
        if source is None:
            points = member.points(store, runs[member.run])
            pairs[index] = points.step, points.value
        sources.append(source or [])
    known = [step_extent(source) for source in sources]
    extent = _extent([*known, *(_bounds(step) for step, _ in pairs.values())], query)
    long = []
    for index, source in enumerate(sources):
        if index in pairs:
            continue
        if members[index].formula or _size(source) >= LONG:
            long.append(index)
        else:
            pairs[index] = step_values(find_windows(source), INT64_MIN, INT64_MAX)
    grid = _fine_grid(query, extent, pairs, len(sources)) or _grid(
        query, extent, max(1, extent[0])
    )
    found: list[Buckets | None] = [None] * len(sources)
    for index in long:
        found[index] = bucket_steps(sources[index], grid, smooth=query.smooth)
    stacked = bucket_many(list(pairs.values()), grid, smooth=query.smooth)
    for index, part in zip(pairs, stacked, strict=True):
        found[index] = part
    return grid, [part for part in found if part is not None], extent


def _on_other(
    store: Store, query: BucketQuery, members: Sequence[_Member], runs: dict[str, RunSeries]
) -> tuple[AnyGrid, list[Buckets], tuple[float, float]]:
    """Buckets over times or a metric: long series piece by piece where that gives the same."""
    long: dict[int, _Long] = {}
    pairs: dict[int, Pair] = {}
    for index, member in enumerate(members):
        one = _find_long(store, query, member, runs[member.run])
        if one is None:
            pairs[index] = _pair(store, runs[member.run], member, query)
        else:
            long[index] = one
    known = [one.bounds for one in long.values()]
    extent = _extent([*known, *(_bounds(x) for x, _ in pairs.values())], query)
    least = min(
        [one.positive for one in long.values()] + [_least_positive(x) for x, _ in pairs.values()],
        default=math.inf,
    )
    whole = not isinstance(query.x, MetricAxis)
    grid = _fine_grid(query, extent, pairs, len(members), whole=whole) or _grid(
        query, extent, least, whole=whole
    )
    found: dict[int, Buckets] = {}
    for index, one in long.items():
        part = one.buckets(grid)
        if part is None:
            pairs[index] = _pair(store, runs[members[index].run], members[index], query)
        else:
            found[index] = part
    found |= zip(pairs, bucket_many(list(pairs.values()), grid, smooth=query.smooth), strict=True)
    return grid, [found[index] for index in range(len(members))], extent


class _Long(NamedTuple):
    """A series that need not be in memory as a whole.

    Attributes:
        bounds: the lowest and the highest finite x; None when there is none.
        positive: the lowest x above 0, or a lower bound of it.
        buckets: reduces it; None where it must be read as a whole after all.
    """

    bounds: tuple[float, float] | None
    positive: float
    buckets: Callable[[AnyGrid], Buckets | None]


def _find_long(
    store: Store, query: BucketQuery, member: _Member, series: RunSeries
) -> _Long | None:
    if isinstance(query.x, MetricAxis):
        if query.smooth is not None:
            return None
        formula = parse_formula(member.formula) if member.formula else Metric(member.key)
        name = member.formula or f"y {member.key}"
        crossed = cross(store, series, name, formula, query.x.metric)
        if crossed is None:
            return None
        return _Long(crossed.bounds, crossed.positive, crossed.buckets)
    source = member.source(store, series, smooth=True)
    shift = series.created_us if query.x == "relative" else 0
    timed = find_timed(
        find_windows(source or []), shift, store.segments.timed, smooth=query.smooth is not None
    )
    if timed is None:
        return None
    positive = max(1, timed.bounds[0]) if timed.bounds else math.inf
    return _Long(timed.bounds, positive, lambda grid: timed.buckets(grid, query.smooth))


def _size(source: Sequence[WriterPoints]) -> int:
    return sum(part.count for writer in source for part in writer.parts)


def _pair(store: Store, series: RunSeries, member: _Member, query: BucketQuery) -> Pair:
    points = member.points(store, series)
    if isinstance(query.x, MetricAxis):
        axis = assemble(series.points_of(store, query.x.metric), "last")
        _, mine, other = np.intersect1d(
            points.step, axis.step, assume_unique=True, return_indices=True
        )
        return axis.value[other], points.value[mine]
    x = points.wall_us if query.x == "wall" else points.wall_us - series.created_us
    return x, points.value


def _grid(
    query: BucketQuery, extent: tuple[float, float], least: float, *, whole: bool = True
) -> AnyGrid:
    """The grid of the axis' own scale; ``least`` is the lowest x of the data above 0."""
    lo, hi = extent
    if query.scale == "linear" or hi <= 0 or least > hi:
        return choose_grid(lo, hi, query.buckets, whole=whole)
    shown = lo if query.lo is not None and lo > 0 else max(lo, least)
    below = query.lo is None
    return choose_log_grid(shown, hi, query.buckets, whole=whole, below=below, least=lo)


def _fine_grid(
    query: BucketQuery,
    extent: tuple[float, float],
    pairs: dict[int, Pair],
    count: int,
    *,
    whole: bool = True,
) -> AnyGrid | None:
    """The grid on which each point has its own bucket, where that is wanted of all series."""
    grouped = any(ref.runs for ref in query.series)
    if query.points < 1 or query.scale == "log" or grouped or len(pairs) < count or not pairs:
        return None
    axes = (x for x, _ in pairs.values())
    return grid_apart(axes, extent, query.buckets, query.points, whole=whole)


def _least_positive(x: Axis) -> float:
    above = x[x > 0]
    return above.min().item() if len(above) else math.inf


def _bounds(x: Axis) -> tuple[float, float] | None:
    finite = x if x.dtype == np.int64 else x[np.isfinite(x)]
    return (finite.min().item(), finite.max().item()) if len(finite) else None


def _extent(
    bounds: Sequence[tuple[float, float] | None], query: BucketQuery
) -> tuple[float, float]:
    """The visible range: as asked for, else that of the data."""
    known = [pair for pair in bounds if pair is not None]
    lo = query.lo if query.lo is not None else min((pair[0] for pair in known), default=0)
    hi = query.hi if query.hi is not None else max((pair[1] for pair in known), default=lo)
    return lo, max(lo, hi)
