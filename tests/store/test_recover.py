"""A lost or damaged database is made anew from the run directories.

Crashes leave nothing behind.
"""

from __future__ import annotations

import os

import msgspec
import pytest

from epochal.domain.record import Config, Definition, Summary
from epochal.domain.view import RunChanges, RunDetail, RunQuery
from epochal.errors import CorruptFile, StoreLocked
from epochal.store.compact import MERGE_COUNT
from epochal.store.deletion import DELETED_PREFIX
from epochal.store.ingest import apply_journal, compact_journal, ingest_home
from epochal.store.logs import read_logs
from epochal.store.owner import open_store
from epochal.store.recover import rebuild
from epochal.store.runs import get_run, list_projects, update_run
from epochal.store.search import query_runs
from epochal.store.series import series_points
from epochal.store.sweep import sweep
from tests.store.journals import Writing


def fill(home) -> list[str]:
    """A finished run with a cut and two writers, one with many segments, one being written."""
    a = Writing(home, "a")
    a.fact(Config(a.now, {"lr": 0.1, "deep": {"x": [1, 2]}}))
    a.fact(Definition(a.now, "loss", summary=["min"]))
    a.line(0, 100)
    a.print(0, *[f"line {n}" for n in range(600)])
    a.finish("failed", 3)
    again = Writing(home, "a", second=100, resumed=True)
    again.cut(50)
    again.fact(Summary(again.now, {"best": float("nan")}))
    again.line(50, 25)
    again.print(0, "after")
    again.finish()
    with open_store(home) as store:
        ingest_home(store)
        b = Writing(home, "b", second=200)
        for start in range(0, 50, 10):
            b.line(start, 10)
            apply_journal(store, b.path)
            compact_journal(store, b.path)
        b.finish("killed", 137)
        c = Writing(home, "c", second=300)
        c.line(0, 10)
        ingest_home(store)
        compact_journal(store, c.path)
        c.line(10, 5)
        ingest_home(store)
    return [a.uid, b.uid, c.uid]


def picture(store, uids) -> list[object]:
    """Everything that can be asked of the runs, without what counts changes."""
    seen: list[object] = []
    for uid in uids:
        run = get_run(store, uid)
        seen.append(msgspec.msgpack.encode(msgspec.structs.replace(run, color=0)))
        points = series_points(store, uid, "loss", "all")
        seen += [points.step.tobytes(), points.value.tobytes(), points.wall_us.tobytes()]
        logs = read_logs(store, uid, limit=5000)
        seen.append([(line.n, line.text, line.writer) for line in logs.lines])
    where = "config.lr < 1 or count(loss) > 20"
    seen.append(sorted(row.id for row in query_runs(store, RunQuery("p", where=where)).runs))
    return seen


@pytest.mark.parametrize("how", ["deleted", "damaged", "rebuilt"])
def test_a_home_without_its_database_comes_back_whole(home, how):
    uids = fill(home)
    with open_store(home) as store:
        before = picture(store, uids)
    path = home / "epochal.db"
    if how == "deleted":
        for name in home.glob("epochal.db*"):
            name.unlink()
    else:
        if how == "damaged":
            path.write_bytes(b"\0" * 10_000)
            with pytest.raises(CorruptFile, match="--rebuild"):
                open_store(home)
        report = rebuild(home)
        assert (report.runs, report.problems) == (3, [])
        assert report.set_aside is not None
        assert report.set_aside.exists()
    with open_store(home) as store:
        ingest_home(store)
        assert picture(store, uids) == before
        assert store.database.check() == []
        assert isinstance(get_run(store, uids[0]), RunDetail)


def test_a_damaged_archive_or_segment_costs_its_own_run_only(home):
    uids = fill(home)
    [bad, *_] = sorted((home / "runs" / uids[0]).glob("*.facts"))
    bad.write_bytes(b"nonsense")
    [segment, *_] = sorted((home / "runs" / uids[1]).glob("*.eps"))
    segment.write_bytes(segment.read_bytes()[:-100])
    report = rebuild(home)
    assert {os.path.basename(problem.path) for problem in report.problems} == {
        bad.name,
        segment.name,
    }
    with open_store(home) as store:
        assert get_run(store, uids[2]).metrics[0].count == 15
        assert get_run(store, uids[1]).exit_code == 137


def test_a_home_that_is_in_use_is_not_rebuilt(home):
    fill(home)
    with open_store(home), pytest.raises(StoreLocked):
        rebuild(home, wait=0.0)


def test_what_crashes_leave_is_removed_and_what_is_doubtful_stays(home):
    uids = fill(home)
    a, b, c = (home / "runs" / uid for uid in uids)
    [live] = c.glob("*.ej")
    [named, *_] = sorted(b.glob("*.eps"))
    orphan = c / f"{live.stem}.10-15.00000000.eps"
    copy = b / (named.name.rsplit(".", 2)[0] + ".11111111.eps")
    doubtful = a / f"{'f' * 32}.0-10.00000000.eps"
    temporary = a / f".{named.name}.abcd.tmp"
    for path in (orphan, copy, doubtful, temporary):
        path.write_bytes(named.read_bytes())
    with open_store(home) as store:
        assert not orphan.exists(), "its rows are still in the journal"
        assert not copy.exists(), "its rows are in a segment that the index names"
        assert not temporary.exists()
        assert doubtful.exists(), "nobody knows where else these rows are"
        assert sweep(store).unknown == [f"{uids[0]}/{doubtful.name}"]
        assert named.exists()


def test_a_deletion_that_was_interrupted_is_finished(home):
    """The directory's name goes first; whatever comes after may be cut off."""
    uids = fill(home)
    directory = home / "runs" / uids[1]
    directory.rename(home / "runs" / f"{DELETED_PREFIX}{uids[1]}-1")
    with open_store(home) as store:
        ingest_home(store)
        assert {row.id for row in query_runs(store, RunQuery("p")).runs} == {"a", "c"}
        assert sorted(path.name for path in (home / "runs").iterdir()) == sorted(
            [uids[0], uids[2]]
        )


def test_edits_by_hand_outlive_the_journals_but_not_the_database(home):
    """This is said in the docs.

    Names, notes and tags given in the page are only in the database.
    """
    uids = fill(home)
    with open_store(home) as store:
        update_run(store, uids[0], RunChanges(name="mine"))
        ingest_home(store)
        assert get_run(store, uids[0]).name == "mine"
        assert [project.runs for project in list_projects(store)] == [3]
    rebuild(home)
    with open_store(home) as store:
        assert get_run(store, uids[0]).name == "a"


def test_merging_needs_many_segments():
    assert MERGE_COUNT == 8, "fill() makes five, so that both shapes are rebuilt here"
