"""Several objectives, repeats of the best, and functions that ask for parameters by name."""

from __future__ import annotations

from typing import Any

import pytest

from epochal.domain.access import LOCAL_USER
from epochal.domain.sweep import (
    Assignment,
    NewAgent,
    NewSweep,
    Queue,
    Repeat,
    Suggest,
    SweepChanges,
    TrialReport,
)
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.service import agents, bests, choosers, importance, suggesting, sweeps
from epochal.service.handing import LOST_US
from epochal.store.owner import Store

SPACE = {"x": {"min": 0.0, "max": 1.0}, "n": {"min": 1, "max": 9}}
TWO = [{"name": "loss", "goal": "minimize"}, {"name": "speed", "goal": "maximize"}]


class Desk:
    """A sweep and one agent of it."""

    def __init__(self, store: Store, **config: Any) -> None:
        self.store, self.now = store, 1_000_000_000
        given = {"method": "bayes", "metric": "loss", "seed": 1, **config}
        self.id = sweeps.create_sweep(store, LOCAL_USER, NewSweep(given, "p")).id
        self.agent = self.come()

    def come(self) -> str:
        return agents.add_agent(self.store, LOCAL_USER, NewAgent(self.id), at_us=self.now).id

    def ask(self, agent: str = "") -> Assignment:
        return agents.next_trial(self.store, LOCAL_USER, agent or self.agent, at_us=self.now)

    def end(self, number: int, *values: float, attempt: int = 1, agent: str = "") -> None:
        single = values[0] if len(values) == 1 else None
        report = TrialReport(number, attempt, "finished", single, "", [*values])
        agents.report(self.store, LOCAL_USER, agent or self.agent, report, at_us=self.now)

    def suggest(
        self, number: int, name: str, attempt: int = 1, agent: str = "", **spec: Any
    ) -> Any:
        asked = Suggest(number, attempt, name, spec)
        return suggesting.suggest(self.store, LOCAL_USER, agent or self.agent, asked).value

    def detail(self, since: int = -1) -> Any:
        return sweeps.get_sweep(self.store, LOCAL_USER, self.id, since)

    def best(self) -> Any:
        return bests.best_trial(self.store, LOCAL_USER, self.id)


@pytest.mark.parametrize("sampler", ["nsga-ii", "tpe", "random", "auto"])
def test_several_objectives_have_a_front(store: Store, sampler: str) -> None:
    """Which no trial beats, in the list, the detail and the best alike."""
    desk = Desk(store, metric=TWO, parameters=SPACE, sampler=sampler)
    told = {}
    for _ in range(30):
        trial = desk.ask().trial
        assert trial is not None
        x = trial.params["x"]
        told[trial.number] = (x * trial.params["n"], x + 0.1)
        desk.end(trial.number, *told[trial.number])
    choosers._kept.clear()  # a server that was restarted goes on
    again = desk.ask().trial
    assert again is not None
    desk.end(again.number, 1e9, -1e9)
    found = desk.detail()
    assert found.sweep.best is None
    assert [one.name for one in found.sweep.objectives] == ["loss", "speed"]
    front = {trial.number: trial.outcomes for trial in desk.best().front}
    assert list(front) == found.front
    assert again.number not in front
    for loss, speed in told.values():
        assert any(a <= loss and b >= speed for a, b in front.values())
    assert desk.best().trial.outcomes[0] == min(loss for loss, _ in told.values())
    assert desk.detail(found.rev).front == found.front, "what changed since has the whole front"


def test_a_missing_objective_leaves_a_trial_without_outcomes(store: Store) -> None:
    desk = Desk(store, metric=TWO, parameters=SPACE)
    trial = desk.ask().trial
    assert trial is not None
    desk.end(trial.number, 1.0, float("nan"))
    (row,) = desk.detail().trials
    assert (row.value, row.outcomes, row.note) == (None, None, "speed is nan")
    with pytest.raises(NotFound, match="has a value"):
        desk.best()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metric": [*TWO, TWO[0]]}, "stands here twice"),
        ({"metric": [{**TWO[0], "target": 1}, TWO[1]]}, "target goes with a single objective"),
        ({"metric": TWO, "early_terminate": {"type": "median"}}, "cannot be ended early"),
        ({"metric": TWO, "sampler": "cma-es"}, "cma-es knows one objective, here are 2"),
        ({"metric": []}, "from 1 to 8 objectives"),
        ({"define_by_run": True}, "the function names them"),
        ({"define_by_run": True, "method": "grid"}, "a grid needs its parameters"),
        ({"define_by_run": "yes"}, "it must be true or false"),
    ],
)
def test_what_does_not_go_together_is_refused(
    store: Store, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        Desk(store, **{"parameters": SPACE, **changes})


def test_the_best_is_repeated_with_seeds_beyond_the_cap(store: Store) -> None:
    """Repeats come first, do not count for the cap, and are never the best themselves."""
    desk = Desk(store, parameters=SPACE, run_cap=2, method="random")
    with pytest.raises(NotFound, match="has a value"):
        bests.repeat_trial(store, LOCAL_USER, desk.id, Repeat([1]))
    for value in (2.0, 1.0):
        trial = desk.ask().trial
        assert trial is not None
        desk.end(trial.number, value)
    assert desk.ask().verdict == "exit"
    row = bests.repeat_trial(store, LOCAL_USER, desk.id, Repeat([7, 8], "seeds/init"))
    assert (row.state, row.queued, row.expected) == ("running", 2, 4)
    best = desk.best().trial
    for seed in (7, 8):
        given = desk.ask()
        assert given.trial is not None
        assert given.trial.origin == f"repeat:{best.number}"
        assert given.config == {**best.params, "seeds/init": seed}
        desk.end(given.trial.number, 0.0)
    assert desk.ask().verdict == "exit"
    assert desk.detail().sweep.state == "finished"
    found = desk.best()
    assert (found.trial.number, found.trial.value) == (best.number, 1.0)
    assert [trial.value for trial in found.repeats] == [0.0, 0.0]


def test_repeats_of_a_stopped_sweep_do_not_begin_it_anew(store: Store) -> None:
    desk = Desk(store, parameters=SPACE, method="random")
    trial = desk.ask().trial
    assert trial is not None
    desk.end(trial.number, 1.0)
    sweeps.change_sweep(store, LOCAL_USER, desk.id, SweepChanges("finished"))
    bests.repeat_trial(store, LOCAL_USER, desk.id, Repeat([1], trial=0))
    again = desk.ask().trial
    assert again is not None
    desk.end(again.number, 1.0)
    assert desk.ask().verdict == "exit"
    with pytest.raises(InvalidInput, match="at least one seed"):
        bests.repeat_trial(store, LOCAL_USER, desk.id, Repeat([]))
    sweeps.change_sweep(store, LOCAL_USER, desk.id, SweepChanges("cancelled"))
    with pytest.raises(Conflict, match="was cancelled"):
        bests.repeat_trial(store, LOCAL_USER, desk.id, Repeat([1]))


@pytest.mark.parametrize("method", ["bayes", "random"])
def test_a_function_asks_for_its_parameters_by_name(store: Store, method: str) -> None:
    """Branches are searched, a name keeps its value, and a restart in the middle is borne."""
    desk = Desk(store, define_by_run=True, method=method)
    found = []
    for number in range(25):
        assert desk.ask().by_run
        kind = desk.suggest(number, "kind", values=["deep", "wide"])
        if number == 15:
            choosers._kept.clear()
        name = "depth" if kind == "deep" else "width"
        size = desk.suggest(number, name, min=1, max=8)
        assert desk.suggest(number, name, min=1, max=8) == size
        found.append(abs(size - 5) + (kind == "wide"))
        desk.end(number, found[-1])
    detail = desk.detail()
    assert {one.name for one in detail.parameters} == {"kind", "depth", "width"}
    weighed = importance.judge_sweep(store, LOCAL_USER, desk.id)
    assert {one.name for one in weighed.parameters} == {"kind", "depth", "width"}
    assert all(set(t.params) in ({"kind", "depth"}, {"kind", "width"}) for t in detail.trials)
    if method == "bayes":
        assert sum(found[15:]) / 10 < sum(found[:10]) / 10


def test_a_name_has_one_meaning_and_one_asker(store: Store) -> None:
    desk = Desk(store, define_by_run=True)
    desk.ask()
    value = desk.suggest(0, "lr", min=0.0, max=1.0)
    with pytest.raises(InvalidInput, match="within a trial a name has one meaning"):
        desk.suggest(0, "lr", min=0.0, max=2.0)
    with pytest.raises(InvalidInput, match="did you mean 'min'"):
        desk.suggest(0, "x", mn=0.0, max=2.0)
    with pytest.raises(InvalidInput, match="a distribution of its own"):
        desk.suggest(0, "x", parameters={})
    with pytest.raises(NotFound, match="has no trial 5"):
        desk.suggest(5, "x", min=0.0, max=1.0)
    desk.now += LOST_US + 1
    other = desk.come()
    given = desk.ask(other)
    assert given.trial is not None
    assert (given.trial.number, given.trial.attempt) == (0, 2)
    assert desk.suggest(0, "lr", attempt=2, agent=other, min=0.0, max=1.0) == value
    with pytest.raises(Conflict, match="attempt 1 may not ask"):
        desk.suggest(0, "x", min=0.0, max=1.0)
    fixed = Desk(store, parameters=SPACE)
    fixed.ask()
    with pytest.raises(InvalidInput, match="define_by_run: true"):
        fixed.suggest(0, "x", min=0.0, max=1.0)


def test_values_that_somebody_wants_are_given_to_who_asks(store: Store) -> None:
    desk = Desk(store, define_by_run=True)
    sweeps.enqueue(store, LOCAL_USER, desk.id, Queue([{"lr": 0.25}]))
    assert desk.ask().config == {"lr": 0.25}
    assert desk.suggest(0, "lr", min=0.0, max=1.0) == 0.25
    desk.end(0, 1.0)
    choosers._kept.clear()
    assert desk.ask().verdict == "run"
    assert 0.0 <= desk.suggest(1, "lr", min=0.0, max=1.0) <= 1.0
