"""Series: buckets for charts and exact points, as the binary columns of docs/internals/wire.md."""

from __future__ import annotations

import math

import msgspec

from epochal.domain.access import Permission, Principal
from epochal.domain.formula import MAX_LENGTH, parse_formula
from epochal.domain.names import MAX_KEY, check_uid
from epochal.domain.view import BucketQuery, MetricAxis, PointQuery, SeriesRef
from epochal.errors import InvalidInput
from epochal.service import bounds
from epochal.service.permission import require
from epochal.store import series as stored
from epochal.store.owner import Store

MAX_FORMULAS = 100


def query_buckets(store: Store, principal: Principal | None, query: BucketQuery) -> bytes:
    """Series on one shared grid.

    Raises:
        QuerySyntaxError: a formula cannot be read.
        InvalidInput: too many series, or numbers that make no range or weight.
    """
    require(principal, Permission.READ)
    buckets = bounds.clamp(query.buckets, 1, bounds.MAX_BUCKETS)
    bounds.at_most(query.series, bounds.MAX_SERIES, "series")
    count = sum(max(1, len(ref.runs)) for ref in query.series)
    bounds.at_most(range(count), bounds.MAX_SERIES, "series, those of all runs of groups counted")
    if count * buckets > bounds.MAX_CELLS:
        raise InvalidInput(
            f"{count:,} series of {buckets:,} buckets are more than "
            f"{bounds.MAX_CELLS:,} cells; ask for fewer buckets or in parts"
        )
    for ref in query.series:
        _check_series(ref)
    if isinstance(query.x, MetricAxis):
        bounds.plain_text(query.x.metric, "the x metric", MAX_KEY)
    _check_range(query.lo, query.hi)
    if query.smooth is not None and not 0 < query.smooth < 1:
        raise InvalidInput(f"smooth must lie between 0 and 1, both left out, got {query.smooth}")
    return stored.query_buckets(store, msgspec.structs.replace(query, buckets=buckets))


def query_points(store: Store, principal: Principal | None, query: PointQuery) -> bytes:
    """Exact points of some series of one run.

    Raises:
        NotFound: there is no such run.
        QuerySyntaxError: a formula cannot be read.
        InvalidInput: too many keys, or steps that make no range.
    """
    require(principal, Permission.READ)
    check_uid(query.run)
    bounds.keys(query.keys, bounds.MAX_POINT_KEYS, "keys")
    bounds.at_most(query.formulas, MAX_FORMULAS, "formulas")
    for text in query.formulas:
        parse_formula(bounds.plain_text(text, "a formula", MAX_LENGTH))
    for name, step in (("lo", query.lo), ("hi", query.hi)):
        if step is not None and not -(2**63) <= step < 2**63:
            raise InvalidInput(f"{name} must be a step of 64 bits, got {step}")
    _check_range(query.lo, query.hi)
    return stored.query_points(store, query)


def _check_series(ref: SeriesRef) -> None:
    if ref.run and ref.runs:
        raise InvalidInput("a series is of one run or of several runs; got both run and runs")
    if ref.key and ref.formula:
        raise InvalidInput(f"a series has a key or a formula; got both, {ref.key!r} first")
    for uid in ref.runs or [ref.run]:
        check_uid(uid)
    bounds.plain_text(ref.key, "a series key", MAX_KEY)
    if ref.formula:
        parse_formula(bounds.plain_text(ref.formula, "a formula", MAX_LENGTH))


def _check_range(lo: float | None, hi: float | None) -> None:
    for name, value in (("lo", lo), ("hi", hi)):
        if value is not None and not math.isfinite(value):
            raise InvalidInput(
                f"{name} must be a finite number, got {value}; leave it out for no bound"
            )
    if lo is not None and hi is not None and lo > hi:
        raise InvalidInput(f"lo must not be larger than hi, got {lo} and {hi}")
