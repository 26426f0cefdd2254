"""A sweep in an open store, and what agents do there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epochal.domain.access import LOCAL_USER
from epochal.domain.sweep import (
    Assignment,
    Beat,
    Held,
    NewAgent,
    NewSweep,
    SweepChanges,
    SweepState,
    TrialReport,
    TrialState,
)
from epochal.service import agents, sweeps
from epochal.store.owner import Store

PROJECT = "p"


SPACE = {"x": {"min": 0.0, "max": 1.0}, "n": {"min": 1, "max": 9}}


CONFIG: dict[str, Any] = {
    "method": "random",
    "metric": {"name": "loss"},
    "parameters": SPACE,
    "project": PROJECT,
    "seed": 1,
}


class Desk:
    """A sweep, and what agents do there."""

    def __init__(self, store: Store, prior_runs: Sequence[str] = (), **changes: Any) -> None:
        self.store = store
        given = NewSweep({**CONFIG, **changes}, prior_runs=list(prior_runs))
        self.id = sweeps.create_sweep(store, LOCAL_USER, given).id
        self.now = 1_000_000_000

    def agent(self, at_us: int | None = None) -> str:
        return agents.add_agent(
            self.store, LOCAL_USER, NewAgent(self.id, "host", 1), at_us=at_us or self.now
        ).id

    def ask(self, agent: str) -> Assignment:
        return agents.next_trial(self.store, LOCAL_USER, agent, at_us=self.now)

    def number(self, agent: str) -> int:
        trial = self.ask(agent).trial
        assert trial is not None
        return trial.number

    def beat(self, agent: str, *numbers: int, attempt: int = 1) -> dict[int, TrialState]:
        given = Beat([Held(number, attempt) for number in numbers])
        orders = agents.beat(self.store, LOCAL_USER, agent, given, at_us=self.now)
        return {stop.number: stop.state for stop in orders.stop}

    def report(self, agent: str, number: int, value: Any = None, **more: Any) -> Any:
        given = TrialReport(
            number, more.pop("attempt", 1), more.pop("state", "finished"), value, **more
        )
        return agents.report(self.store, LOCAL_USER, agent, given, at_us=self.now)

    def change(self, **changes: Any) -> SweepState:
        found = sweeps.change_sweep(self.store, LOCAL_USER, self.id, SweepChanges(**changes))
        return found.state

    @property
    def row(self) -> Any:
        return sweeps.get_sweep(self.store, LOCAL_USER, self.id).sweep

    def trial(self, number: int) -> Any:
        return sweeps.get_sweep(self.store, LOCAL_USER, self.id).trials[number]
