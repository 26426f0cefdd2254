"""Formulas and metric axes that are read piece by piece say what all points say."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest

from epochal.domain.columns import unpack_columns
from epochal.domain.formula import Metric, parse_formula
from epochal.domain.view import BucketQuery, MetricAxis, SeriesRef
from epochal.store import computed, series, tails
from epochal.store.buckets import Buckets, bucket_series
from epochal.store.columns import ColumnGroup
from epochal.store.computed import compute
from epochal.store.crossed import cross
from epochal.store.formulas import formula_points
from epochal.store.gather import RunSeries, WriterRows
from epochal.store.grid import choose_grid
from epochal.store.ingest import ingest_home
from epochal.store.loggrid import choose_log_grid
from epochal.store.overview import bucket_steps, step_extent
from epochal.store.points import CutAt, assemble
from epochal.store.segment import write_segment
from tests.store.journals import START, Writing

KEY_SETS = (("a", "b", "c", "x"), ("a", "x"), ("b", "c"), ("a", "b", "x"))
FORMULAS = ("a - b", "(a - 0.25) ** 2", "max(a, b) / c", "a + latest(b)", "log(a) * 3")


@pytest.fixture(autouse=True)
def everything_is_long(monkeypatch):
    monkeypatch.setattr(computed, "LONG", 1)
    monkeypatch.setattr(tails, "LONG", 1)


def any_run(store, random: np.random.Generator, *, tidy: bool = False) -> RunSeries:
    """Writers with stored and fresh stretches; keys together and apart, steps back and cut off."""
    uid = f"{random.integers(2**32):032x}"
    store.segments.path(uid, "").mkdir(parents=True)
    writers = []
    start, x = int(random.integers(0, 9000)), 0.0
    for number in range(1 if tidy else random.integers(1, 3)):
        files: list[str] = []
        groups: list[ColumnGroup] = []
        order = 0
        for piece in range(random.integers(1, 5)):
            keys = KEY_SETS[0 if tidy else random.integers(len(KEY_SETS))]
            group, x = any_group(random, keys, start, order, x, tidy=tidy)
            order += len(group)
            start = int(group.step.max()) + (1 if tidy else int(random.choice([1, 1, 1, -60])))
            if not groups and random.random() < 0.7:
                files.append(f"{number}-{piece}.eps")
                write_segment(store.segments.path(uid, files[-1]), [group])
            else:
                groups.append(group)
        cuts = () if tidy or random.random() < 0.7 else (CutAt(order, start - 500),)
        writers.append(WriterRows(f"w{number}", number, tuple(files), tuple(groups), cuts))
    return RunSeries(uid, START, tuple(writers))


def any_group(random, keys, start, order, x, *, tidy):
    rows = int(random.choice([40, 1500, 4000]))
    step = start + np.cumsum(random.integers(1, random.choice([2, 3, 9]), rows))
    if not tidy and random.random() < 0.1:
        step = random.permutation(step)
    values = []
    for key in keys:
        value = random.standard_normal(rows)
        value[random.random(rows) < 0.01] = random.choice([math.nan, math.inf, -math.inf, 0.0])
        if key == "x":
            grown = x + np.cumsum(random.random(rows) < 0.3) * 0.5
            value = np.where(np.isfinite(value), grown, value)
            x = float(grown[-1])
        values.append(value)
    wall = START + step * 1000
    return ColumnGroup(list(keys), order + np.arange(rows), step, wall, values), x


def assert_same(found: Buckets, expected: Buckets) -> None:
    for field in fields(Buckets):
        name = field.name
        one, other = getattr(found, name), getattr(expected, name)
        if name in {"mean", "smooth", "x_first", "x_last"} and other is not None:
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9, err_msg=name)
        elif other is not None:
            np.testing.assert_array_equal(one, other, name)


def some_grids(random, lo, hi, *, whole):
    near, far = sorted(lo + (hi - lo) * random.random(2))
    if whole:
        near, far = int(near), int(far)
    for begin, end in ((lo, hi), (near, far), (lo, lo + (hi - lo) / 50)):
        for buckets in (3, 200):
            yield choose_grid(begin, end, buckets, whole=whole)
    if hi > 0:
        yield choose_log_grid(max(lo, 1), max(hi, 1), 60, whole=whole, below=True)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("text", FORMULAS)
def test_the_buckets_of_a_formula_are_those_of_its_points(store, text, seed):
    random = np.random.default_rng(seed)
    run = any_run(store, random)
    points = formula_points(store, run, text)
    for _ in range(2):  # the second time from what is kept
        found = compute(store, run, text)
        if found is None or not len(points):
            assert len(points) == 0
            return
        lo, hi = step_extent(found.writers) or (0, 0)
        assert lo <= points.step[0]
        assert points.step[-1] <= hi
        for grid in some_grids(np.random.default_rng(seed), lo, hi, whole=True):
            expected = bucket_series(points.step, points.value, grid)
            assert_same(bucket_steps(found.writers, grid), expected)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("text", ["a", "a - b", "a + latest(b)"])
def test_the_buckets_over_a_metric_are_those_of_its_points(store, text, seed):
    random = np.random.default_rng(seed)
    run = any_run(store, random)
    points = formula_points(store, run, text)
    axis = assemble(run.points_of(store, "x"), "last")
    _, mine, other = np.intersect1d(points.step, axis.step, return_indices=True)
    x, value = axis.value[other], points.value[mine]
    for _ in range(2):
        found = cross(store, run, text, parse_formula(text), "x")
        if found is None:
            return
        finite = x[np.isfinite(x)]
        assert found.bounds == ((finite.min(), finite.max()) if len(finite) else None)
        if found.bounds is None:
            return
        assert found.positive == min(finite[finite > 0], default=math.inf)
        for grid in some_grids(np.random.default_rng(seed), *found.bounds, whole=False):
            assert_same(found.buckets(grid), bucket_series(x, value, grid))


def stored(store, begins: tuple[float, ...]) -> RunSeries:
    """Segments of 2,000 rows each, with a metric x that begins with these values."""
    random = np.random.default_rng(1)
    store.segments.path("r", "").mkdir(parents=True)
    files = []
    for number, begin in enumerate(begins):
        step = np.arange(number * 2000, number * 2000 + 2000)
        values = [random.random(2000), random.random(2000), begin + step % 50.0]
        files.append(f"{number}.eps")
        write_segment(
            store.segments.path("r", files[-1]),
            [ColumnGroup(["a", "b", "x"], step, step, START + step, values)],
        )
    return RunSeries("r", START, (WriterRows("w", 0, tuple(files), (), ()),))


def test_a_metric_that_goes_back_is_read_as_a_whole(store):
    run = stored(store, (100.0, 0.0))
    assert cross(store, run, "a", Metric("a"), "x") is None


def test_what_was_kept_is_not_read_again(store, monkeypatch):
    run = stored(store, (0.0, 100.0))
    over = cross(store, run, "a - b", parse_formula("a - b"), "x")
    found = compute(store, run, "a - b")
    assert found is not None
    assert found.exact
    assert over is not None
    wide, over_wide = choose_grid(0, 3999, 2), choose_grid(0, 149, 3)
    before, over_before = bucket_steps(found.writers, wide), over.buckets(over_wide)
    monkeypatch.setattr(computed, "step_values", None)  # whoever reads fails
    again = compute(store, run, "a - b")
    over_again = cross(store, run, "a - b", parse_formula("a - b"), "x")
    assert again is not None
    assert over_again is not None
    assert_same(bucket_steps(again.writers, wide), before)
    assert_same(over_again.buckets(over_wide), over_before)
    with pytest.raises(TypeError):
        bucket_steps(again.writers, choose_grid(0, 300, 300))


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("smooth", [None, 0.9])
@pytest.mark.parametrize("x", ["step", "wall", "relative", MetricAxis("x")])
def test_a_query_answers_the_same_whether_pieces_or_everything_is_read(
    store, monkeypatch, x, smooth, scale
):
    writing = Writing(store.home)
    random = np.random.default_rng(4)
    for begin in range(0, 6000, 2000):
        steps = list(range(begin, begin + 2000))
        rows = [{"a": v, "b": w, "x": s // 7 / 3} for s, v, w in zip(
            steps, random.standard_normal(2000).tolist(), random.random(2000).tolist(), strict=True
        )]  # fmt: skip
        writing.rows(steps, rows)
        ingest_home(store)
    refs = [SeriesRef(writing.uid, formula="a / b"), SeriesRef(writing.uid, "a")]
    query = BucketQuery(refs, x=x, smooth=smooth, scale=scale, buckets=90)
    head, pieces = unpack_columns(series.query_buckets(store, query))
    monkeypatch.setattr(computed, "LONG", 1 << 40)
    monkeypatch.setattr(tails, "LONG", 1 << 40)
    whole_head, whole = unpack_columns(series.query_buckets(store, query))
    assert head == whole_head
    assert set(pieces) == set(whole)
    for name, column in whole.items():
        if name in {"mean", "smooth"}:
            np.testing.assert_allclose(pieces[name], column, rtol=1e-3, atol=1e-5, err_msg=name)
        else:
            np.testing.assert_array_equal(pieces[name], column, name)
