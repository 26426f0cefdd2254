import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.domain.columns import unpack_columns
from epochal.store.answer import pack_buckets, pack_points
from epochal.store.buckets import Buckets, Grid, bucket_series, empty_buckets
from epochal.store.points import Points
from tests.store.arrays import from_bits, same_bits


def buckets_of(value, grid=None, **options) -> Buckets:
    value = np.asarray(value, np.float64)
    return bucket_series(np.arange(len(value)), value, grid or Grid(0, 2.0, 8), **options)


def test_buckets_are_laid_out_as_the_wire_page_says():
    """Head, series and columns of a small answer, name by name."""
    grid = Grid(8, 2.0, 8)
    one = bucket_series(np.array([8, 9, 12]), np.array([1.0, np.nan, 4.0]), grid)
    two = bucket_series(np.array([15]), np.array([0.5]), grid)
    series = [("r1", "loss", one), ("r2", "loss", two)]
    head, columns = unpack_columns(pack_buckets(grid, series, x="step", lo=8.0, hi=20.0))
    assert head == {
        "x": "step",
        "scale": "linear",
        "width": 2.0,
        "origin": 8,
        "lo": 8.0,
        "hi": 20.0,
        "series": [
            {"run": "r1", "key": "loss", "start": 0, "count": 2, "points": 3}
            | {"n_nan": 1, "exact": False},
            {"run": "r2", "key": "loss", "start": 2, "count": 1, "points": 1}
            | {"n_nan": 0, "exact": True},
        ],
    }
    assert {name: (column.dtype.str, column.tolist()) for name, column in columns.items()} == {
        "bucket": ("<u4", [0, 2, 3]),
        "x_first": ("<f4", [0.0, 0.0, 1.0]),
        "x_last": ("<f4", [1.0, 0.0, 1.0]),
        "n": ("<u4", [2, 1, 1]),
        "first": ("<f4", [1.0, 4.0, 0.5]),
        "last": ("<f4", [1.0, 4.0, 0.5]),
        "min": ("<f4", [1.0, 4.0, 0.5]),
        "max": ("<f4", [1.0, 4.0, 0.5]),
        "mean": ("<f4", [1.0, 4.0, 0.5]),
        "n_nan": ("<u4", [1, 0, 0]),
    }


def test_only_the_fields_asked_for_travel():
    """A band needs no first and last."""
    grid = Grid(0, 2.0, 8)
    answer = pack_buckets(
        grid, [("r", "k", buckets_of([1, 2]))], x="wall", lo=0, hi=1, fields=["max", "min"]
    )
    _, columns = unpack_columns(answer)
    assert list(columns) == ["bucket", "x_first", "x_last", "n", "min", "max"]


@pytest.mark.parametrize(
    "values, dtype",
    [
        ([0.1, 0.2, 0.3], "<f4"),
        ([1e300, 0.0], "<f8"),
        ([1e-300, 1.0], "<f8"),
        ([1e9, 1e9 + 1, 1e9 + 2], "<f8"),
        ([0.0, 1e9, 2e9 + 1], "<f4"),
        ([np.nan, np.inf, 1.0], "<f4"),
        ([0.1], "<f4"),
    ],
)
def test_a_column_is_float32_only_where_it_draws_the_same_picture(values, dtype):
    """Overflow, underflow and steps that rounding would flatten all ask for float64."""
    answer = pack_buckets(
        Grid(0, 1.0, 8), [("r", "k", buckets_of(values, Grid(0, 1.0, 8)))], x="step", lo=0, hi=1
    )
    _, columns = unpack_columns(answer)
    assert columns["min"].dtype.str == dtype


def test_a_small_series_is_not_blurred_by_a_large_one():
    """Each series is judged by its own extent."""
    grid = Grid(0, 1.0, 8)
    series = [
        ("a", "k", buckets_of([0.0, 1e12], grid)),
        ("b", "k", buckets_of([1e9, 1e9 + 1], grid)),
    ]
    _, columns = unpack_columns(pack_buckets(grid, series, x="step", lo=0, hi=1))
    assert columns["max"].tolist() == [0.0, 1e12, 1e9, 1e9 + 1]


def test_the_smooth_column_comes_when_it_was_computed():
    """And only then."""
    grid = Grid(0, 2.0, 8)
    smoothed = buckets_of([1, 1, 1], smooth=0.5)
    _, columns = unpack_columns(pack_buckets(grid, [("r", "k", smoothed)], x="step", lo=0, hi=1))
    np.testing.assert_allclose(columns["smooth"], [1.0, 1.0])
    _, columns = unpack_columns(
        pack_buckets(grid, [("r", "k", buckets_of([1, 1]))], x="step", lo=0, hi=1)
    )
    assert "smooth" not in columns


@pytest.mark.parametrize("series", [[], [("r", "k", empty_buckets())]])
def test_an_answer_without_points_has_all_its_columns(series):
    """The page needs no special case."""
    head, columns = unpack_columns(pack_buckets(Grid(0, 1.0, 1), series, x="step", lo=0, hi=1))
    assert [entry["count"] for entry in head["series"]] == [0] * len(series)
    assert all(len(column) == 0 for column in columns.values())


def points_of(value) -> Points:
    count = np.arange(len(value))
    return Points(step=count, wall_us=count * 10, value=np.asarray(value), order=count)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=20))
def test_points_travel_bit_for_bit(bits):
    """The page can show the exact value of any point."""
    value = from_bits(bits)
    head, columns = unpack_columns(pack_points("r", "all", [("k", points_of(value))]))
    assert head == {
        "run": "r",
        "view": "all",
        "series": [{"key": "k", "start": 0, "count": len(bits), "integer": False}],
    }
    assert same_bits(columns["value"], value)


def test_integers_travel_as_integers_when_nothing_else_is_asked_for():
    """2**53 + 1 is shown to its last digit; beside floats the flag still says what it was."""
    whole = points_of(np.array([2**53 + 1]))
    _, columns = unpack_columns(pack_points("r", "last", [("n", whole)]))
    assert (columns["value"].dtype.str, columns["value"].tolist()) == ("<i8", [2**53 + 1])
    head, columns = unpack_columns(
        pack_points("r", "last", [("n", whole), ("v", points_of(np.array([0.5])))])
    )
    assert columns["value"].dtype.str == "<f8"
    assert [entry["integer"] for entry in head["series"]] == [True, False]
    assert [entry["start"] for entry in head["series"]] == [0, 1]
