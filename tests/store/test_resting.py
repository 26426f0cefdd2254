"""Foreign runs that end with few records keep their journals, and nobody can tell.

Every step on the way is cut short by SIGKILL once, and the index is lost afterwards.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from epochal.domain.access import LOCAL_USER
from epochal.domain.record import ArtifactCommit, BlobRef
from epochal.domain.run import RunState
from epochal.errors import CorruptFile, NotFound
from epochal.journal.journal import Journal
from epochal.service import runs, tracking
from epochal.service.recorded import Point
from epochal.service.recording import Recorder
from epochal.service.tracking import Batch, NewRun
from epochal.store.collect import collect
from epochal.store.follow import Follower
from epochal.store.ingest import ingest_home
from epochal.store.owner import Store, open_store
from epochal.store.recover import rebuild
from epochal.store.series import series_points
from epochal.store.tail import MOST_RESTING

KEYS = ("a", "b", "c")


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with open_store(home) as opened:
        yield opened


@pytest.fixture
def recorder(store: Store) -> Iterator[Recorder]:
    made = Recorder(store)
    yield made
    made.close()


def begin(store: Store, recorder: Recorder, name: str = "n") -> str:
    new = NewRun(0, "test", name, {"tag": "first"})
    return tracking.create_run(store, LOCAL_USER, recorder, new).uid


def log(store: Store, recorder: Recorder, uid: str, steps: range, **batch: Any) -> None:
    points = [Point(step, step * 10, KEYS, [step / 8, step / 7, -1.0]) for step in steps]
    tracking.log(store, LOCAL_USER, recorder, uid, Batch(points=points, **batch))


def end(store: Store, recorder: Recorder, uid: str) -> None:
    tracking.change_run(
        store, LOCAL_USER, recorder, uid, client="test", state=RunState.FINISHED, ended_us=10**15
    )


def whole(store: Store, recorder: Recorder, name: str = "n", count: int = 3) -> str:
    uid = begin(store, recorder, name)
    log(store, recorder, uid, range(count))
    end(store, recorder, uid)
    return uid


def take_in(store: Store) -> None:
    follower = Follower(store)
    while follower.poll() or follower.is_behind:
        pass
    assert follower.problems == []


def files(home: Path, uid: str) -> list[str]:
    """The kinds of files that a run has."""
    return sorted(path.suffix for path in (home / "runs" / uid).iterdir())


def steps(store: Store, uid: str, key: str = "b") -> list[int]:
    points = series_points(store, uid, key, "all")
    assert (points.value == points.step / 7).all()
    return [int(step) for step in points.step]


def test_a_small_run_that_ended_keeps_its_journal_and_nothing_else(
    store: Store, recorder: Recorder
) -> None:
    uid = whole(store, recorder)
    take_in(store)
    ingest_home(store)
    assert files(store.home, uid) == [".ej"]
    assert steps(store, uid) == [0, 1, 2]
    assert runs.get_run(store, LOCAL_USER, uid).state is RunState.FINISHED
    assert collect(store, dry_run=False).problems == []


def test_a_journal_at_rest_is_looked_at_by_its_readers_only(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that starts over many of them opens none."""
    with open_store(home) as store:
        recorder = Recorder(store)
        uids = [whole(store, recorder, str(number)) for number in range(5)]
        take_in(store)
        recorder.close()
    opened: list[str] = []
    real = open

    def watched(file: Any, *given: Any, **more: Any) -> Any:
        if str(file).endswith(".ej"):
            opened.append(str(file))
        return real(file, *given, **more)

    monkeypatch.setattr("builtins.open", watched)
    with open_store(home) as store:
        take_in(store)
        assert ingest_home(store).journals == 0
        assert opened == []
        assert steps(store, uids[3]) == [0, 1, 2]
        assert len(set(opened)) == 1


def test_memory_holds_the_last_few_of_them(store: Store, recorder: Recorder) -> None:
    uids = [whole(store, recorder, str(number)) for number in range(MOST_RESTING + 20)]
    take_in(store)
    assert len(list(store.tails)) <= MOST_RESTING
    assert steps(store, uids[0]) == steps(store, uids[-1]) == [0, 1, 2]
    assert len(list(store.tails)) <= MOST_RESTING


def test_a_run_that_grew_or_made_a_version_gives_its_journal_up(
    store: Store, recorder: Recorder
) -> None:
    long = whole(store, recorder, "long", count=1_000)
    made = begin(store, recorder, "made")
    commit = ArtifactCommit(1, "weights", "model", BlobRef("0" * 64, 1, "manifest"), 1, 1)
    with recorder.hold(made) as recording:
        recorder.write(recording, [commit])
    end(store, recorder, made)
    take_in(store)
    assert ".ej" not in files(store.home, long)
    assert steps(store, long) == list(range(1_000))
    assert ".ej" not in files(store.home, made)


def test_a_run_goes_on_after_its_journal_came_to_rest(store: Store, recorder: Recorder) -> None:
    uid = whole(store, recorder)
    take_in(store)
    log(store, recorder, uid, range(3, 6))
    take_in(store)
    assert steps(store, uid) == list(range(6))
    end(store, recorder, uid)
    take_in(store)
    assert files(store.home, uid) == [".ej", ".ej"]
    assert steps(store, uid) == list(range(6))
    assert runs.get_run(store, LOCAL_USER, uid).metrics[0].count == 6


def test_a_deleted_run_leaves_nothing(store: Store, recorder: Recorder) -> None:
    uid = whole(store, recorder)
    take_in(store)
    runs.delete_run(store, LOCAL_USER, uid)
    take_in(store)
    with pytest.raises(NotFound):
        series_points(store, uid, "b", "all")
    assert not (store.home / "runs" / uid).exists()
    with store.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM resting").scalar() == 0


def test_a_journal_that_lost_its_end_is_told(home: Path) -> None:
    with open_store(home) as store:
        recorder = Recorder(store)
        uid = whole(store, recorder)
        take_in(store)
        recorder.close()
    (path,) = (home / "runs" / uid).glob("*.ej")
    os.truncate(path, path.stat().st_size - 120)
    with open_store(home) as store, pytest.raises(CorruptFile, match="bytes were applied"):
        series_points(store, uid, "b", "all")


def test_a_rebuild_takes_writers_in_their_order(home: Path) -> None:
    """What a later writer said holds, though its journal is gone and the earlier one rests."""
    with open_store(home) as store:
        recorder = Recorder(store)
        uid = begin(store, recorder)
        log(store, recorder, uid, range(3), labels={"who": "first"}, name="first")
        end(store, recorder, uid)
        log(store, recorder, uid, range(3, 1_000), labels={"who": "second"}, name="second")
        end(store, recorder, uid)
        take_in(store)
        assert files(home, uid) == [".ej", ".eps", ".facts", ".json"]
        before = tracking.read_run(store, LOCAL_USER, recorder, uid)
        recorder.close()
    assert (before.labels["who"], before.name) == ("second", "second")
    rebuild(home)
    with open_store(home) as store:
        take_in(store)
        recorder = Recorder(store)
        after = tracking.read_run(store, LOCAL_USER, recorder, uid)
        assert after.labels == before.labels
        assert after.name == before.name
        assert after.metrics == before.metrics
        assert steps(store, uid) == list(range(1_000))
        assert files(home, uid) == [".ej", ".eps", ".facts", ".json"]
        recorder.close()


# ------------------------------------------------------------------------------ SIGKILL everywhere
def kill_at(moment: int) -> None:
    """From now on this process dies before the ``moment``-th call that reaches disk or index."""
    left = moment

    def count(*_given: object) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            count()
            return real(*given, **more)

        return call

    for name in ("fsync", "fdatasync", "rename", "pwrite"):
        setattr(os, name, counted(getattr(os, name)))
    Journal.close = counted(Journal.close)  # type: ignore[method-assign]
    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    sa.event.listen(sa.Engine, "commit", count)


def live(home: Path, moment: int, told: int) -> None:
    """A server's life with one small run; says what was acknowledged."""
    with open_store(home) as store:
        kill_at(moment)
        recorder, follower = Recorder(store), Follower(store)
        uid = begin(store, recorder)
        os.write(told, f"{uid}\n".encode())
        log(store, recorder, uid, range(3))
        os.write(told, b"logged\n")
        follower.poll()
        end(store, recorder, uid)
        os.write(told, b"ended\n")
        follower.poll()
        follower.poll()
        recorder.settle()
        os.write(told, b"over\n")
        os._exit(0)


def acknowledged(home: Path, moment: int) -> list[str]:
    """What a server told that died at a moment."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            live(home, moment, writing)
        finally:
            os._exit(3)
    os.close(writing)
    with os.fdopen(reading) as told:
        lines = told.read().split()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or lines[-1:] == ["over"], (moment, status, lines)
    return lines


def check(home: Path, lines: list[str], moment: str) -> None:
    """Everything acknowledged is there once, after two more looks, too."""
    for _ in range(2):
        with open_store(home) as store:
            take_in(store)
            assert store.database.check() == [], moment
            if not lines:
                continue
            uid, *more = lines
            run = runs.get_run(store, LOCAL_USER, uid)
            found = steps(store, uid)
            assert found in ([], [0, 1, 2]), moment
            if "logged" in more:
                assert found == [0, 1, 2], moment
            assert [metric.count for metric in run.metrics] == [len(found)] * (3 if found else 0)
            assert not run.events, moment
            if "ended" in more:
                assert run.state is RunState.FINISHED, moment
                assert files(home, uid) == [".ej"], moment
                with store.database.read() as connection:
                    count = connection.exec_driver_sql("SELECT count(*) FROM resting").scalar()
                assert count == 1, moment


def test_a_kill_at_any_step_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """With the index that the killed server left, and without it."""
    moment = 0
    while True:
        moment += 1
        home = tmp_path / str(moment)
        lines = acknowledged(home, moment)
        bare = shutil.copytree(home, tmp_path / "bare")
        for path in bare.glob("epochal.db*"):
            path.unlink()
        check(home, lines, f"step {moment}")
        check(bare, lines, f"step {moment}, without the index")
        shutil.rmtree(home)
        shutil.rmtree(bare)
        if lines[-1:] == ["over"]:
            break
    assert moment > 60
