"""Foreign runs that end with few records keep their journals, and nobody can tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from epochal.domain.access import LOCAL_USER
from epochal.domain.record import ArtifactCommit, BlobRef, Told
from epochal.domain.run import RunState
from epochal.errors import NotFound, Unavailable
from epochal.service import runs, tracking
from epochal.service.recording import Recorder
from epochal.store.collect import collect
from epochal.store.facts import FactWriter
from epochal.store.follow import Follower
from epochal.store.gather import load_tail
from epochal.store.ingest import ingest_home
from epochal.store.owner import Store, open_store
from epochal.store.recover import rebuild
from epochal.store.schema import journal, resting, run
from epochal.store.schema_objects import artifact_version
from epochal.store.series import series_points
from epochal.store.tail import MOST_RESTING, JournalKey
from tests.store.journals import START, Writing
from tests.store.objects import commit
from tests.store.resting import begin, end, files, log, steps, take_in


@pytest.fixture
def recorder(store: Store) -> Iterator[Recorder]:
    made = Recorder(store)
    yield made
    made.close()


def whole(store: Store, recorder: Recorder, name: str = "n", count: int = 3) -> str:
    uid = begin(store, recorder, name)
    log(store, recorder, uid, range(count))
    end(store, recorder, uid)
    return uid


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
    for name, real in (("builtins.open", open), ("os.open", os.open)):

        def watched(file: Any, *given: Any, real: Any = real, **more: Any) -> Any:
            if str(file).endswith(".ej"):
                opened.append(str(file))
            return real(file, *given, **more)

        monkeypatch.setattr(name, watched)
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
    for _ in range(2):
        with open_store(home) as store:
            assert steps(store, uid) == [0], "readers have what is left, before it is looked at"
            take_in(store)
            assert steps(store, uid) == [0]
            with store.database.read() as connection:
                found = connection.exec_driver_sql("SELECT damaged FROM journal").scalar()
                rests = connection.exec_driver_sql("SELECT count(*) FROM resting").scalar()
            assert (found, rests) == (1, 0)
    assert path.exists()


def test_a_journal_at_rest_whose_end_became_blank_keeps_what_is_before(home: Path) -> None:
    """It has its length, so that nobody notices but who reads it."""
    with open_store(home) as store:
        recorder = Recorder(store)
        uid = whole(store, recorder)
        take_in(store)
        recorder.close()
    (path,) = (home / "runs" / uid).glob("*.ej")
    size = path.stat().st_size
    os.truncate(path, size - 120)
    os.truncate(path, size)
    with open_store(home) as store:
        take_in(store)
        assert steps(store, uid) == [0]


def test_what_a_reader_knew_of_a_journal_before_it_came_to_rest_does_not_stay(
    store: Store, recorder: Recorder
) -> None:
    uid = begin(store, recorder)
    log(store, recorder, uid, range(3))
    recorder.settle()
    take_in(store)
    query = sa.select(journal, resting.c.journal_id.label("rests")).outerjoin(resting)
    with store.database.read() as connection:
        before = connection.execute(query).mappings().one()
    log(store, recorder, uid, range(3, 6))
    end(store, recorder, uid)
    take_in(store)
    key = JournalKey(uid, before["writer"])
    assert store.tails.lately_rests(key)
    store.tails.drop(key)
    load_tail(store, key, before)
    assert store.tails.get(key) is None
    assert steps(store, uid) == list(range(6))


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


def test_a_rebuild_leaves_hidden_what_a_rewind_hid(home: Path) -> None:
    """The series lies in a journal at rest only, the rewind in an archive."""
    first = Writing(home)
    first.line(0, 10, "only")
    first.fact(Told(first.now, "finished"))
    first.finish()
    again = Writing(home, second=100, resumed=True)
    again.cut(5)
    again.line(5, 2, "other")
    again.finish()
    with open_store(home) as store:
        take_in(store)
        assert files(home, first.uid) == [".ej", ".eps", ".facts", ".json"]
        before = runs.get_run(store, LOCAL_USER, first.uid)
    assert {metric.key: metric.count for metric in before.metrics} == {"only": 5, "other": 2}
    assert before.last_step == 6
    rebuild(home)
    with open_store(home) as store:
        after = runs.get_run(store, LOCAL_USER, first.uid)
    assert after.metrics == before.metrics
    assert after.last_step == before.last_step


def test_a_rebuild_numbers_versions_of_journals_after_those_of_archives(home: Path) -> None:
    """As before: a run's journal from before its archive may hold versions, too."""
    first = Writing(home, "a")
    first.line(0, 5)
    with open_store(home) as store:
        take_in(store)
        again = Writing(home, "a", second=100, resumed=True)
        again.finish()
        other = Writing(home, "b", second=200)
        commit(other, {"f": b"other"})
        other.finish()
        take_in(store)
        first.now = other.now + 1_000_000
        commit(first, {"f": b"first"})
        take_in(store)
        before = numbers(store)
    assert files(home, first.uid) == [".ej", ".facts", ".json"]
    assert before == {other.uid: 0, first.uid: 1}
    rebuild(home)
    with open_store(home) as store:
        assert numbers(store) == before
    first.die()


def numbers(store: Store) -> dict[str, int]:
    """The number of the version that each run made."""
    columns = sa.select(run.c.uid, artifact_version.c.number)
    with store.database.read() as connection:
        rows = connection.execute(columns.join(run, run.c.id == artifact_version.c.run_id))
        return {row.uid: row.number for row in rows}


def test_a_journal_that_cannot_be_applied_costs_a_rebuild_nothing_else(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Writing(home)
    first.line(0, 5)
    first.die()
    again = Writing(home, second=100, resumed=True)
    again.line(5, 5)
    again.finish()
    with open_store(home) as store:
        take_in(store)
    assert again.path.with_suffix(".facts").exists()
    real = FactWriter.apply

    def fails(writer: FactWriter, facts: Any, ordinals: Any) -> Any:
        if facts and facts[0].started_us == START:
            raise OverflowError("too large to convert")
        return real(writer, facts, ordinals)

    monkeypatch.setattr(FactWriter, "apply", fails)
    report = rebuild(home)
    assert [problem.path for problem in report.ingest.problems] == [str(first.path)]
    with open_store(home) as store:
        assert runs.get_run(store, LOCAL_USER, first.uid).metrics[0].count == 5


def test_a_journal_found_while_the_database_is_busy_is_not_forgotten(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = Writing(store.home)
    writing.line(0, 5)
    writing.finish()
    for path in (store.home / "runs", writing.directory):
        os.utime(path, (1, 1))
    follower = Follower(store)

    def busy() -> None:
        raise Unavailable("the database is busy")

    with monkeypatch.context() as patched:
        patched.setattr(store.database, "read", busy)
        with pytest.raises(Unavailable):
            follower.poll()
    assert [change.uid for change in follower.poll()] == [writing.uid]
