"""Handing out trials: agents ask for the next one, say that they live, and report how it ended.

Promises: each decision is one transaction, so a trial is handed to one agent; a trial whose agent
fell silent is handed out again after `LOST_US`, unless its run still lives or has ended well; a
report of an attempt that was given to somebody else changes nothing. Time comes in as ``at_us``.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from epochal.domain.access import Permission, Principal
from epochal.domain.names import run_uid
from epochal.domain.run import RunState
from epochal.domain.sweep import (
    AgentRow,
    Assignment,
    Beat,
    NewAgent,
    Orders,
    Stop,
    SweepState,
    TrialReport,
    TrialRow,
    TrialState,
)
from epochal.domain.values import number_from_json
from epochal.errors import Conflict
from epochal.search.choosing import seed_of
from epochal.search.config import SweepConfig
from epochal.search.space import coordinate_of, nested, values_of
from epochal.search.stopping import looks_at, why_stop
from epochal.service import bounds
from epochal.service.choosers import Following, following
from epochal.service.outcomes import Outcome, finite, outcome_of, reported, take_in
from epochal.service.permission import require
from epochal.service.queued import complete
from epochal.service.sweeps import now_us, sweep_name, trial_row
from epochal.store.owner import Store
from epochal.store.sweeps import Ledger, StoredSweep, StoredTrial, changing, reading

LOST_US: Final = 60_000_000
"""An agent beats every few seconds; one that was silent for a minute is taken for dead."""
SUSPECT_US: Final = 15_000_000
MAX_ATTEMPTS: Final = 3
MAX_HELD: Final = 1_000
MAX_NOTE: Final = 1_000
Ending: TypeAlias = tuple[Outcome, list[float]]
"""What a run says at its end, and what it logged of the metric."""

DONE: Final = (SweepState.FINISHED, SweepState.CANCELLED)


def add_agent(
    store: Store, principal: Principal | None, given: NewAgent, *, at_us: int | None = None
) -> AgentRow:
    """Someone who will ask for trials of a sweep.

    Raises:
        NotFound: there is no such sweep.
    """
    require(principal, Permission.WRITE)
    host = bounds.plain_text(given.host, "host", 256)
    with changing(store) as ledger:
        sweep = ledger.sweep(sweep_name(given.sweep))
        return ledger.add_agent(sweep, host, given.pid, at_us or now_us())


def next_trial(
    store: Store, principal: Principal | None, agent_id: str, *, at_us: int | None = None
) -> Assignment:
    """The trial that an agent shall run now, if there is one.

    Raises:
        NotFound: there is no such agent; its sweep was deleted.
        MissingExtra: the sweep's sampler is not installed.
    """
    require(principal, Permission.WRITE)
    now = at_us or now_us()
    agent_id = bounds.plain_text(agent_id, "agent id", 128)
    sweep, overdue = _overdue(store, agent_id, now)
    followed = following(store, sweep)
    try:
        with changing(store) as ledger:
            agent, sweep = ledger.agent(agent_id)
            return _Handing(ledger, agent, sweep, followed, overdue, now).decide()
    except BaseException:
        followed.forget()
        raise


def beat(
    store: Store,
    principal: Principal | None,
    agent_id: str,
    given: Beat,
    *,
    at_us: int | None = None,
) -> Orders:
    """An agent lives and runs these trials; which of them shall end.

    Raises:
        NotFound: there is no such agent; its sweep was deleted.
    """
    require(principal, Permission.WRITE)
    bounds.at_most(given.running, MAX_HELD, "trials of one agent")
    now = at_us or now_us()
    agent_id = bounds.plain_text(agent_id, "agent id", 128)
    logged = _logged(store, agent_id, given)
    with changing(store) as ledger:
        agent, sweep = ledger.agent(agent_id)
        config = following(store, sweep).config
        ledger.touch_agent(agent, now)
        stops: list[Stop] = []
        for held in given.running:
            trial = ledger.trial(sweep, held.number)
            mine = trial.agent == agent.id and trial.attempt == held.attempt
            if mine and trial.state is TrialState.LOST:
                state = TrialState.RUNNING.value
                trial = ledger.change_trial(sweep, trial.number, state=state, seen_us=now)
            if not mine or trial.state is not TrialState.RUNNING:
                why = "another agent has this trial now"
                stops.append(Stop(held.number, TrialState.CANCELLED, why))
            elif sweep.state is SweepState.CANCELLED:
                stops.append(Stop(held.number, TrialState.CANCELLED, "the sweep was cancelled"))
            else:
                ledger.seen(sweep, trial.number, now)
                reason = _why_stop(ledger, sweep, config, trial, logged.get(held.number, []))
                if reason:
                    stops.append(Stop(held.number, TrialState.STOPPED, reason))
        return Orders(sweep.state, stops)


def report(
    store: Store,
    principal: Principal | None,
    agent_id: str,
    given: TrialReport,
    *,
    at_us: int | None = None,
) -> TrialRow:
    """How an attempt ended. Without a value, the run is asked for it.

    Raises:
        NotFound: there is no such agent or trial.
        Conflict: the trial was given to another agent meanwhile, or has ended.
    """
    require(principal, Permission.WRITE)
    now = at_us or now_us()
    agent_id = bounds.plain_text(agent_id, "agent id", 128)
    outcome, values = _told(store, agent_id, given)
    with changing(store) as ledger:
        agent, sweep = ledger.agent(agent_id)
        trial = ledger.trial(sweep, given.number)
        mine = trial.agent == agent.id and trial.attempt == given.attempt
        if not mine or trial.state not in (TrialState.RUNNING, TrialState.LOST):
            raise Conflict(
                f"trial {given.number} of sweep {sweep.uid} is {trial.state.value} in attempt "
                f"{trial.attempt}; this report about attempt {given.attempt} came too late"
            )
        ledger.touch_agent(agent, now)
        trial = _end(ledger, sweep, trial, given.state, (outcome, values), now)
        return trial_row(sweep, trial)


class _Handing:
    """One decision about the next trial of an agent, within one transaction."""

    def __init__(
        self,
        ledger: Ledger,
        agent: AgentRow,
        sweep: StoredSweep,
        followed: Following,
        overdue: dict[int, Ending],
        now: int,
    ) -> None:
        self.ledger, self.agent, self.sweep = ledger, agent, sweep
        self.followed, self.config = followed, followed.config
        self.overdue, self.now = overdue, now

    def decide(self) -> Assignment:
        """A trial, or why there is none."""
        self.ledger.touch_agent(self.agent, self.now)
        if self.sweep.state is SweepState.PAUSED:
            return Assignment("wait", "the sweep is paused")
        if self.sweep.state in DONE:
            return Assignment("exit", f"the sweep is {self.sweep.state.value}")
        running = self._settle()
        lost = self.ledger.trials(self.sweep, states=(TrialState.LOST,))
        if lost:
            return self._again(lost[0])
        self.sweep = self.ledger.sweep(self.sweep.uid)
        cap = self.sweep.run_cap
        if cap is not None and self.sweep.next_number >= cap:
            return self._no_more(running, f"all {cap} trials were handed out")
        if self._reached():
            return self._no_more(running, "the target was reached")
        if self.sweep.queue:
            return self._queued(self.sweep.queue[0])
        coordinates = self.followed.choose(self.ledger, self.sweep)
        if coordinates is None:
            return self._no_more(running, "the grid is done")
        values = values_of(self.config, coordinates)
        return self._hand(values, coordinates, "search")

    def _settle(self) -> list[StoredTrial]:
        """Look after trials whose agents fell silent; the trials that still run."""
        running = []
        for trial in self.ledger.trials(self.sweep, states=(TrialState.RUNNING,)):
            outcome, values = self.overdue.get(trial.number, (None, []))
            if outcome is None or self.now - trial.seen_us < LOST_US:
                running.append(trial)
            elif outcome.state is RunState.RUNNING:
                self.ledger.seen(self.sweep, trial.number, self.now)
                running.append(trial)
            elif outcome.state is RunState.FINISHED:
                self._end(trial, "finished", (outcome, values))
            elif trial.attempt >= MAX_ATTEMPTS:
                note = f"the agent fell silent, {trial.attempt} times"
                self._end(trial, "failed", (Outcome(None, note=note), values))
            else:
                lost, note = TrialState.LOST.value, "its agent fell silent"
                self.ledger.change_trial(self.sweep, trial.number, state=lost, note=note)
        return running

    def _end(self, trial: StoredTrial, state: str, ending: Ending) -> None:
        _end(self.ledger, self.sweep, trial, state, ending, self.now)

    def _reached(self) -> bool:
        metric = self.config.metric
        if metric is None or metric.target is None:
            return False
        best = self.ledger.best(self.sweep, maximize=metric.goal == "maximize")
        if best is None or best.value is None:
            return False
        return not metric.better(metric.target, best.value)

    def _no_more(self, running: list[StoredTrial], why: str) -> Assignment:
        """Agents go home; one stays while the agent of a running trial may be dead."""
        if any(self.now - trial.seen_us > SUSPECT_US for trial in running):
            return Assignment("wait", f"{why}, but an agent may have died")
        if not running:
            self.ledger.change_sweep(self.sweep, self.now, state=SweepState.FINISHED.value)
        return Assignment("exit", why)

    def _again(self, trial: StoredTrial) -> Assignment:
        """A lost trial once more, as a new run."""
        attempt = trial.attempt + 1
        trial = self.ledger.change_trial(
            self.sweep, trial.number,
            state=TrialState.RUNNING.value, agent=self.agent.id, attempt=attempt, note="",
            run=_run_id(self.sweep, trial.number, attempt), reports=[], iterations=0,
            started_us=self.now, seen_us=self.now,
        )  # fmt: skip
        return self._assign(trial)

    def _queued(self, wanted: dict[str, Any]) -> Assignment:
        values = complete(self.config, wanted, seed_of(self.sweep.seed, self.sweep.next_number))
        coordinates: dict[str, Any] | None = {}
        for parameter in self.config.searched:
            place = coordinate_of(parameter, values[parameter.name])
            if place is None:
                coordinates = None
                break
            coordinates = {**(coordinates or {}), parameter.name: place}
        self.ledger.change_sweep(self.sweep, self.now, queue=self.sweep.queue[1:])
        return self._hand(values, coordinates, "queue")

    def _hand(
        self, values: dict[str, Any], coordinates: dict[str, Any] | None, origin: str
    ) -> Assignment:
        number = self.sweep.next_number
        trial = self.ledger.add_trial(
            self.sweep,
            {
                "state": TrialState.RUNNING.value, "params": values, "coordinates": coordinates,
                "run": _run_id(self.sweep, number, 1), "agent": self.agent.id, "attempt": 1,
                "origin": origin, "note": "", "started_us": self.now, "seen_us": self.now,
            },
        )  # fmt: skip
        return self._assign(trial)

    def _assign(self, trial: StoredTrial) -> Assignment:
        self.ledger.touch_agent(self.agent, self.now, handed=1)
        if self.sweep.state is SweepState.PENDING:
            self.ledger.change_sweep(self.sweep, self.now, state=SweepState.RUNNING.value)
        return Assignment(
            "run",
            trial=trial_row(self.sweep, trial),
            config=nested(self.config, trial.params),
            entity=self.sweep.entity,
            project=self.sweep.project,
            sweep=self.sweep.uid,
            program=self.config.program,
            command=list(self.config.command),
            metric=self.config.metric.name if self.config.metric else "",
            watched=self.config.stopping is not None,
        )


def _uid(sweep: StoredSweep, trial: StoredTrial) -> str:
    return run_uid(sweep.entity, sweep.project, trial.run)


def _run_id(sweep: StoredSweep, number: int, attempt: int) -> str:
    return f"{sweep.uid}-{number}" + (f"-{attempt}" if attempt > 1 else "")


def _overdue(store: Store, agent_id: str, now: int) -> tuple[StoredSweep, dict[int, Ending]]:
    """The agent's sweep, and what the runs of trials say whose agents fell silent."""
    with reading(store) as ledger:
        _, sweep = ledger.agent(agent_id)
        running = ledger.trials(sweep, states=(TrialState.RUNNING,))
    config = following(store, sweep).config
    found: dict[int, Ending] = {}
    for trial in running:
        if now - trial.seen_us >= LOST_US:
            uid = _uid(sweep, trial)
            found[trial.number] = (
                outcome_of(store, uid, config.metric),
                _values(store, config, uid),
            )
    return sweep, found


def _logged(store: Store, agent_id: str, given: Beat) -> dict[int, list[float]]:
    """What the trials of a beat logged so far, where they may end early."""
    with reading(store) as ledger:
        _, sweep = ledger.agent(agent_id)
        config = following(store, sweep).config
        if config.stopping is None:
            return {}
        trials = [ledger.trial(sweep, held.number) for held in given.running]
    return {trial.number: _values(store, config, _uid(sweep, trial)) for trial in trials}


def _told(store: Store, agent_id: str, given: TrialReport) -> Ending:
    """What a report and the run behind it say."""
    with reading(store) as ledger:
        _, sweep = ledger.agent(agent_id)
        trial = ledger.trial(sweep, given.number)
    config = following(store, sweep).config
    note = bounds.plain_text(given.note[:MAX_NOTE], "note")
    uid = _uid(sweep, trial)
    take_in(store, uid)
    values = _values(store, config, uid)
    if given.state not in ("finished", "stopped") or config.metric is None:
        return Outcome(None, note=note), values
    if given.value is not None:
        number = number_from_json(given.value)
        value, why = finite(given.value if number is None else number, config.metric.name)
        return Outcome(None, value, note or why), values
    found = outcome_of(store, uid, config.metric)
    return Outcome(found.state, found.value, note or found.note), values


def _values(store: Store, config: SweepConfig, uid: str) -> list[float]:
    """The first values of the metric, where rules look at them."""
    if config.stopping is None or config.metric is None:
        return []
    return reported(store, uid, config.metric.name)


def _end(
    ledger: Ledger, sweep: StoredSweep, trial: StoredTrial, state: str, ending: Ending, now: int
) -> StoredTrial:
    """Write down how a trial ended."""
    outcome, values = ending
    return ledger.change_trial(
        sweep, trial.number,
        state=state, value=outcome.value, note=outcome.note, seen_us=now, ended_us=now,
        reports=values, iterations=len(values),
    )  # fmt: skip


def _why_stop(
    ledger: Ledger,
    sweep: StoredSweep,
    config: SweepConfig,
    trial: StoredTrial,
    values: list[float],
) -> str | None:
    """The reason to end a running trial early."""
    if config.stopping is None or config.metric is None or len(values) <= trial.iterations:
        return None
    ledger.set_reports(sweep, trial.number, values)
    if not looks_at(config.stopping, len(values)):
        return None
    others = ledger.reports(sweep)
    others.pop(trial.number, None)
    return why_stop(config.stopping, config.metric, values, list(others.values()))
