"""Handing out trials: agents ask for the next one, say that they live, and report how it ended.

Promises: each decision is one transaction, so a trial is handed to one agent; a trial whose agent
fell silent is handed out again after `LOST_US` in which a server could have heard it, unless its
run still lives or has ended well; a report of an attempt that was given to somebody else changes
nothing. Time comes in as ``at_us``.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from epochal.domain.access import Permission, Principal
from epochal.domain.run import RunState
from epochal.domain.sweep import (
    MAX_REPORTS,
    REPEAT,
    AgentRow,
    Assignment,
    Beat,
    Held,
    NewAgent,
    Orders,
    Stop,
    SweepState,
    TrialReport,
    TrialRow,
    TrialState,
)
from epochal.domain.values import number_from_json
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.search.config import SweepConfig
from epochal.search.stopping import looks_at, why_stop
from epochal.service import bounds
from epochal.service.choosers import following
from epochal.service.handing import (
    LOST_US,
    Ending,
    Handing,
    close_if_done,
    end_trial,
    lose_trial,
    uid_of,
)
from epochal.service.outcomes import Outcome, finite, outcome_of, reported, take_in, together
from epochal.service.permission import require
from epochal.service.sweeps import now_us, sweep_name, trial_row
from epochal.store.owner import Store
from epochal.store.sweeps import Ledger, StoredSweep, StoredTrial, changing, reading

MAX_HELD: Final = 1_000
MAX_NUMBER: Final = 2**31
MAX_NOTE: Final = 1_000
NO_PROCESS: Final = 0
"""What agents of wandb give for their process."""


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
        return ledger.add_agent(sweep, host, given.pid % MAX_NUMBER, at_us or now_us())


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
    followed.prepare(sweep.next_number)
    try:
        with changing(store) as ledger:
            agent, sweep = ledger.agent(agent_id)
            return Handing(ledger, agent, sweep, followed, overdue, now).decide()
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
            trial = find_trial(ledger, sweep, held.number)
            mine = trial.agent == agent.id and trial.attempt == held.attempt
            if mine and trial.state is TrialState.LOST:
                state = TrialState.RUNNING.value
                trial = ledger.change_trial(sweep, trial.number, state=state, note="")
            if not mine or trial.state is not TrialState.RUNNING:
                why = "another agent has this trial now"
                stops.append(Stop(held.number, TrialState.CANCELLED, why))
            elif sweep.state is SweepState.CANCELLED:
                stops.append(Stop(held.number, TrialState.CANCELLED, "the sweep was cancelled"))
            else:
                ledger.seen(sweep, trial.number, now)
                values = logged.get(held.number, [])
                reason = trial.note or _why_stop(ledger, sweep, config, trial, values)
                if reason:
                    if not trial.note:  # said again at each beat, as an answer may get lost
                        ledger.change_trial(sweep, trial.number, note=reason)
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
        trial = find_trial(ledger, sweep, given.number)
        mine = trial.agent == agent.id and trial.attempt == given.attempt
        if not mine or trial.state not in (TrialState.RUNNING, TrialState.LOST):
            raise Conflict(
                f"trial {given.number} of sweep {sweep.uid} is {trial.state.value} in attempt "
                f"{trial.attempt}; this report about attempt {given.attempt} came too late"
            )
        ledger.touch_agent(agent, now)
        state: str = given.state
        if state == "ended":
            well = outcome.state is RunState.FINISHED
            cancelled = sweep.state is SweepState.CANCELLED
            state = "finished" if well else "cancelled" if cancelled else "failed"
            state = "stopped" if trial.note else state
        if state == "stopped" and not outcome.note:  # agents of wandb know no reason
            outcome = msgspec.structs.replace(outcome, note=trial.note)
        if state == "lost":
            trial = lose_trial(ledger, sweep, trial, outcome.note, values, now)
        else:
            trial = end_trial(ledger, sweep, trial, state, (outcome, values), now)
        return trial_row(sweep, trial)


def run_ended(
    store: Store,
    principal: Principal | None,
    place: tuple[str, str],
    run_id: str,
    *,
    at_us: int | None = None,
) -> None:
    """A run has ended: so has the trial that it is of, where the agent does not tell ends.

    Agents of wandb say with each heartbeat what lives, and the last one may never come.

    Args:
        store: the open store.
        principal: who asks.
        place: entity and project of the run.
        run_id: of any run; most are of no trial.
        at_us: now.
    """
    require(principal, Permission.WRITE)
    held = held_of(run_id)
    if held is None:
        return
    now = at_us or now_us()
    try:
        with reading(store) as ledger:
            sweep = ledger.sweep(sweep_name(run_id.partition("-")[0]))
            trial = find_trial(ledger, sweep, held.number)
            agent, _ = ledger.agent(trial.agent)
        is_its = trial.run == run_id and (sweep.entity, sweep.project) == place
        if is_its and trial.state is TrialState.RUNNING and agent.pid == NO_PROCESS:
            ended = TrialReport(trial.number, trial.attempt, "ended")
            report(store, principal, agent.id, ended, at_us=now)
            with changing(store) as ledger:
                close_if_done(ledger, ledger.sweep(sweep.uid), now)
    except (NotFound, Conflict, InvalidInput):
        return  # no trial, or somebody else told its end


def held_of(run_id: str) -> Held | None:
    """The trial whose run has this id, for those who know runs only; None when it is none's."""
    _, _, rest = run_id.partition("-")
    number, _, attempt = rest.partition("-")
    if not number.isdecimal() or not (attempt or "1").isdecimal():
        return None
    return Held(int(number), int(attempt or 1))


def find_trial(ledger: Ledger, sweep: StoredSweep, number: int) -> StoredTrial:
    """A trial of the sweep; no database is asked for numbers that it cannot hold."""
    if not 0 <= number < MAX_NUMBER:
        raise NotFound(f"sweep {sweep.uid} has no trial {number}")
    return ledger.trial(sweep, number)


def _overdue(store: Store, agent_id: str, now: int) -> tuple[StoredSweep, dict[int, Ending]]:
    """The agent's sweep, and what the runs of trials say whose agents fell silent."""
    with reading(store) as ledger:
        _, sweep = ledger.agent(agent_id)
        running = ledger.trials(sweep, states=(TrialState.RUNNING,))
    config = following(store, sweep).config
    found: dict[int, Ending] = {}
    for trial in running:
        if now - max(trial.seen_us, store.since_us) >= LOST_US:
            uid = uid_of(sweep, trial)
            outcome = outcome_of(store, uid, config.objectives)
            lives = outcome.state is RunState.RUNNING  # asked for at each question: keep it cheap
            found[trial.number] = (outcome, [] if lives else _values(store, config, uid))
    return sweep, found


def _logged(store: Store, agent_id: str, given: Beat) -> dict[int, list[float]]:
    """What the trials of a beat logged so far, where they may end early."""
    with reading(store) as ledger:
        _, sweep = ledger.agent(agent_id)
        config = following(store, sweep).config
        if config.stopping is None:
            return {}
        trials = [find_trial(ledger, sweep, held.number) for held in given.running]
    return {
        trial.number: _said(held) or _values(store, config, uid_of(sweep, trial))
        for held, trial in zip(given.running, trials, strict=True)
        if trial.iterations < MAX_REPORTS
    }


def _said(held: Held) -> list[float]:
    """What an agent saw its trial log; it may be ahead of the store."""
    found = [number_from_json(value) for value in held.values[:MAX_REPORTS]]
    return [math.nan if value is None else float(value) for value in found]


def _told(store: Store, agent_id: str, given: TrialReport) -> Ending:
    """What a report and the run behind it say."""
    with reading(store) as ledger:
        _, sweep = ledger.agent(agent_id)
        trial = find_trial(ledger, sweep, given.number)
    config = following(store, sweep).config
    note = bounds.plain_text(given.note[:MAX_NOTE], "note")
    uid = uid_of(sweep, trial)
    take_in(store, uid)
    values = _values(store, config, uid)
    if given.state in ("failed", "cancelled", "lost"):
        return Outcome(None, note=note), values
    said = given.outcomes if given.value is None else [given.value]
    if said is not None and len(said) == len(config.objectives):
        found = together(
            None, [_finite(one, o.name) for one, o in zip(said, config.objectives, strict=True)]
        )
    else:
        found = outcome_of(store, uid, config.objectives)
    return msgspec.structs.replace(found, note=note or found.note), values


def _finite(said: float | str, name: str) -> tuple[float | None, str]:
    number = number_from_json(said)
    return finite(said if number is None else number, name)


def _values(store: Store, config: SweepConfig, uid: str) -> list[float]:
    """The first values of the metric, where rules look at them."""
    if config.stopping is None or config.metric is None:
        return []
    return reported(store, uid, config.metric.name)


def _why_stop(
    ledger: Ledger,
    sweep: StoredSweep,
    config: SweepConfig,
    trial: StoredTrial,
    values: list[float],
) -> str | None:
    """The reason to end a running trial early; a repeat shall tell its value at the end."""
    if config.stopping is None or config.metric is None or len(values) <= trial.iterations:
        return None
    if trial.origin.startswith(REPEAT):
        return None
    ledger.set_reports(sweep, trial.number, values)
    if not looks_at(config.stopping, len(values)):
        return None
    others = ledger.reports(sweep)
    others.pop(trial.number, None)
    return why_stop(
        config.stopping, config.metric, values, list(others.values()), trial.iterations
    )
