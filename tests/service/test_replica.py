"""A run that was made here is shown without the index, and exactly as the index would show it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epochal.domain.access import LOCAL_USER
from epochal.domain.record import Config, Summary
from epochal.domain.run import RunState
from epochal.domain.tracked import TrackedRun
from epochal.domain.view import RunChanges
from epochal.journal.home import run_directory
from epochal.service import runs, tracking
from epochal.service.recorded import Point
from epochal.service.recording import Recorder
from epochal.service.tracking import Batch, NewRun
from epochal.store.owner import Store, open_store
from epochal.store.tracked import read_tracked

KEYS = ("a", "b", "c")
VALUES = st.sampled_from([0.0, -1.5, 2.0, math.nan, math.inf])
POINTS = st.builds(
    lambda step, wall, keys, value: Point(step, wall, tuple(keys), [value] * len(keys)),
    st.integers(0, 5), st.integers(1, 9), st.sets(st.sampled_from(KEYS), min_size=1), VALUES,
)  # fmt: skip
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3)
"""No NUL, which every door refuses."""
BATCHES = st.builds(
    Batch, points=st.lists(POINTS, max_size=3),
    labels=st.dictionaries(st.sampled_from(("x", "y/z")), TEXTS, max_size=2),
    name=st.sampled_from([None, "one", "two"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("replica") / "home") as opened:
        yield opened


@pytest.fixture
def recorder(store: Store) -> Iterator[Recorder]:
    made = Recorder(store)
    yield made
    made.close()


def new_run(store: Store, recorder: Recorder) -> str:
    return tracking.create_run(store, LOCAL_USER, recorder, NewRun(0, "test", "n", {})).uid


def comparable(run: TrackedRun) -> str:
    """A text that is equal for equal runs; NaN equals NaN."""
    return repr(
        msgspec.structs.replace(
            run, params=dict(sorted(run.params.items())), labels=dict(sorted(run.labels.items()))
        )
    )


@settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(batches=st.lists(BATCHES, min_size=1, max_size=5), ends=st.booleans())
def test_what_is_shown_is_what_the_index_will_show(
    store: Store, recorder: Recorder, batches: list[Batch], ends: bool
) -> None:
    """Whatever is logged in whatever order: as long as there is an answer, it is the same."""
    uid = new_run(store, recorder)
    for number, batch in enumerate(batches):
        whole = msgspec.structs.replace(batch, params=[(f"p{number}", str(number))])
        tracking.log(store, LOCAL_USER, recorder, uid, whole)
    if ends:
        tracking.change_run(
            store, LOCAL_USER, recorder, uid, client="test", state=RunState.FINISHED
        )
    shown = recorder.peek(uid)
    recorder.settle([uid])
    if shown is not None:
        assert comparable(shown) == comparable(read_tracked(store, uid))


def test_who_looks_does_not_wait(store: Store, recorder: Recorder) -> None:
    """While somebody writes the run there is no answer, and the index is asked."""
    uid = new_run(store, recorder)
    with ThreadPoolExecutor(1) as other:
        with recorder.hold(uid):
            assert other.submit(recorder.peek, uid).result(30) is None
        assert other.submit(recorder.peek, uid).result(30) is not None


def test_a_run_is_shown_before_it_is_in_the_index(store: Store, recorder: Recorder) -> None:
    """Reading it back does not take it in; what other doors change of it is seen all the same."""
    uid = new_run(store, recorder)
    tracking.log(store, LOCAL_USER, recorder, uid, Batch(points=[Point(1, 2, ("m",), [3.0])]))
    shown = tracking.read_run(store, LOCAL_USER, recorder, uid)
    assert [(one.key, one.value, one.step) for one in shown.metrics] == [("m", 3.0, 1)]
    with store.database.read() as connection:
        found = connection.exec_driver_sql("SELECT count(*) FROM run WHERE uid = ?", (uid,))
        assert found.scalar_one() == 0
    recorder.settle([uid])
    runs.update_run(store, LOCAL_USER, uid, RunChanges(name="renamed", archived=True))
    shown = tracking.read_run(store, LOCAL_USER, recorder, uid)
    assert (shown.name, shown.archived) == ("renamed", True)


@pytest.mark.parametrize("what", ["back", "config", "summary", "writer", "unsynced"])
def test_the_index_is_asked_when_not_everything_is_known(
    store: Store, recorder: Recorder, what: str
) -> None:
    """A step that goes back, config that is no text, other records, another writer, and what is
    not durable yet.
    """
    uid = new_run(store, recorder)
    assert recorder.peek(uid) is not None
    with recorder.hold(uid) as recording:
        match what:
            case "back":
                points = [Point(5, 1, ("m",), [1.0]), Point(4, 2, ("m",), [2.0])]
                recorder.write(recording, [], points)
            case "config":
                recorder.write(recording, [Config(1, {"a": {"b": 1}})])
            case "summary":
                recorder.write(recording, [Summary(1, {"best": 1.0})])
            case "unsynced":
                recorder.write(recording, [Config(1, {"a": "b"})])
    if what == "unsynced":
        assert recorder.peek(uid) is None
        recorder.commit(recording)
        shown = recorder.peek(uid)
        assert shown is not None
        assert shown.params == {"a": "b"}
        return
    recorder.commit(recording)
    if what == "writer":
        Path(run_directory(store.home, uid), f"{'0' * 32}.ej").write_bytes(b"")
    assert recorder.peek(uid) is None
