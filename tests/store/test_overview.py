import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epochal.store.buckets import bucket_series, choose_grid
from epochal.store.columns import ColumnGroup
from epochal.store.overview import bucket_steps, step_extent
from epochal.store.parts import Stretch
from epochal.store.points import WriterPoints, assemble
from epochal.store.segment import Segment, write_segment
from tests.store.arrays import group_of

EXACT = (
    "bucket", "n", "x_first", "x_last", "first", "last", "min", "max",
    "n_nan", "n_posinf", "n_neginf",
)  # fmt: skip


def segment_part(directory, name, group):
    path = directory / f"{name}.eps"
    write_segment(path, [group])
    return Segment(path).parts("v")


@st.composite
def runs(draw):
    """Writers with long segments and short tails; steps dense, sparse, ragged, repeated or cut."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    writers = []
    start = draw(st.integers(-5000, 2**40))
    for _ in range(draw(st.integers(1, 3))):
        pieces: list[tuple[bool, ColumnGroup]] = []
        order = 0
        for _ in range(draw(st.integers(1, 3))):
            rows = draw(st.sampled_from([1, 30, 1024, 1500, 4000]))
            gaps = random.integers(1, draw(st.sampled_from([2, 3, 300])), rows)
            step = start + np.cumsum(gaps)
            if draw(st.integers(0, 7)) == 0:
                step = random.permutation(step)
            start = int(step.max()) - draw(st.sampled_from([0, 0, 0, 5, 700]))
            value = random.standard_normal(rows)
            spoiled = random.random(rows) < draw(st.sampled_from([0.0, 0.002, 0.5]))
            value[spoiled] = random.choice([math.nan, math.inf, -math.inf, 1e30], spoiled.sum())
            if draw(st.booleans()):
                value = value.astype(np.float32).astype(np.float64)
            group = group_of({"v": value}, step=step, first_order=order)
            pieces.append((draw(st.integers(0, 3)) > 0, group))
            order += rows
        cut = (draw(st.integers(0, order)), start - draw(st.integers(-200, 3000)))
        writers.append((pieces, [cut] if draw(st.integers(0, 2)) == 0 else []))
    return writers


@given(runs(), st.data())
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_mips_answer_exactly_what_the_points_answer(tmp_path, run, data):
    """At any zoom and under any cut: extremes, ends and every NaN are equal, not close."""
    writers: list[WriterPoints] = []
    for pieces, cuts in run:
        parts: list[Stretch] = []
        for number, (stored, group) in enumerate(pieces):
            name = f"{len(writers)}-{number}"
            parts += segment_part(tmp_path, name, group) if stored else [group.part("v")]
        writers.append(WriterPoints(parts, cuts))
    points = assemble(writers, "last")
    extent = step_extent(writers)
    if extent is None:
        assert len(points) == 0
        return
    lo, hi = sorted(data.draw(st.integers(*extent)) for _ in range(2))
    if data.draw(st.booleans()):
        lo, hi = extent
    grid = choose_grid(lo, hi, data.draw(st.sampled_from([1, 2, 7, 40, 400])))
    found = bucket_steps(writers, grid)
    expected = bucket_series(points.step, points.value, grid)
    for name in EXACT:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-5, atol=1e-6)


@pytest.fixture
def million(tmp_path):
    random = np.random.default_rng(3)
    value = random.standard_normal(1_000_000).astype(np.float32).astype(np.float64)
    value[[17, 500_001, 999_999]] = [1e6, -1e6, np.nan]
    write_segment(tmp_path / "a.eps", [group_of({"v": value})])
    return Segment(tmp_path / "a.eps"), value


def test_a_chart_of_a_long_series_reads_no_column(million):
    """The whole run is answered from the coarse copy; the values stay on disk."""
    segment, value = million
    used: list[int] = []
    read = segment.block

    def block(index):
        used.append(index)
        return read(index)

    segment.block = block
    found = bucket_steps([WriterPoints(segment.parts("v"))], choose_grid(0, 999_999, 1500))
    columns = {b for group in segment.directory.groups for b in group.columns.block}
    assert used
    assert not columns & set(used)
    assert (found.max.max(), found.min.min(), found.n_nan.sum()) == (1e6, -1e6, 1)
    assert found.n.sum() == len(value)


def test_a_close_view_reads_points_of_the_segments_in_view_only(million):
    """Buckets narrower than a cell come from the points themselves."""
    segment, value = million
    grid = choose_grid(500_000, 500_100, 400)
    found = bucket_steps([WriterPoints(segment.parts("v"))], grid)
    np.testing.assert_array_equal(found.first, value[500_000 : 500_000 + len(found)])
    assert grid.width == 1.0


def test_smoothing_reads_everything(million):
    """The average is that of the full data."""
    segment, value = million
    grid = choose_grid(0, 999_999, 1500)
    writers = [WriterPoints(segment.parts("v"))]
    found = bucket_steps(writers, grid, smooth=0.99)
    expected = bucket_series(np.arange(1_000_000), value, grid, smooth=0.99)
    assert found.smooth is not None
    np.testing.assert_array_equal(found.smooth, expected.smooth)


def test_steps_at_the_ends_of_int64_have_buckets_too(tmp_path):
    """No wrap-around at the far ends."""
    step = np.array([-(2**63), 0, 2**63 - 1])
    write_segment(tmp_path / "a.eps", [group_of({"v": np.arange(3.0)}, step=step)])
    writers = [WriterPoints(Segment(tmp_path / "a.eps").parts("v"))]
    found = bucket_steps(writers, choose_grid(-(2**63), 2**63 - 1, 10))
    assert found.n.tolist() == [1, 1, 1]
    assert step_extent(writers) == (-(2**63), 2**63 - 1)
