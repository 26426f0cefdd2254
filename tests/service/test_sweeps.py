"""A sweep from its first trial to its end; trials get their value from their runs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from epochal.domain.access import LOCAL_USER
from epochal.domain.record import Config
from epochal.domain.sweep import (
    NewAgent,
    Queue,
    Repeat,
    SweepState,
    TrialReport,
    TrialState,
)
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.service import agents, bests, choosers, importance, sweeps
from epochal.store.ingest import ingest_home
from epochal.store.owner import Store, open_store
from epochal.store.sweeps import changing
from tests.server.journals import Script
from tests.service.desk import CONFIG, PROJECT, Desk


def test_a_sweep_runs_from_its_first_trial_to_its_cap(store: Store) -> None:
    """Pending, running, finished; agents go home at the end."""
    desk = Desk(store, run_cap=2)
    assert desk.row.state == "pending"
    agent = desk.agent()
    for number in range(2):
        given = desk.ask(agent)
        assert given.verdict == "run"
        assert given.trial is not None
        assert given.trial.run == f"{desk.id}-{number}"
        assert given.config == given.trial.params
        desk.report(agent, number, 0.5 + number)
    assert desk.ask(agent).verdict == "exit"
    assert (desk.row.state, desk.row.best, desk.row.best_trial) == ("finished", 0.5, 0)
    assert desk.row.trials == {"finished": 2}


def test_more_trials_extend_a_finished_sweep(store: Store) -> None:
    """A larger cap lets it go on where it was."""
    desk = Desk(store, run_cap=1)
    agent = desk.agent()
    desk.report(agent, desk.number(agent), 1.0)
    assert desk.ask(agent).verdict == "exit"
    assert desk.change(run_cap=2) == "running"
    assert desk.number(agent) == 1


def test_paused_sweeps_let_agents_wait_and_cancelled_ones_stop_them(store: Store) -> None:
    """What runs goes on while paused; cancelling ends it, for good."""
    desk = Desk(store)
    agent = desk.agent()
    number = desk.number(agent)
    desk.change(state="paused")
    assert desk.ask(agent).verdict == "wait"
    assert desk.beat(agent, number) == {}
    assert desk.change(state="running") == "running"
    desk.change(state="cancelled")
    assert desk.beat(agent, number) == {number: TrialState.CANCELLED}
    assert desk.ask(agent).verdict == "exit"
    with pytest.raises(Conflict, match="was cancelled"):
        desk.change(state="running")


def test_a_report_without_a_value_asks_the_run(store: Store) -> None:
    """Journals that nobody took in yet are read for it."""
    desk = Desk(store)
    agent = desk.agent()
    desk.number(agent)
    Script(f"{desk.id}-0", project=PROJECT).rows(3.0, 1.25).finish().save(store.home)
    assert desk.report(agent, 0).value == 1.25


def test_a_metric_that_was_never_logged_is_named_with_the_nearest(store: Store) -> None:
    """The trial ends without a value, and says why."""
    desk = Desk(store, metric={"name": "lss"})
    agent = desk.agent()
    desk.number(agent)
    Script(f"{desk.id}-0", project=PROJECT).rows(3.0).finish().save(store.home)
    ended = desk.report(agent, 0)
    assert ended.value is None
    assert "lss was never logged; did you mean 'loss'?" in ended.note
    with pytest.raises(NotFound, match="has a value of 'lss' yet"):
        bests.best_trial(store, LOCAL_USER, desk.id)


@pytest.mark.parametrize("value", [math.nan, "NaN", math.inf, "text"])
def test_an_objective_that_is_no_number_never_is_the_best(store: Store, value: Any) -> None:
    """NaN compares as nothing does; the search goes on."""
    desk = Desk(store, method="bayes")
    agent = desk.agent()
    ended = desk.report(agent, desk.number(agent), value)
    assert (ended.state, ended.value) == ("finished", None)
    assert "loss is" in ended.note
    desk.report(agent, desk.number(agent), 7.0)
    assert bests.best_trial(store, LOCAL_USER, desk.id).trial.number == 1


def test_queued_configurations_come_first_and_are_completed(store: Store) -> None:
    """What they leave out is drawn; values outside of the space are allowed."""
    desk = Desk(store, method="bayes")
    queue = Queue([{"x": 0.25}, {"x": 99.0, "n": 3}])
    sweeps.enqueue(store, LOCAL_USER, desk.id, queue)
    agent = desk.agent()
    first, second, third = (desk.ask(agent) for _ in range(3))
    assert first.config["x"] == 0.25
    assert 1 <= first.config["n"] <= 9
    assert second.config == {"x": 99.0, "n": 3}
    assert third.trial is not None
    assert third.trial.origin == "search"
    with pytest.raises(InvalidInput, match=r"'m' is no parameter.*it has n, x"):
        sweeps.enqueue(store, LOCAL_USER, desk.id, Queue([{"m": 1}]))


def test_a_search_learns_from_runs_that_were_there_before(store: Store) -> None:
    """They are its first trials, count for the best, and not for the cap."""
    for number in range(30):
        config = Config(1, {"x": 0.7 + number / 1000, "n": 5})
        script = Script(f"old{number}", project=PROJECT).fact(config).rows(number / 100)
        script.finish().save(store.home)
    strange = Config(1, {"x": "text"})
    Script("strange", project=PROJECT).fact(strange).rows(0.5).finish().save(store.home)
    ingest_home(store)
    old = [f"old{number}" for number in range(30)]
    desk = Desk(store, [*old, "strange"], method="bayes", run_cap=1)
    assert (desk.row.best, desk.row.best_trial, desk.row.expected) == (0.0, 0, 32)
    given = desk.ask(desk.agent())
    assert given.trial is not None
    assert given.trial.number == 31
    assert desk.ask(desk.agent()).verdict == "wait"
    assert desk.trial(0).origin == "earlier"
    with pytest.raises(NotFound):
        Desk(store, ["nowhere"])


def test_a_target_ends_the_sweep(store: Store) -> None:
    desk = Desk(store, metric={"name": "loss", "target": 0.1})
    agent = desk.agent()
    desk.report(agent, desk.number(agent), 0.5)
    desk.report(agent, desk.number(agent), 0.1)
    assert desk.ask(agent).reason == "the target was reached"
    assert desk.row.state == "finished"


def test_a_grid_is_done_once_and_knows_its_size(store: Store) -> None:
    """Also when its last trials are still running."""
    grid = {"x": {"values": [1, 2]}, "n": {"values": ["a", "b"]}}
    desk = Desk(store, method="grid", parameters=grid)
    one, two = desk.agent(), desk.agent()
    assert desk.row.expected == 4
    points = [tuple(desk.ask(agent).config.values()) for agent in (one, two, one, two)]
    assert sorted(points) == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]
    assert desk.ask(one).verdict == "wait"
    assert desk.row.state == "running"
    for number in range(4):
        desk.report((one, two)[number % 2], number, 1.0)
    assert desk.ask(one).verdict == "exit"
    assert desk.row.state == "finished"


def test_a_search_goes_on_after_a_restart_as_if_there_was_none(home: Path) -> None:
    """The state of the search is the store's trials."""

    def ask(desk: Desk, agent: str) -> float:
        given = desk.ask(agent)
        assert given.trial is not None
        value = float((given.config["x"] - 0.3) ** 2 + given.config["n"])
        desk.report(agent, given.trial.number, value)
        return float(given.config["x"])

    with open_store(home) as store:
        whole = Desk(store, method="bayes")
        agent = whole.agent()
        expected = [ask(whole, agent) for _ in range(20)]
        parts = Desk(store, method="bayes")
        agent = parts.agent()
        found = [ask(parts, agent) for _ in range(12)]
    choosers._kept.clear()
    with open_store(home) as store:
        parts.store = store
        found += [ask(parts, agent) for _ in range(8)]
    assert found == expected


def test_a_bad_trial_is_told_to_stop_and_a_good_one_is_not(store: Store) -> None:
    """Hyperband looks at what the runs logged so far."""
    desk = Desk(store, early_terminate={"type": "hyperband", "min_iter": 2, "eta": 2})
    agent = desk.agent()
    for number, losses in enumerate([(5.0, 1.0), (5.0, 4.0), (5.0, 0.5)]):
        assert desk.number(agent) == number
        Script(f"{desk.id}-{number}", project=PROJECT).rows(*losses).save(store.home)
        ingest_home(store)
        expected = {1: TrialState.STOPPED} if number == 1 else {}
        assert desk.beat(agent, number) == expected
        state = "stopped" if number == 1 else "finished"
        ended = desk.report(agent, number, losses[-1], state=state)
        assert (ended.state, ended.iterations) == (state, 2)
    assert desk.row.best == 0.5


def test_a_repeat_runs_to_its_end_and_nobody_is_compared_with_it(store: Store) -> None:
    """It shall tell how the best does with another seed, at the end and not half-way."""
    desk = Desk(store, early_terminate={"type": "asha", "eta": 2})
    agent = desk.agent()
    for number, loss in enumerate([1.0, 9.0, 2.0]):
        if number == 1:
            bests.repeat_trial(store, LOCAL_USER, desk.id, Repeat([7]))
        given = desk.ask(agent)
        assert (given.watched, given.seed) == ((False, 7) if number == 1 else (True, None))
        assert given.extra == (["seed"] if number == 1 else [])
        Script(f"{desk.id}-{number}", project=PROJECT).rows(loss).save(store.home)
        ingest_home(store)
        assert desk.beat(agent, number) == ({2: TrialState.STOPPED} if number == 2 else {})
        if number < 2:
            desk.report(agent, number, loss)
    assert desk.trial(2).note == "1 of 1 other trials were better at iteration 1"


def test_a_repeat_with_the_seed_of_the_trial_itself_has_it_as_its_seed(store: Store) -> None:
    """Where the seed is a parameter; a second attempt has it, too, and nobody sees how."""
    desk = Desk(store, method="grid", parameters={"init": {"values": [1]}, "x": {"value": 5}})
    agent = desk.agent()
    desk.number(agent)
    desk.report(agent, 0, 1.0)
    bests.repeat_trial(store, LOCAL_USER, desk.id, Repeat([1, 2], key="init"))
    for number, seed in ((1, 1), (2, 2)):
        for _ in range(2):
            given = desk.ask(agent)
            assert given.trial is not None
            assert (given.trial.number, given.trial.origin) == (number, "repeat:0")
            assert (given.seed, given.extra) == (seed, [])
            desk.report(agent, number, state="lost", attempt=given.trial.attempt)
        third = desk.ask(agent).trial
        assert third is not None
        desk.report(agent, number, 2.0, attempt=third.attempt)
    best = bests.best_trial(store, LOCAL_USER, desk.id)
    assert [trial.params["init"] for trial in best.repeats] == [1, 2]


@pytest.mark.parametrize("number", [-1, 2**31, 2**70])
def test_numbers_that_no_trial_has_are_not_found(store: Store, number: int) -> None:
    """Whatever a client sends, the database can hold it or never sees it."""
    desk = Desk(store)
    agent = desk.agent()
    for call in (desk.beat, desk.report):
        with pytest.raises(NotFound, match="has no trial"):
            call(agent, number)
    agents.add_agent(store, LOCAL_USER, NewAgent(desk.id, pid=number))


def test_values_that_no_store_can_hold_are_refused(store: Store) -> None:
    """Integers of more than 64 bits, in a configuration or in the queue."""
    with pytest.raises(InvalidInput, match="more than 64 bits"):
        Desk(store, parameters={"x": {"value": 2**64}})
    desk = Desk(store)
    with pytest.raises(InvalidInput, match="more than 64 bits"):
        sweeps.enqueue(store, LOCAL_USER, desk.id, Queue([{"x": -(2**70)}]))


def test_lists_and_details_tell_what_there_is(store: Store) -> None:
    """By project, newest first; the configuration stands as it was given."""
    first, second = Desk(store), Desk(store)
    other = Desk(store, project="q")
    found = sweeps.list_sweeps(store, LOCAL_USER, None, PROJECT).sweeps
    assert [row.id for row in found] == [second.id, first.id]
    assert len(sweeps.list_sweeps(store, LOCAL_USER).sweeps) == 3
    detail = sweeps.get_sweep(store, LOCAL_USER, f"local/q/{other.id}")
    assert detail.config == {**CONFIG, "project": "q"}
    assert [agent.id for agent in detail.agents] == []


def test_who_says_the_last_revision_gets_only_what_changed_since(store: Store) -> None:
    desk = Desk(store)
    agent = desk.agent()
    desk.number(agent)
    before = sweeps.get_sweep(store, LOCAL_USER, desk.id)
    desk.number(agent)
    after = sweeps.get_sweep(store, LOCAL_USER, desk.id, before.rev)
    assert [trial.number for trial in before.trials] == [0]
    assert [trial.number for trial in after.trials] == [1]
    assert sweeps.get_sweep(store, LOCAL_USER, desk.id, after.rev).trials == []
    ahead = sweeps.get_sweep(store, LOCAL_USER, desk.id, after.rev + 10)
    assert len(ahead.trials) == 2, "a revision of another life of the store is no revision"


def test_the_parameter_that_decides_weighs_most(store: Store) -> None:
    desk = Desk(store)
    agent = desk.agent()
    for _ in range(40):
        trial = desk.ask(agent).trial
        assert trial is not None
        report = TrialReport(trial.number, 1, "finished", (trial.params["x"] - 0.3) ** 2)
        agents.report(store, LOCAL_USER, agent, report, at_us=desk.now)
    found = importance.judge_sweep(store, LOCAL_USER, desk.id)
    assert [one.name for one in found.parameters] == ["x", "n"]
    assert found.parameters[0].certain
    assert found.runs == 40


def test_a_sweep_that_would_be_refused_today_is_read_as_before(store: Store) -> None:
    """An older version took bands that no trial can reach: its sweeps are listed and go on."""
    late = {"type": "hyperband", "min_iter": 5000}
    with pytest.raises(InvalidInput, match="5,000 logged values"):
        Desk(store, early_terminate=late)
    desk = Desk(store)
    with changing(store) as ledger:
        desk.id = ledger.add_sweep(
            {
                "entity": "local", "project": PROJECT, "state": SweepState.PENDING.value,
                "config": {**CONFIG, "early_terminate": late}, "seed": 1, "run_cap": None,
                "created_us": 2, "updated_us": 2, "created_by": LOCAL_USER.name,
            }
        ).uid  # fmt: skip
    assert desk.id in [row.id for row in sweeps.list_sweeps(store, LOCAL_USER).sweeps]
    agent = desk.agent()
    number = desk.number(agent)
    desk.report(agent, number, 0.5)
    assert desk.change(state="cancelled") is SweepState.CANCELLED
