"""Following a home: what a poll sees, says and leaves alone."""

from __future__ import annotations

import os
import time

import pytest

from epochal.domain.names import new_uid, run_uid
from epochal.domain.record import Attributes, Header, Heartbeat
from epochal.domain.run import RunState
from epochal.domain.view import RunChanges
from epochal.journal.home import run_directory
from epochal.journal.writer import open_journal
from epochal.store.compact import LONG_TAIL
from epochal.store.follow import COMPANY, Follower
from epochal.store.ingest import ingest_home
from epochal.store.runs import delete_run, get_run, update_run
from epochal.store.series import series_points
from tests.store.journals import START, Writing


class Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return 1e6 + self.ahead

    def time_of_day(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def follower(store, clock):
    return Follower(store, clock=clock.monotonic, time_of_day=clock.time_of_day)


def later(clock: Clock, seconds: float = 2.0) -> None:
    clock.ahead += seconds


def test_short_journals_of_ended_runs_wait_for_company(store, clock):
    """They are moved together: when enough wait, or when the first has waited long enough."""
    clocks = {"clock": clock.monotonic, "time_of_day": clock.time_of_day}
    follower = Follower(store, patience=60.0, **clocks)
    first = Writing(store.home, "first")
    first.line(0, 3)
    first.finish()
    follower.poll()
    assert first.path.exists(), "one journal waits"
    assert len(series_points(store, first.uid, "loss", "all").step) == 3
    others = [Writing(store.home, f"r{number}") for number in range(COMPANY - 1)]
    for one in others:
        one.row(0, loss=1.0)
        one.finish()
    follower.poll()
    assert not any(one.path.exists() for one in (first, *others)), "with company they go"
    last = Writing(store.home, "last")
    last.finish()
    follower.poll()
    assert last.path.exists()
    later(clock, 61)
    follower.poll()
    assert not last.path.exists()
    assert len(series_points(store, first.uid, "loss", "all").step) == 3


def test_runs_that_may_wait_come_with_the_next_whole_look(store, follower):
    """New journals and what is new in known ones; others are not held up by them."""
    foreign, own = Writing(store.home, "foreign"), Writing(store.home, "own")

    def seen(waiting=frozenset()) -> list[str]:
        return [change.uid for change in follower.poll(waiting)]

    for row in range(2):
        foreign.row(row, loss=1.0)
        own.row(row, loss=1.0)
        assert seen({foreign.uid}) == [own.uid]
        assert seen({foreign.uid}) == []
        assert seen() == [foreign.uid]
    assert len(series_points(store, foreign.uid, "loss", "all").step) == 2


def test_a_poll_tells_what_changed_and_a_second_one_nothing(store, follower):
    w = Writing(store.home)
    w.line(0, 10)
    w.print(0, "hello")
    [change] = follower.poll()
    assert (change.uid, change.project, change.entity) == (w.uid, "p", "local")
    assert (change.what, change.state, change.last_step) == (
        ["series", "facts", "logs"],
        "running",
        9,
    )
    assert follower.poll() == []
    w.fact(Heartbeat(w.now))
    assert follower.poll() == [], "a heartbeat changes nothing that anyone sees"
    w.row(10, loss=1.0)
    [second] = follower.poll()
    assert (second.what, second.last_step, second.reset) == (["series"], 10, False)
    assert second.rev > change.rev
    w.fact(Attributes(w.now, {"name": "x"}))
    w.print(1, "more")
    assert [c.what for c in follower.poll()] == [["facts", "logs"]]


def test_points_behind_the_newest_one_void_what_was_drawn(store, follower):
    w = Writing(store.home)
    w.line(0, 10)
    follower.poll()
    w.row(9, loss=0.0)
    assert [change.reset for change in follower.poll()] == [False], (
        "the last bucket is asked for anyway"
    )
    w.row(8, loss=0.0)
    assert [change.reset for change in follower.poll()] == [True]
    w.row(0, other=0.0)
    assert [change.reset for change in follower.poll()] == [False], "the first point of a series"
    w.cut(5)
    assert [change.reset for change in follower.poll()] == [True]


def test_a_writer_that_dies_leaves_a_crashed_run_and_a_new_one_revives_it(store, follower, clock):
    w = Writing(store.home)
    w.line(0, 10)
    follower.poll()
    later(clock)
    assert follower.poll() == [], "the lock of a living writer is held"
    w.die()
    later(clock)
    [change] = follower.poll()
    assert (change.state, get_run(store, w.uid).state) == (RunState.CRASHED, RunState.CRASHED)
    again = Writing(store.home, second=60, resumed=True)
    again.line(10, 5)
    [change] = follower.poll()
    assert change.state == RunState.RUNNING
    again.finish()
    assert [c.state for c in follower.poll()] == [RunState.FINISHED]
    assert series_points(store, w.uid, "loss").step.tolist() == list(range(15))


def test_a_forked_child_that_dies_does_not_crash_the_run(store, follower, clock):
    w = Writing(store.home)
    child = Writing(store.home, second=1, primary=False)
    for writing in (w, child):
        writing.line(0, 3)
    follower.poll()
    child.die()
    later(clock)
    follower.poll()
    assert get_run(store, w.uid).state == RunState.RUNNING
    w.finish("failed", 2)
    follower.poll()
    assert (get_run(store, w.uid).state, get_run(store, w.uid).exit_code) == (RunState.FAILED, 2)


def test_rotation_goes_on_without_ending_the_run(store, follower, clock):
    """A journal that closes without a state is continued by the next one.

    If that never comes, the run crashed.
    """
    now = time.time_ns() // 1000
    w = Writing(store.home, start_us=now)
    w.line(0, 3)
    w.finish(None, None)
    follower.poll()
    assert get_run(store, w.uid).state == RunState.RUNNING
    following = Writing(store.home, start_us=now, second=1, continues=w.writer)
    following.line(3, 3)
    following.finish(None, None)
    follower.poll()
    assert get_run(store, w.uid).state == RunState.RUNNING
    later(clock, 100)
    [change] = follower.poll()
    assert change.state == RunState.CRASHED
    assert series_points(store, w.uid, "loss").step.tolist() == list(range(6))


def test_two_writers_of_one_run_are_one_series(store, follower):
    first, second = Writing(store.home, second=0), Writing(store.home, second=1)
    for step in range(0, 40, 2):
        first.row(step, loss=float(step))
        second.row(step + 1, loss=float(step + 1))
        follower.poll()
    points = series_points(store, first.uid, "loss")
    assert points.step.tolist() == points.value.tolist() == list(range(40))
    assert get_run(store, first.uid).metrics[0].count == 40


def test_a_long_tail_becomes_a_segment_while_the_run_goes_on(store, follower):
    w = Writing(store.home)
    step = 0
    while w.journal.size < LONG_TAIL + 100_000:
        w.journal.maintain()
        w.rows(list(range(step, step + 2000)), [{f"k{i}": 0.5 for i in range(50)}] * 2000)
        step += 2000
    while follower.poll():
        pass
    assert len(list(w.directory.glob("*.eps"))) >= 1
    w.row(step, k0=7.0)
    follower.poll()
    points = series_points(store, w.uid, "k0", "all")
    assert points.step.tolist() == list(range(step + 1))
    assert points.value[-1] == 7.0


def test_a_resting_tail_becomes_a_segment(store, follower, clock):
    w = Writing(store.home)
    w.line(0, 10)
    follower.poll()
    assert list(w.directory.glob("*.eps")) == []
    later(clock, 61)
    follower.poll()
    assert len(list(w.directory.glob("*.eps"))) == 1
    assert series_points(store, w.uid, "loss").step.tolist() == list(range(10))


def test_the_journal_of_a_lost_writer_goes_after_an_hour(store, follower, clock):
    w = Writing(store.home)
    w.line(0, 10)
    w.die()
    follower.poll()
    later(clock)
    follower.poll()
    assert w.path.exists()
    os.utime(w.path, (1, 1))
    later(clock, 60)
    follower.poll()
    assert not w.path.exists()
    assert get_run(store, w.uid).state == RunState.CRASHED
    assert series_points(store, w.uid, "loss").step.tolist() == list(range(10))


def test_a_received_journal_lives_by_its_last_contact(store, follower, clock):
    w = Writing(store.home)
    w.line(0, 10)
    w.die()
    mark = w.directory / f"{w.writer}.remote"
    mark.touch()
    follower.poll()
    later(clock)
    follower.poll()
    assert get_run(store, w.uid).state == RunState.RUNNING
    later(clock, 100)
    [change] = follower.poll()
    assert change.state == RunState.CRASHED
    os.utime(mark, (clock.time_of_day(),) * 2)
    later(clock)
    [change] = follower.poll()
    assert change.state == RunState.RUNNING, "a heartbeat is enough to come back"


def test_a_sick_journal_is_set_aside_and_comes_back_when_it_is_well(store, follower, clock):
    sick, well = Writing(store.home, "sick"), Writing(store.home, "well")
    sick.line(0, 5)
    well.line(0, 5)
    good = sick.path.read_bytes()
    sick.die()
    sick.path.write_bytes(b"NONSENSE" + good[8:])
    changes = follower.poll()
    assert [change.uid for change in changes] == [well.uid]
    assert [problem.path for problem in follower.problems] == [str(sick.path)]
    sick.path.write_bytes(good)
    later(clock, 31)
    assert sick.uid in {change.uid for change in follower.poll()}
    assert follower.problems == []


def test_a_journal_with_the_header_of_another_run_does_not_hold_up_the_others(store, follower):
    """Quarantine also works for what only shows when records are applied."""
    well = Writing(store.home, "well")
    well.line(0, 5)
    liar = run_uid("local", "p", "liar")
    directory = run_directory(store.home, liar)
    open_journal(str(directory), liar, new_uid(), Header("local", "p", "other", START)).close()
    follower.poll()
    assert get_run(store, well.uid).metrics[0].count == 5
    [problem] = follower.problems
    assert "names the run 'other'" in problem.text


def test_changes_by_hand_are_told_like_others(store, follower):
    w = Writing(store.home)
    w.finish()
    follower.poll()
    update_run(store, w.uid, RunChanges(name="by hand"))
    assert [(c.uid, c.what) for c in follower.poll()] == [(w.uid, ["facts"])]
    delete_run(store, w.uid)
    [change] = follower.poll()
    assert (change.uid, change.what, change.project) == (w.uid, ["deleted"], "p")
    assert not w.directory.exists()
    assert follower.poll() == []


def test_what_another_ingester_did_meanwhile_is_not_done_twice(store, follower):
    w = Writing(store.home)
    w.line(0, 5)
    follower.poll()
    w.line(5, 5)
    ingest_home(store)
    follower.poll()
    assert get_run(store, w.uid).metrics[0].count == 10


def test_runs_that_rest_cost_next_to_nothing(store, follower, clock, statements, monkeypatch):
    """200 finished runs: a poll looks at their times; nothing is listed, read or asked for."""
    for number in range(200):
        w = Writing(store.home, f"r{number}")
        w.row(0, loss=1.0)
        w.finish()
    while follower.poll():
        pass
    for path in (store.home / "runs").iterdir():
        os.utime(path, (1, 1))
    later(clock, 3600)
    follower.poll()
    follower.poll()
    touched: list[str] = []

    def watch(name: str) -> None:
        real = getattr(os, name)

        def noted(path, *given, **more):
            touched.append(f"{name} {path}")
            return real(path, *given, **more)

        monkeypatch.setattr(os, name, noted)

    for name in ("listdir", "scandir", "open"):
        watch(name)
    statements.clear()
    for _ in range(20):
        assert follower.poll() == []
    assert (touched, statements) == ([], [])


def test_a_poll_that_left_runs_says_so_and_moves_rows_only_when_all_are_seen(
    store, follower, monkeypatch
):
    """Who opens a home with many finished runs sees all of them before any is compacted."""
    monkeypatch.setattr("epochal.store.follow.GROUP", 2)
    writers = [Writing(store.home, f"r{n}") for n in range(5)]
    for writer in writers:
        writer.line(0, 10)
        writer.finish()
    seen = [(len(follower.poll()), follower.is_behind) for _ in range(3)]
    assert seen == [(2, True), (2, True), (1, False)]
    segments = [list(run_directory(store.home, w.uid).glob("*.eps")) for w in writers]
    assert sum(map(len, segments)) == 2, "moving begins, two at a time, with the last look"
