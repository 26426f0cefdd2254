"""Many journals taken in together: in the order of their starts, and none harms another."""

from __future__ import annotations

import errno
import shutil
from typing import Any

import pytest
import sqlalchemy as sa

from epochal.domain.view import RunQuery
from epochal.errors import StorageFull
from epochal.store.durable import Disk
from epochal.store.follow import Follower
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.runs import get_run
from epochal.store.schema import run, segment
from epochal.store.search import query_runs
from epochal.store.series import series_points
from tests.store.journals import Writing
from tests.store.test_ingesters import FaultyDisk


def test_runs_get_their_colors_in_the_order_of_their_starts(home):
    """By start, then by uid; where the directories lie does not matter."""
    for number in range(30):
        w = Writing(home, f"r{number}", second=(number * 7) % 10)
        w.line(0, 1)
        w.finish()
    with open_store(home) as store:
        ingest_home(store)
        with store.database.read() as connection:
            query = sa.select(run.c.created_us, run.c.uid, run.c.color)
            rows = sorted(tuple(row) for row in connection.execute(query))
    assert [color for _, _, color in rows] == list(range(30))


def put_foreign_journal(home, like):
    """A journal in the directory of another run.

    Its file header fits its place, the record behind it does not.
    """
    foreign = home / "runs" / ("f" * 32)
    foreign.mkdir()
    data = bytearray(like.path.read_bytes())
    data[16:32] = b"\xff" * 16
    bad = foreign / f"{like.writer}.ej"
    bad.write_bytes(data)
    return bad


def test_one_bad_journal_among_many_stops_no_other(home):
    """It is reported; the rest of its group is taken in, each record once."""
    written = [Writing(home, f"r{number}", second=number) for number in range(12)]
    for w in written:
        w.line(0, 5)
        w.finish()
    bad = put_foreign_journal(home, written[0])
    with open_store(home) as store:
        report = ingest_home(store)
        assert [problem.path for problem in report.problems] == [str(bad)]
        for w in written:
            assert series_points(store, w.uid, "loss").step.tolist() == list(range(5))
            assert not w.path.exists()


def test_a_follower_takes_many_finished_runs_in_and_gives_their_files_up(home):
    written = [Writing(home, f"r{number}", second=number) for number in range(300)]
    for w in written:
        w.line(0, 3)
        w.finish()
    with open_store(home) as store:
        follower = Follower(store)
        told = set()
        while changes := follower.poll():
            told |= {change.uid for change in changes}
        assert told == {w.uid for w in written}
        follower.poll()
        assert [w.uid for w in written if w.path.exists()] == []
        assert follower.problems == []
        with store.database.read() as connection:
            query = sa.select(run.c.uid).order_by(run.c.color)
            assert list(connection.execute(query).scalars()) == [w.uid for w in written]


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    """A home of a run with two writers, two runs with one, and a bad journal between them."""
    home = tmp_path_factory.mktemp("group")
    first = Writing(home, "shared", second=1)
    first.line(0, 50)
    first.finish(None)
    second = Writing(home, "shared", second=3)
    second.line(50, 50)
    second.print(0, "hello")
    second.finish()
    for name, at in (("a", 2), ("b", 4)):
        w = Writing(home, name, second=at)
        w.line(0, 40)
        w.finish("failed", 1)
    return home, put_foreign_journal(home, first).relative_to(home)


def check_group(store, bad, moment):
    """Every good journal counts once, and the bad one lies where it lay."""
    steps = {"shared": list(range(100)), "a": list(range(40)), "b": list(range(40))}
    rows = query_runs(store, RunQuery("p", order=["name"])).runs
    assert {row.id for row in rows} == set(steps), moment
    for row in rows:
        assert series_points(store, row.uid, "loss").step.tolist() == steps[row.id], moment
        detail = get_run(store, row.uid)
        assert [metric.count for metric in detail.metrics] == [len(steps[row.id])], moment
    assert sorted(row.color for row in rows) == [0, 1, 2], moment
    assert (store.home / bad).exists()


def finish_group(store, bad, moment):
    """Nothing stays behind once the fault is over."""
    report = ingest_home(store)
    assert [problem.path for problem in report.problems] == [str(store.home / bad)], moment
    check_group(store, bad, moment)
    assert list(store.home.glob("runs/*/*.ej")) == [store.home / bad], moment
    assert store.database.check() == []
    with store.database.read() as connection:
        named = connection.execute(sa.select(sa.func.count()).select_from(segment)).scalar_one()
    assert named == len(list(store.home.glob("runs/*/*.eps"))) == 4, moment


@pytest.mark.parametrize(("code", "lasting"), [(errno.EIO, False), (errno.ENOSPC, True)])
def test_a_disk_that_fails_at_any_call_of_a_group_costs_nothing(tmp_path, group, code, lasting):
    """What the group's transaction took in stays readable, whichever file cannot be written."""
    source, bad = group
    n = 0
    while True:
        n += 3 if lasting else 1
        home = shutil.copytree(source, tmp_path / str(n))
        with open_store(home) as store:
            disk = store.disk = FaultyDisk(n, code, lasting=lasting)
            full = False
            try:
                problems = ingest_home(store).problems
            except StorageFull:
                full = True
            if not full:
                check_group(store, bad, f"call {n}")
            store.disk = Disk()
            finish_group(store, bad, f"call {n}")
        shutil.rmtree(home)
        if disk.calls < n:
            assert not full
            assert len(problems) == 1
            break
    assert n > 30


def test_a_database_that_fails_at_any_moment_of_a_group_costs_nothing(tmp_path, group):
    """The engine gives up in the middle of a statement, once, at moments all over the work.

    The group is rolled back as a whole and done again one by one.
    """
    source, bad = group
    moment = 0
    while True:
        moment += 1
        home = shutil.copytree(source, tmp_path / str(moment))
        with open_store(home) as store:
            ticks = 0

            def tick(at=moment):
                nonlocal ticks
                ticks += 1
                return ticks == at

            with store.database.write() as connection:
                driver: Any = connection.connection.driver_connection
            driver.set_progress_handler(tick, 101)
            problems = ingest_home(store).problems
            driver.set_progress_handler(None, 0)
            assert len(problems) <= 2, f"moment {moment}"
            finish_group(store, bad, f"moment {moment}")
        shutil.rmtree(home)
        if ticks < moment:
            break
    assert moment > 20
