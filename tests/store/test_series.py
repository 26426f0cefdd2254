"""Series wherever their rows lie: cuts, several writers, views, axes, and what does not exist."""

from __future__ import annotations

import math
import random
import threading

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from epochal.domain.columns import unpack_columns
from epochal.domain.view import BucketQuery, MetricAxis, PointQuery, SeriesRef
from epochal.errors import InvalidInput, NotFound
from epochal.store.follow import Follower
from epochal.store.gather import load_tail
from epochal.store.ingest import apply_journal, compact_journal, ingest_home
from epochal.store.owner import open_store
from epochal.store.runs import get_run
from epochal.store.schema import journal
from epochal.store.series import query_buckets, query_points, series_points
from epochal.store.tail import JournalKey
from tests.store.journals import Writing


class Model:
    """What a list of rows and cuts means, in the plainest words."""

    def __init__(self) -> None:
        self.points: list[tuple[int, float]] = []

    def row(self, step: int, value: float) -> None:
        self.points.append((step, value))

    def cut(self, step: int) -> None:
        self.points = [point for point in self.points if point[0] < step]


def check(store, w: Writing, model: Model) -> None:
    points = series_points(store, w.uid, "loss", "all")
    assert list(zip(points.step.tolist(), points.value.tolist(), strict=True)) == model.points
    last = series_points(store, w.uid, "loss", "last")
    assert dict(zip(last.step.tolist(), last.value.tolist(), strict=True)) == dict(model.points)
    metrics = {metric.key: metric for metric in get_run(store, w.uid).metrics}
    if not model.points:
        assert "loss" not in metrics
        return
    metric = metrics["loss"]
    values = [value for _, value in model.points]
    assert (metric.count, metric.last, metric.last_step) == (
        len(values),
        values[-1],
        model.points[-1][0],
    )
    assert (metric.min, metric.max) == (min(values), max(values))
    assert metric.mean == pytest.approx(sum(values) / len(values))
    assert get_run(store, w.uid).last_step == max(step for step, _ in model.points)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("rows"), st.integers(0, 30), st.integers(1, 12)),
        st.tuples(st.just("cut"), st.integers(0, 35), st.just(0)),
        st.tuples(
            st.sampled_from(["apply", "compact", "resume", "finish", "reopen"]),
            st.just(0),
            st.just(0),
        ),
    ),
    min_size=3,
    max_size=25,
)


@settings(max_examples=20)
@given(ACTIONS)
def test_cuts_and_resumes_hide_exactly_what_came_before(tmp_path_factory, actions):
    """Whatever lies in segments, tails or both.

    Points and latest values are those of the plain model.
    """
    home = tmp_path_factory.mktemp("cuts")
    model, second = Model(), 0
    w = Writing(home, second=second)
    store = open_store(home)
    value = 0.0
    for action, a, b in actions:
        match action:
            case "rows":
                for step in range(a, a + b):
                    value += 1
                    w.row(step, loss=value)
                    model.row(step, value)
            case "cut":
                w.cut(a)
                model.cut(a)
            case "apply" if w.path.exists():
                apply_journal(store, w.path)
            case "compact" if w.path.exists():
                apply_journal(store, w.path)
                compact_journal(store, w.path)
            case "resume" | "finish":
                second += 10_000
                w.finish() if action == "finish" else w.die()
                w = Writing(home, second=second)
            case "reopen":
                store.close()
                store = open_store(home)
                ingest_home(store)
    ingest_home(store)
    check(store, w, model)
    w.finish()
    ingest_home(store)
    check(store, w, model)
    store.close()


def test_a_cut_also_hides_rows_that_arrive_after_it(store):
    """The journal with the cut may be read before the one that it cuts."""
    late = Writing(store.home, second=0)
    late.line(0, 10)
    hidden = late.path.rename(late.path.with_suffix(".away"))
    w = Writing(store.home, second=100)
    w.cut(4)
    w.row(4, loss=99.0)
    ingest_home(store)
    hidden.rename(late.path)
    ingest_home(store)
    assert series_points(store, w.uid, "loss").value.tolist() == [0, 0.125, 0.25, 0.375, 99]
    [metric] = get_run(store, w.uid).metrics
    assert (metric.count, metric.last, metric.max) == (5, 99.0, 99.0)


def test_readers_see_every_row_once_while_rows_move_into_segments(store):
    """One thread writes, applies and compacts.

    Another reads all the time and never misses or doubles a row.
    """
    w = Writing(store.home)
    w.line(0, 10)
    follower = Follower(store)
    follower.poll()
    wrong: list[str] = []
    done = threading.Event()

    def read() -> None:
        seen = 0
        while not done.is_set():
            steps = series_points(store, w.uid, "loss", "all").step
            if not np.array_equal(steps, np.arange(len(steps))) or len(steps) < seen:
                wrong.append(f"{len(steps)} rows after {seen}")
            seen = len(steps)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    rng = random.Random(3)
    total = 10
    for _ in range(60):
        count = rng.randint(1, 200)
        w.line(total, count)
        total += count
        follower.poll()
        if rng.random() < 0.5:
            compact_journal(store, w.path)
        if rng.random() < 0.2:
            store.tails.drop_run(w.uid)
    done.set()
    for reader in readers:
        reader.join(60)
    assert wrong == []
    assert series_points(store, w.uid, "loss").step.tolist() == list(range(total))


def test_a_tail_loaded_by_an_older_look_hides_no_later_rows(store):
    """A reader that looked at the database before the last rows came is slower than they are."""
    w = Writing(store.home)
    w.line(0, 10)
    follower = Follower(store)
    follower.poll()
    with store.database.read() as connection:
        [row] = connection.execute(sa.select(journal, sa.null().label("rests"))).mappings()
    w.line(10, 5)
    follower.poll()
    store.tails.drop_run(w.uid)
    load_tail(store, JournalKey(w.uid, row["writer"]), row)
    assert series_points(store, w.uid, "loss").step.tolist() == list(range(15))


def test_what_does_not_exist_is_empty_or_named(store):
    w = Writing(store.home)
    w.line(0, 10)
    ingest_home(store)
    head, columns = unpack_columns(query_points(store, PointQuery(w.uid, ["loss", "no/such"])))
    assert [series["count"] for series in head["series"]] == [10, 0]
    assert columns["value"].tolist() == [step / 8 for step in range(10)]
    query = BucketQuery([SeriesRef(w.uid, "loss"), SeriesRef(w.uid, "no/such")])
    head, _ = unpack_columns(query_buckets(store, query))
    assert [series["points"] for series in head["series"]] == [10, 0]
    with pytest.raises(NotFound):
        query_points(store, PointQuery("0" * 32, ["loss"]))
    gone = "0" * 32
    with pytest.raises(NotFound):
        query_buckets(store, BucketQuery([SeriesRef(gone, "loss")]))
    refs = [SeriesRef(gone, "loss"), SeriesRef(gone, formula="loss * 2"), SeriesRef(w.uid, "loss")]
    group = SeriesRef(runs=[w.uid, gone], key="loss")
    for x in ("step", "wall", "relative", MetricAxis("loss")):
        answer, _ = unpack_columns(query_buckets(store, BucketQuery([*refs, group], x=x)))
        assert [series["points"] for series in answer["series"]] == [0, 0, 10, 10], x


def test_points_come_bit_exact_in_the_range_asked_for(store):
    w = Writing(store.home)
    values = [math.nan, -0.0, math.inf, 5e-324, 0.1]
    for step, value in enumerate(values):
        w.row(step, loss=value, n=step)
    ingest_home(store)
    _, columns = unpack_columns(query_points(store, PointQuery(w.uid, ["loss"], lo=0, hi=3)))
    assert columns["value"].tobytes() == np.array(values[:4]).tobytes()
    head, columns = unpack_columns(query_points(store, PointQuery(w.uid, ["n"])))
    assert columns["value"].dtype == np.int64
    assert head["series"][0]["integer"] is True


@pytest.mark.parametrize("compacted", [False, True])
def test_buckets_hide_no_spike_and_no_nan(store, compacted):
    w = Writing(store.home)
    values = np.sin(np.arange(5000) / 100)
    values[1234], values[4000] = 77.0, math.nan
    w.rows(list(range(5000)), [{"loss": value} for value in values.tolist()])
    if compacted:
        w.finish()
    ingest_home(store)
    for x in ("step", "wall", "relative"):
        query = BucketQuery([SeriesRef(w.uid, "loss")], x=x, buckets=100)
        head, columns = unpack_columns(query_buckets(store, query))
        assert len(columns["bucket"]) <= 100
        assert columns["max"].max() == 77.0
        assert (columns["n"].sum(), columns["n_nan"].sum()) == (5000, 1)
        assert head["series"][0]["exact"] is False


def test_a_metric_can_be_the_axis(store):
    w = Writing(store.home)
    for step in range(20):
        w.row(step, loss=step * 10.0)
        if step % 2 == 0:
            w.row(step, epoch=step / 4)
    ingest_home(store)
    query = BucketQuery([SeriesRef(w.uid, "loss")], x=MetricAxis("epoch"))
    head, columns = unpack_columns(query_buckets(store, query))
    assert head["x"] == {"metric": "epoch"}
    assert columns["n"].sum() == 10
    assert columns["last"].tolist() == [step * 10.0 for step in range(0, 20, 2)]


def test_runs_of_a_panel_share_one_grid(store):
    writers = [Writing(store.home, f"r{n}", second=n) for n in range(3)]
    for n, w in enumerate(writers):
        w.line(n * 1000, 1000)
    ingest_home(store)
    refs = [SeriesRef(w.uid, "loss") for w in writers]
    head, columns = unpack_columns(query_buckets(store, BucketQuery(refs, buckets=64)))
    assert head["width"] == 64
    assert [series["points"] for series in head["series"]] == [1000, 1000, 1000]
    assert columns["bucket"].max() < 64


@pytest.mark.parametrize(
    "changes",
    [
        {"buckets": 0},
        {"buckets": 8193},
        {"smooth": 1.0},
        {"smooth": 0.0},
        {"lo": 2.0, "hi": 1.0},
        {"lo": math.nan},
    ],
)
def test_numbers_out_of_range_are_refused(store, changes):
    w = Writing(store.home)
    w.line(0, 3)
    ingest_home(store)
    with pytest.raises(InvalidInput):
        query_buckets(store, BucketQuery([SeriesRef(w.uid, "loss")], **changes))
