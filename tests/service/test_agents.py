"""Agents of a sweep: they die, fall silent, come late, and no trial is lost or given twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from epochal.domain.access import LOCAL_USER
from epochal.domain.record import Told
from epochal.domain.sweep import (
    Beat,
    Held,
    TrialState,
)
from epochal.errors import Conflict, NotFound
from epochal.service import agents, sweeps
from epochal.service.agents import held_of
from epochal.service.handing import LOST_US, MAX_ATTEMPTS
from epochal.store.ingest import ingest_home
from epochal.store.owner import Store
from tests.server.journals import START_US, Script
from tests.service.desk import PROJECT, Desk


def test_an_agent_of_a_deleted_sweep_is_told_so(store: Store) -> None:
    desk = Desk(store)
    agent = desk.agent()
    sweeps.delete_sweep(store, LOCAL_USER, desk.id)
    with pytest.raises(NotFound, match="was deleted"):
        desk.ask(agent)


def test_a_silent_agents_trial_is_given_to_another(store: Store) -> None:
    """Same parameters, further attempt, other run; the first agent's report comes too late."""
    desk = Desk(store)
    dead, alive = desk.agent(), desk.agent()
    before = desk.ask(dead).trial
    assert before is not None
    desk.now += LOST_US
    after = desk.ask(alive).trial
    assert after is not None
    assert (after.number, after.params, after.attempt) == (before.number, before.params, 2)
    assert after.run != before.run
    with pytest.raises(Conflict, match="too late"):
        desk.report(dead, 0, 1.0)
    assert desk.beat(dead, 0) == {0: TrialState.CANCELLED}
    assert desk.report(alive, 0, 2.0, attempt=2).value == 2.0


def test_a_trial_that_kills_its_agents_fails(store: Store) -> None:
    """Not even the cat is sent out a fourth time."""
    desk = Desk(store)
    for _ in range(MAX_ATTEMPTS):
        assert desk.number(desk.agent()) == 0
        desk.now += LOST_US
    assert desk.number(desk.agent()) == 1
    assert (desk.trial(0).state, desk.trial(0).note) == (
        "failed",
        f"its agent fell silent, in attempt {MAX_ATTEMPTS}",
    )


def test_an_agent_that_was_only_slow_keeps_its_trial(store: Store) -> None:
    """While nobody else asked, a late beat or report is good."""
    desk = Desk(store)
    slow = desk.agent()
    desk.number(slow)
    desk.now += 3 * LOST_US
    assert desk.beat(slow, 0) == {}
    assert desk.report(slow, 0, 1.0).state == "finished"


def test_the_run_of_a_dead_agent_counts_when_it_finished(store: Store) -> None:
    """The agent died, its program did not: the value is read from the run."""
    desk = Desk(store)
    desk.number(desk.agent())
    Script(f"{desk.id}-0", project=PROJECT).rows(3.0, 2.5).finish().save(store.home)
    other = desk.agent()
    ingest_home(store)
    desk.now += LOST_US
    assert desk.number(other) == 1
    assert (desk.trial(0).state, desk.trial(0).value) == ("finished", 2.5)


def test_an_agent_may_tell_what_its_trial_logged_before_the_server_has_it(store: Store) -> None:
    """It stands beside the journal; the first trial is judged by the run, the second by that."""
    desk = Desk(store, early_terminate={"type": "hyperband", "min_iter": 2, "eta": 2})
    agent = desk.agent()
    given = desk.ask(agent)
    assert (given.watched, given.rungs[:3], given.seed, given.extra) == (True, [2, 4, 8], None, [])
    Script(f"{desk.id}-0", project=PROJECT).rows(5.0, 1.0).save(store.home)
    ingest_home(store)
    assert desk.beat(agent, 0) == {}
    assert desk.number(agent) == 1
    steps: list[tuple[list[float | str], list[int]]] = [
        ([4.0], []),
        (["NaN", 4.0, "Infinity"], [1]),
    ]
    for values, stops in steps:
        told = Beat([Held(1, 1, values)])
        orders = agents.beat(store, LOCAL_USER, agent, told, at_us=desk.now)
        assert [stop.number for stop in orders.stop] == stops
    assert desk.trial(1).iterations == 3


def test_a_server_that_was_away_takes_no_agent_for_dead_at_once(store: Store) -> None:
    """Nobody could tell it anything; those that live do so within seconds."""
    desk = Desk(store)
    living, dead, other = (desk.agent() for _ in range(3))
    assert [desk.number(one) for one in (living, dead)] == [0, 1]
    desk.now += 10 * LOST_US
    store.since_us = desk.now
    assert desk.number(other) == 2
    desk.now += LOST_US
    for agent, number in ((living, 0), (other, 2)):
        assert desk.beat(agent, number) == {}
    given = desk.ask(other).trial
    assert given is not None
    assert (given.number, given.attempt) == (1, 2)


def test_who_is_left_waits_for_what_the_dead_left_until_their_runs_are_given_up(
    store: Store,
) -> None:
    """A run that is still taken for alive hides no dead agent; the living keep what is theirs."""
    desk = Desk(store, run_cap=2)
    living, dead, other = (desk.agent() for _ in range(3))
    assert [desk.number(one) for one in (living, dead)] == [0, 1]
    script = Script(f"{desk.id}-1", project=PROJECT).rows(3.0)
    script.fact(Told(START_US, "running", None)).save(store.home)
    ingest_home(store)
    store.since_us = desk.now = desk.now + 10 * LOST_US  # the server was away
    for _ in range(20):
        desk.now += LOST_US // 10
        assert desk.beat(living, 0) == {}
        assert desk.ask(other).verdict == "wait", "the run of trial 1 may go on without its agent"
    assert (desk.trial(1).agent, desk.trial(1).attempt) == (dead, 1)
    script.fact(Told(START_US, "crashed", START_US)).save(store.home)
    ingest_home(store)
    given = desk.ask(other).trial
    assert given is not None
    assert (given.number, given.attempt) == (1, 2)
    desk.report(other, 1, 1.0, attempt=2)
    assert desk.ask(other).verdict == "wait", "the agent of trial 0 lives, but may die"
    assert (desk.trial(0).agent, desk.trial(0).attempt) == (living, 1)


def test_one_agent_stays_until_the_last_trial_has_ended(store: Store) -> None:
    """The oldest of those without a trial runs it again when its agent dies; others go home."""
    desk = Desk(store, run_cap=3)
    dead, leaving, *idle = (desk.agent(desk.now + later) for later in range(5))
    assert [desk.number(one) for one in (dead, leaving, idle[0])] == [0, 1, 2]
    desk.report(idle[0], 2, 1.0)
    home: set[str] = set()
    for _ in range(5):
        desk.now += 2_000_000
        desk.beat(dead, 0)
        if leaving not in home:
            desk.report(leaving, 1, 2.0)  # its count is run: it does not ask again
            home.add(leaving)
        home |= {one for one in idle if one not in home and desk.ask(one).verdict == "exit"}
    assert home == {leaving, *idle[1:]}
    for _ in range(29):  # the agent of trial 0 was killed
        desk.now += 2_000_000
        assert desk.ask(idle[0]).verdict == "wait"
    desk.now += 2_000_000
    given = desk.ask(idle[0])
    assert given.trial is not None
    assert (given.trial.number, given.trial.attempt) == (0, 2)
    desk.report(idle[0], 0, 3.0, attempt=2)
    assert desk.ask(idle[0]).verdict == "exit"
    assert desk.row.state == "finished"


def test_an_agent_that_ran_its_count_is_not_who_stays(store: Store) -> None:
    """It was heard of a moment ago, as it reported its trial, and does not ask again."""
    desk = Desk(store, run_cap=2)
    leaving, busy, idle = (desk.agent() for _ in range(3))
    assert [desk.number(one) for one in (leaving, busy)] == [0, 1]
    for _ in range(3):
        assert desk.ask(idle).verdict == "wait"
        desk.now += 1_000_000
        desk.beat(leaving, 0)
        desk.beat(busy, 1)
    desk.report(leaving, 0, 1.0)
    desk.now += 1_000_000
    assert desk.ask(idle).verdict == "wait"


def test_what_all_agents_left_is_given_to_a_later_one(store: Store) -> None:
    """The first one had run its count, the other died; a later one waits and runs the rest."""
    desk = Desk(store, run_cap=2)
    first, dead = desk.agent(), desk.agent()
    assert [desk.number(one) for one in (first, dead)] == [0, 1]
    desk.report(first, 0, 1.0)
    desk.now += LOST_US // 2
    later = desk.agent()
    assert desk.ask(later).verdict == "wait"
    desk.now += LOST_US // 2
    given = desk.ask(later).trial
    assert given is not None
    assert (given.number, given.attempt) == (1, 2)
    desk.report(later, 1, 2.0, attempt=2)
    assert desk.ask(later).verdict == "exit"
    assert desk.row.state == "finished"


def test_a_trial_whose_answer_got_lost_is_given_again_to_who_asked(store: Store) -> None:
    """An agent asks again when no answer came: it does not go home and leave the last trial."""
    desk = Desk(store, run_cap=1)
    agent, other = desk.agent(), desk.agent()
    desk.number(agent)
    assert desk.ask(agent).verdict == "wait"
    assert desk.ask(other).verdict == "wait"
    desk.now += LOST_US
    given = desk.ask(agent).trial
    assert given is not None
    assert (given.number, given.attempt) == (0, 2)


def test_an_order_to_stop_is_given_until_it_is_obeyed(store: Store) -> None:
    """An answer may get lost; a run that ends after it was stopped, whoever tells of its end."""
    desk = Desk(store, early_terminate={"type": "asha", "eta": 2})
    agent = desk.agent()
    for number, loss in enumerate([1.0, 4.0]):
        desk.number(agent)
        script = Script(f"{desk.id}-{number}", project=PROJECT).rows(loss)
        script.finish().save(store.home)
        ingest_home(store)
    assert desk.beat(agent, 0) == {}
    for _ in range(3):
        assert desk.beat(agent, 0, 1) == {1: TrialState.STOPPED}
    ended = desk.report(agent, 1, state="ended")
    assert (ended.state, ended.value) == ("stopped", 4.0)
    assert ended.note == "1 of 1 other trials were better at iteration 1"
    assert desk.report(agent, 0, state="ended").state == "finished"


def test_the_run_says_how_a_trial_ended_when_nobody_else_can(store: Store) -> None:
    """For clients that know of runs only, which are named after their trials."""
    desk = Desk(store)
    agent = desk.agent()
    for number, state in enumerate(["finished", "failed"]):
        trial = desk.ask(agent).trial
        assert trial is not None
        assert held_of(trial.run) == Held(number, 1)
        Script(trial.run, project=PROJECT).rows(1.0).finish(state).save(store.home)
        assert desk.report(agent, number, state="ended").state == state
    assert held_of("abc-12-2") == Held(12, 2)
    assert held_of("some-run") is None
    assert held_of("abc") is None


def test_many_agents_at_once_never_get_the_same_trial(store: Store) -> None:
    """Sixty-four threads on one store: each number and each point of the grid once."""
    grid = {"x": {"min": 0, "max": 19}, "n": {"min": 0, "max": 9}}
    desk = Desk(store, method="grid", parameters=grid)

    def work(_: int) -> list[tuple[Any, ...]]:
        agent = desk.agent()
        got: list[tuple[Any, ...]] = []
        while True:
            given = desk.ask(agent)
            if given.verdict != "run":
                return got
            assert given.trial is not None
            got.append((given.trial.number, *given.config.values()))
            desk.report(agent, given.trial.number, 1.0)

    with ThreadPoolExecutor(64) as pool:
        found = [one for part in pool.map(work, range(64)) for one in part]
    assert sorted(one[0] for one in found) == list(range(200))
    assert len({one[1:] for one in found}) == 200
