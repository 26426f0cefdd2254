"""Formulas are evaluated on the points, before anything is reduced."""

from __future__ import annotations

import math

import numpy as np
import pytest

from epochal.domain.columns import unpack_columns
from epochal.domain.view import BucketQuery, MetricAxis, PointQuery, SeriesRef
from epochal.errors import QuerySyntaxError
from epochal.store.formulas import formula_points
from epochal.store.gather import gather
from epochal.store.ingest import ingest_home
from epochal.store.series import query_buckets, query_points
from tests.store.journals import Writing


@pytest.fixture
def w(store):
    """Training loss at every step, validation loss at every tenth from 5 on."""
    writing = Writing(store.home)
    for step in range(100):
        row = {"train/loss": 2.0 - step / 100, "top-1": float(step), "k": step}
        if step % 10 == 5:
            row["val/loss"] = 2.5 - step / 200
        writing.row(step, **row)
    writing.row(100, **{"train/loss": math.nan, "val/loss": 1.0})
    ingest_home(store)
    return writing


def points(store, w, text):
    found = formula_points(store, gather(store, w.uid), text)
    return dict(zip(found.step.tolist(), found.value.tolist(), strict=True))


def test_a_formula_has_a_point_where_all_of_its_metrics_have_one(store, w):
    gap = points(store, w, "val/loss - train/loss")
    assert list(gap) == [*range(5, 100, 10), 100]
    for step in range(5, 100, 10):
        assert gap[step] == (2.5 - step / 200) - (2.0 - step / 100)
    assert math.isnan(gap[100])


def test_latest_is_the_newest_value_so_far(store, w):
    gap = points(store, w, "train/loss - latest(val/loss)")
    assert list(gap) == list(range(5, 101))
    for step in range(5, 100):
        seen = 2.5 - ((step - 5) // 10 * 10 + 5) / 200
        assert gap[step] == (2.0 - step / 100) - seen


def test_arithmetic_is_that_of_floats(store, w):
    values = points(store, w, 'log("top-1" - 1) / ("top-1" - 50) + min(k, 3) ** 2')
    with np.errstate(all="ignore"):
        for step in range(100):
            top = np.float64(step)
            expected = np.log(top - 1) / (top - 50) + min(step, 3) ** 2
            assert values[step] == expected or (math.isnan(values[step]) and math.isnan(expected))
    assert math.isnan(values[0])
    assert math.isinf(values[50])


def test_nothing_in_common_is_empty_and_nonsense_is_refused(store, w):
    assert points(store, w, "train/loss + no/such") == {}
    assert points(store, w, "no/such + latest(val/loss)") == {}
    with pytest.raises(QuerySyntaxError):
        query_buckets(store, BucketQuery([SeriesRef(w.uid, formula="train/loss +")]))


@pytest.mark.parametrize("x", ["step", "wall", "relative", MetricAxis("k")])
def test_buckets_of_a_formula_are_those_of_its_points(store, w, x):
    """The extremes are of the formula's values, not a formula of extremes."""
    text = "(train/loss - 1.5) ** 2"
    query = BucketQuery([SeriesRef(w.uid, formula=text)], x=x, buckets=8)
    head, columns = unpack_columns(query_buckets(store, query))
    exact = [((2.0 - step / 100) - 1.5) ** 2 for step in range(100)]
    assert head["series"][0]["key"] == text
    assert columns["n"].sum() == (100 if isinstance(x, MetricAxis) else 101)
    assert columns["min"].min() == pytest.approx(min(exact), abs=1e-12)
    assert columns["max"].max() == pytest.approx(max(exact))
    if x == "step":
        width = int(head["width"])
        for row, bucket in enumerate(columns["bucket"].tolist()):
            inside = [exact[s] for s in range(100) if s // width == bucket]
            assert columns["mean"][row] == pytest.approx(np.mean(inside), rel=1e-6)


def test_the_points_of_a_formula_can_be_read(store, w):
    query = PointQuery(w.uid, ["top-1"], lo=10, hi=19, formulas=["k * 2", "val/loss / 2"])
    head, columns = unpack_columns(query_points(store, query))
    assert [(s["key"], s["count"]) for s in head["series"]] == [
        ("top-1", 10),
        ("k * 2", 10),
        ("val/loss / 2", 1),
    ]
    assert columns["step"].tolist() == [*range(10, 20), *range(10, 20), 15]
    assert columns["value"][10:20].tolist() == [2.0 * step for step in range(10, 20)]
