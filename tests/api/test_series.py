from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from epochal.api.series import Points, join, read_points
from epochal.domain.columns import pack_columns
from tests.api.recorded import NAN_BITS, bits

VALUES = st.floats(allow_nan=False, width=64)
SERIES = st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 6), VALUES), max_size=12)


def points(key: str, rows: list[tuple[int, int, float]]) -> Points:
    return Points(
        key,
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
    )


def last_per_step(rows: list[tuple[int, int, float]]) -> list[tuple[int, int, float]]:
    return [row for _, row in sorted({row[0]: row for row in rows}.items())]


@given(st.lists(SERIES, min_size=1, max_size=4))
def test_the_join_of_last_points_is_an_outer_join_on_the_step(
    series: list[list[tuple[int, int, float]]],
) -> None:
    """Compared with the same thing done by dicts, one point at a time."""
    rows = [last_per_step(one) for one in series]
    table = join([points(str(i), one) for i, one in enumerate(rows)], "last")
    steps = sorted({row[0] for one in rows for row in one})
    assert table.step.tolist() == steps
    for index, one in enumerate(rows):
        expected = {row[0]: row[2] for row in one}
        there = table.present[index]
        shown = [True] * len(steps) if there is None else there.tolist()
        assert shown == [step in expected for step in steps]
        found = table.values[index].tolist()
        for step, value, is_there in zip(steps, found, shown, strict=True):
            assert math.isnan(value) if not is_there else bits(value) == bits(expected[step])


@given(st.lists(SERIES, min_size=1, max_size=4))
def test_the_join_of_all_points_loses_and_doubles_none(
    series: list[list[tuple[int, int, float]]],
) -> None:
    """Each series, read back from the table in row order, holds its points in order."""
    rows = [sorted(one, key=lambda row: (row[1], row[0])) for one in series]
    table = join([points(str(i), one) for i, one in enumerate(rows)], "all")
    for index, one in enumerate(rows):
        there = table.present[index]
        shown = np.ones(len(table.step), np.bool_) if there is None else there
        found = zip(
            table.step[shown].tolist(),
            table.time[shown].tolist(),
            table.values[index][shown].tolist(),
            strict=True,
        )
        assert list(found) == one


def test_points_of_one_logged_row_share_a_row() -> None:
    """A repeated pair of step and time: the n-th of one series beside the n-th of the other."""
    table = join(
        [
            points("a", [(1, 10, 1.0), (1, 10, 2.0), (0, 20, 3.0)]),
            points("b", [(1, 10, 5.0), (0, 20, 6.0)]),
        ],
        "all",
    )
    assert table.step.tolist() == [1, 1, 0]
    assert table.values[0].tolist() == [1.0, 2.0, 3.0]
    assert table.present[1] is not None
    assert table.present[1].tolist() == [True, False, True]


def test_integers_with_gaps_stay_exact() -> None:
    """Small ones become floats with NaN in the gaps; large ones stay beside their mask."""
    axis = points("x", [(0, 0, 0.0), (1, 1, 1.0)])
    small = Points("s", np.array([1]), np.array([1]), np.array([7]))
    large = Points("l", np.array([1]), np.array([1]), np.array([2**53 + 1]))
    table = join([axis, small, large], "last")
    assert math.isnan(table.values[1][0])
    assert table.values[1][1] == 7.0
    assert table.values[2].dtype == np.int64
    assert table.values[2][1] == 2**53 + 1


def test_nan_keeps_its_payload_through_wire_and_join() -> None:
    """Bits that no arithmetic touches are bits that arrive."""
    value = np.array([NAN_BITS, 0], np.uint64).view(np.float64)
    axis = np.arange(2, dtype=np.int64)
    body = pack_columns(
        {"series": [{"key": "k", "start": 0, "count": 2, "integer": False}]},
        [("step", axis), ("wall_us", axis), ("value", value)],
    )
    read = read_points(body)[0]
    table = join([read, points("other", [(5, 5, 1.0)])], "last")
    assert table.values[0][:2].view(np.uint64).tolist() == [NAN_BITS, 0]
