"""The journals that the server keeps for foreign clients."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from epochal.domain.access import LOCAL_USER
from epochal.domain.run import RunState
from epochal.domain.view import RunChanges
from epochal.errors import NotFound, StorageError, Unavailable
from epochal.journal.journal import Journal
from epochal.service import runs, tracking
from epochal.service.recorded import Columns, Point, Recording
from epochal.service.recording import Recorder
from epochal.service.tracking import Batch, NewRun
from epochal.store.follow import Follower
from epochal.store.owner import Store, open_store
from epochal.store.tracked import read_tracked


@pytest.fixture
def recorder(store: Store) -> Iterator[Recorder]:
    made = Recorder(store)
    yield made
    made.close()


def new_run(store: Store, recorder: Recorder) -> str:
    return tracking.create_run(store, LOCAL_USER, recorder, NewRun(0, "test", "n", {})).uid


def log(store: Store, recorder: Recorder, uid: str, step: int, digest: bytes = b"") -> None:
    batch = Batch(points=[Point(step, step, ("m",), [float(step)])], digest=digest)
    tracking.log(store, LOCAL_USER, recorder, uid, batch)


def steps(store: Store, recorder: Recorder, uid: str) -> list[int]:
    return tracking.read_history(store, LOCAL_USER, recorder, uid, "m").step


def journals(store: Store, uid: str) -> list[str]:
    return [name for name in os.listdir(store.home / "runs" / uid) if name.endswith(".ej")]


def test_those_who_wait_together_share_a_sync(
    store: Store, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one sync is under way, all others gather for the next."""
    uid = new_run(store, recorder)
    real, syncs = Journal._sync_descriptor, []
    entered, go = threading.Event(), threading.Event()

    def slow(self: Journal, descriptor: int) -> bool:
        syncs.append(descriptor)
        entered.set()
        assert go.wait(60)
        return real(self, descriptor)

    monkeypatch.setattr(Journal, "_sync_descriptor", slow)
    threads = [
        threading.Thread(target=log, args=(store, recorder, uid, step)) for step in range(10)
    ]
    threads[0].start()
    assert entered.wait(60)
    for thread in threads[1:]:
        thread.start()
    with recorder.hold(uid) as recording:
        written = recording.written
    deadline = time.monotonic() + 60
    while written < recording.synced + 10 and time.monotonic() < deadline:
        written = recording.written
        time.sleep(0.005)
    go.set()
    for thread in threads:
        thread.join(60)
    assert sorted(steps(store, recorder, uid)) == list(range(10))
    assert len(syncs) == 2


def test_nothing_is_acknowledged_that_could_not_be_synced(
    store: Store, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = new_run(store, recorder)

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(Unavailable, match="Input/output error"):
        log(store, recorder, uid, 1)


def test_a_request_sent_again_adds_nothing(store: Store, recorder: Recorder) -> None:
    uid = new_run(store, recorder)
    for digest in (b"one", b"one", b"two"):
        log(store, recorder, uid, 7, digest)
    recorder.settle()
    assert runs.get_run(store, LOCAL_USER, uid).metrics[0].count == 2


def test_a_journal_that_rests_is_closed_and_the_run_goes_on(
    store: Store, recorder: Recorder
) -> None:
    """Nobody who asks sees a difference, and the state is what was told."""
    uid = new_run(store, recorder)
    for step in range(3):
        log(store, recorder, uid, step)
        recorder.close_resting(0.0)
        with recorder.hold(uid) as recording:
            assert recording.journal is None
        recorder.settle()
        assert runs.get_run(store, LOCAL_USER, uid).state is RunState.RUNNING
    assert steps(store, recorder, uid) == [0, 1, 2]
    assert len(journals(store, uid)) == 3
    tracking.change_run(
        store, LOCAL_USER, recorder, uid, client="test", state=RunState.FAILED, ended_us=10**15
    )
    recorder.settle()
    run = runs.get_run(store, LOCAL_USER, uid)
    assert (run.state, run.ended_us) == (RunState.FAILED, 10**15)


def test_a_failure_to_tell_of_a_silent_client_keeps_nobody_from_hearing(
    store: Store, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever one listener meets, the others are told, and other runs are looked after."""
    heard: list[str] = []

    def fail(_: Recording) -> None:
        raise StorageError("the ledger is damaged")

    recorder.gave_up += [fail, lambda one: heard.append(one.uid)]
    uids = [new_run(store, recorder) for _ in range(2)]
    for uid in uids:
        with recorder.hold(uid) as recording:
            recording.patience_s = 0.0
    recorder.close_resting()
    assert sorted(heard) == sorted(uids)
    assert len(caplog.records) == 2
    assert "the ledger is damaged" in caplog.text


def test_what_people_leave_alone_stays_as_it_was_just_written(
    store: Store, recorder: Recorder
) -> None:
    """The index may not have read yet how the client calls its run."""
    uid = new_run(store, recorder)
    recorder.settle()
    tracking.change_run(store, LOCAL_USER, recorder, uid, client="c", name="two")
    runs.update_run(store, LOCAL_USER, uid, RunChanges(archived=True))
    with recorder.hold(uid) as recording:
        assert (recording.name, recording.notes, recording.archived) == ("two", "", True)
    runs.update_run(store, LOCAL_USER, uid, RunChanges(name=" three ", notes="why"))
    with recorder.hold(uid) as recording:
        assert (recording.name, recording.notes, recording.archived) == ("three", "why", True)


def test_a_run_can_be_deleted_while_its_journal_is_open(store: Store, recorder: Recorder) -> None:
    uid = new_run(store, recorder)
    log(store, recorder, uid, 1)
    recorder.settle()
    runs.delete_run(store, LOCAL_USER, uid)
    with pytest.raises(NotFound):
        log(store, recorder, uid, 2)
    assert not (store.home / "runs" / uid).exists()


def test_many_open_runs_do_not_hold_many_files(
    store: Store, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("epochal.service.open_journals.MOST_OPEN", 4)
    uids = [new_run(store, recorder) for _ in range(10)]
    assert sum(recorder._known[uid].journal is not None for uid in uids) <= 4
    for uid in uids:
        log(store, recorder, uid, 1)
    assert all(steps(store, recorder, uid) == [1] for uid in uids)


def test_the_follower_and_the_recorder_share_the_work(store: Store, recorder: Recorder) -> None:
    """Whoever takes a record in, it counts once and is told once."""
    uid = new_run(store, recorder)
    follower = Follower(store)
    told: list[Any] = []
    for step in range(20):
        log(store, recorder, uid, step)
        if step % 3 == 0:
            recorder.settle()
        told += follower.poll()
    assert runs.get_run(store, LOCAL_USER, uid).metrics[0].count == 20
    assert {change.uid for change in told} == {uid}
    assert told[-1].last_step == 19


def test_a_lost_database_comes_back_with_labels_and_states(home: Path) -> None:
    """What a foreign client logged lies in journals, segments and archives like all else."""
    with open_store(home) as store:
        recorder = Recorder(store)
        done, going = new_run(store, recorder), new_run(store, recorder)
        for uid in (done, going):
            batch = Batch([("p", "1")], [Point(0, 5, ("m",), [2.5])], {"tag": uid})
            tracking.log(store, LOCAL_USER, recorder, uid, batch)
        tracking.change_run(
            store, LOCAL_USER, recorder, done, client="test", state=RunState.KILLED
        )
        before = [tracking.read_run(store, LOCAL_USER, recorder, uid) for uid in (done, going)]
        recorder.close()
        follower = Follower(store)
        while follower.poll():
            pass
    for path in home.glob("epochal.db*"):
        path.unlink()
    with open_store(home) as store:
        recorder = Recorder(store)
        follower = Follower(store)
        while follower.poll():
            pass
        after = [tracking.read_run(store, LOCAL_USER, recorder, uid) for uid in (done, going)]
        assert after == before
        assert [run.state for run in after] == [RunState.KILLED, RunState.RUNNING]
        assert after[0].labels["tag"] == done
        recorder.close()


def test_a_label_is_removed_with_nothing_else_to_tell(store: Store, recorder: Recorder) -> None:
    uid = new_run(store, recorder)
    tracking.log(store, LOCAL_USER, recorder, uid, Batch(labels={"team": "vision"}))
    recorder.settle()
    tracking.remove_label(store, LOCAL_USER, recorder, uid, "team")
    recorder.settle()
    assert "team" not in read_tracked(store, uid).labels


def test_rows_given_as_columns_stand_among_the_others(store: Store, recorder: Recorder) -> None:
    """In writing order, whole numbers and floats as they are; the index is asked from then on."""
    uid = new_run(store, recorder)
    block = Columns(
        ("m", "n"), np.arange(10, 60), np.arange(10, 60) * 1000,
        [np.arange(50) / 7, np.arange(50) * 10**9],
    )  # fmt: skip
    with recorder.hold(uid) as recording:
        recorder.write(recording, points=[Point(1, 1, ("m",), [0.5]), block])
        recorder.write(recording, points=[Point(99, 99_000, ("m", "n"), [2.5, 7])])
    recorder.commit(recording)
    assert recorder.peek(uid) is None
    found = tracking.read_history(store, LOCAL_USER, recorder, uid, "m")
    assert (found.step, found.value) == (
        [1, *range(10, 60), 99],
        [0.5, *(n / 7 for n in range(50)), 2.5],
    )
    whole = tracking.read_history(store, LOCAL_USER, recorder, uid, "n")
    assert whole.value == [*(n * 10**9 for n in range(50)), 7]
    assert whole.t_us[:2] == [10_000, 11_000]
