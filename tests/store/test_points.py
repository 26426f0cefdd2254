import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from epochal.store.parts import Part
from epochal.store.points import WriterPoints, assemble, find_windows

STEP = st.one_of(st.integers(0, 30), st.integers(-(2**63), 2**63 - 1))

BOUND = st.one_of(st.none(), STEP)
VIEW = st.sampled_from(["all", "last"])


@st.composite
def writers(draw, step=STEP):
    """Writers with parts that may interleave, and cuts at any place."""
    result = []
    for _ in range(draw(st.integers(0, 4))):
        total = draw(st.integers(0, 25))
        if draw(st.booleans()):
            steps = np.cumsum(draw(st.lists(st.integers(1, 3), min_size=total, max_size=total)))
        else:
            steps = draw(st.lists(step, min_size=total, max_size=total))
        steps = np.array(steps, np.int64)
        homes = np.array(draw(st.lists(st.integers(0, 2), min_size=total, max_size=total)), int)
        if draw(st.booleans()):
            homes = np.sort(homes)
        order = np.arange(total) * 2 + draw(st.integers(0, 9))
        parts = [
            Part(order[at], steps[at], steps[at] % 1000 + 7, order[at] * 0.5)
            for home in range(3)
            if (at := np.flatnonzero(homes == home)).size
        ]
        cuts = draw(st.lists(st.tuples(st.integers(0, 60), step), max_size=3))
        result.append(WriterPoints(parts, cuts))
    return result


def naive(given_writers, view, lo, hi):
    """Point by point: is it visible, and is it the last of its step?"""
    points = []
    for index, writer in enumerate(given_writers):
        cells = [
            (order, step, wall, value)
            for part in writer.parts
            for order, step, wall, value in zip(
                part.order.tolist(),
                part.step.tolist(),
                part.wall_us.tolist(),
                part.value.tolist(),
                strict=True,
            )
        ]
        for order, step, wall, value in sorted(cells):
            own = any(order < at and step >= k for at, k in writer.cuts)
            later = any(step >= k for other in given_writers[index + 1 :] for _, k in other.cuts)
            if not own and not later and lo <= step <= hi:
                points.append((step, wall, value))
    if view == "last":
        points = [
            latest[step] for latest in [{p[0]: p for p in points}] for step in sorted(latest)
        ]
    return points


@given(
    writers(),
    st.sampled_from(["all", "last"]),
    st.one_of(st.none(), STEP),
    st.one_of(st.none(), STEP),
)
@settings(max_examples=400)
def test_points_are_those_of_the_plain_rules(given_writers, view, lo, hi):
    """Cuts, duplicates, interleaved parts, ranges: fast ways agree with one point at a time."""
    found = assemble(given_writers, view, lo=lo, hi=hi)
    low = -(2**63) if lo is None else lo
    high = 2**63 - 1 if hi is None else hi
    expected = naive(given_writers, view, low, high)
    rows = zip(found.step.tolist(), found.wall_us.tolist(), found.value.tolist(), strict=True)
    assert list(rows) == expected
    if view == "all":
        assert np.all(found.order[1:] > found.order[:-1])


@given(writers(), st.integers(-5, 40), st.integers(-5, 40))
def test_slicing_afterwards_is_asking_for_the_range(given_writers, lo, hi):
    """`between` and the range of `assemble` mean the same."""
    whole = assemble(given_writers, "last").between(lo, hi)
    part = assemble(given_writers, "last", lo=lo, hi=hi)
    assert whole.step.tolist() == part.step.tolist()
    assert whole.value.tolist() == part.value.tolist()


def part_of(steps, first_order=0):
    step = np.array(steps, np.int64)
    order = np.arange(first_order, first_order + len(step))
    return Part(order, step, step * 10, step * 1.0)


def test_a_resumed_run_hides_what_its_cut_says_and_keeps_the_rest():
    """The resumed writer repeats steps 3 and 4; the old ones stay on disk but out of sight."""
    old = WriterPoints([part_of([1, 2, 3, 4])])
    new = WriterPoints([part_of([3, 4, 5])], cuts=[(0, 3)])
    found = assemble([old, new], "all")
    assert found.step.tolist() == [1, 2, 3, 4, 5]
    assert found.order.tolist() == [0, 1, 4, 5, 6]


def test_a_cut_of_a_writer_without_points_of_the_series_still_hides():
    """The cut is the writer's, not the series'."""
    found = assemble([WriterPoints([part_of([1, 2, 3])]), WriterPoints([], [(0, 2)])], "all")
    assert found.step.tolist() == [1]


def test_what_a_cut_hides_wholly_is_not_even_opened():
    """Hidden stretches are dropped by their numbers alone."""
    writers_ = [WriterPoints([part_of([10, 11]), part_of([1, 2], 2)]), WriterPoints([], [(0, 10)])]
    (window,) = find_windows(writers_)
    assert window.stretch.step_max == 2


def test_integers_stay_integers_unless_floats_join_them():
    """The dtype says what the points were."""
    whole = Part(np.arange(2), np.arange(2), np.arange(2), np.array([2**60 + 1, 1]))
    assert assemble([WriterPoints([whole])], "last").integer
    mixed = assemble([WriterPoints([whole]), WriterPoints([part_of([5])])], "last")
    assert not mixed.integer


def test_no_writer_has_no_points():
    """An empty answer has all its columns."""
    found = assemble([], "all")
    assert (len(found), len(found.wall_us), len(found.value), len(found.order)) == (0, 0, 0, 0)
