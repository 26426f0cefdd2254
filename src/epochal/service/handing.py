"""One decision about the next trial of an agent, within one transaction.

First come lost trials, then queued configurations, then what the chooser says. What the runs of
silent agents say was read before the transaction began.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from epochal.domain.names import run_uid
from epochal.domain.run import RunState
from epochal.domain.sweep import REPEAT, AgentRow, Assignment, SweepState, TrialState
from epochal.search.choosing import seed_of
from epochal.search.space import coordinates_of, nested, values_of
from epochal.service.choosers import Following
from epochal.service.outcomes import Outcome
from epochal.service.queued import complete
from epochal.service.sweeps import trial_row
from epochal.store.sweeps import Ledger, StoredSweep, StoredTrial, Wanted

LOST_US: Final = 60_000_000
"""An agent beats every few seconds; one that was silent for a minute is taken for dead."""
SUSPECT_US: Final = 15_000_000
MAX_ATTEMPTS: Final = 3
SILENT: Final = "its agent fell silent"
DONE: Final = (SweepState.FINISHED, SweepState.CANCELLED)
Ending: TypeAlias = tuple[Outcome, list[float]]
"""What a run says at its end, and what it logged of the metric."""


class Handing:
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
        running, lost = self._settle()
        if lost:
            return self._again(lost[0])
        queue = self.sweep.queue
        if queue and queue[0].origin.startswith(REPEAT):  # the cap does not count them
            return self._queued(queue[0])
        if is_all_handed_out(self.ledger, self.sweep):
            return self._no_more(running, f"all {self.sweep.run_cap} trials were handed out")
        if self._reached():
            return self._no_more(running, "the target was reached")
        if queue:
            return self._queued(queue[0])
        coordinates = self.followed.choose(self.ledger, self.sweep)
        if coordinates is None:
            return self._no_more(running, "the grid is done")
        values = values_of(self.config, coordinates)
        return self._hand(values, coordinates, "search")

    def _settle(self) -> tuple[list[StoredTrial], list[StoredTrial]]:
        """Look after trials whose agents fell silent; those that still run, and those lost."""
        states = (TrialState.RUNNING, TrialState.LOST)
        before = self.ledger.trials(self.sweep, states=states)
        after = [self._look_after(trial) for trial in before]
        if after != before:
            self.sweep = self.ledger.sweep(self.sweep.uid)
        running, lost = ([one for one in after if one.state is state] for state in states)
        return running, lost

    def _look_after(self, trial: StoredTrial) -> StoredTrial:
        outcome, values = self.overdue.get(trial.number, (None, []))
        is_silent = outcome is not None and self.now - trial.seen_us >= LOST_US
        if outcome is None or not is_silent or trial.state is TrialState.LOST:
            return trial
        if outcome.state is RunState.RUNNING:
            return trial  # its agent stays unheard: who asks at the end waits
        if outcome.state is RunState.FINISHED:
            return self._end(trial, "finished", (outcome, values))
        return lose_trial(self.ledger, self.sweep, trial, SILENT, values, self.now)

    def _end(self, trial: StoredTrial, state: str, ending: Ending) -> StoredTrial:
        return end_trial(self.ledger, self.sweep, trial, state, ending, self.now)

    def _reached(self) -> bool:
        metric = self.config.metric
        if metric is None or metric.target is None:
            return False
        best = self.ledger.best(self.sweep, maximize=metric.goal == "maximize")
        if best is None or best.value is None:
            return False
        return not metric.better(metric.target, best.value)

    def _no_more(self, running: list[StoredTrial], why: str) -> Assignment:
        """Agents go home; one stays while trials run, as the agent of each may die.

        Who asks may never have heard of a trial of its own, as the answer got lost.
        """
        if not running:
            self.ledger.change_sweep(self.sweep, self.now, state=SweepState.FINISHED.value)
            return Assignment("exit", why)
        if any(self.now - trial.seen_us > SUSPECT_US for trial in running):
            return Assignment("wait", f"{why}, but an agent may have died")
        own = [str(trial.number) for trial in running if trial.agent == self.agent.id]
        if own:
            return Assignment("wait", f"{why}, but this agent has not reported {', '.join(own)}")
        if self._another_stays(running):
            return Assignment("exit", why)
        return Assignment("wait", f"{why}, but one agent stays while others run theirs")

    def _another_stays(self, running: list[StoredTrial]) -> bool:
        """Whether an older agent asks again and again, as this one does, and is told to wait.

        Only what asked since this one did last counts: who was told to go home, or goes because
        it ran its count of trials, is heard of no more.
        """
        busy = {trial.agent for trial in running}
        mine = (self.agent.created_us, self.agent.id)
        older = [
            one
            for one in self.ledger.agents(self.sweep)
            if (one.created_us, one.id) < mine
            and one.seen_us > self.agent.seen_us
            and one.id not in busy
        ]
        return any(not self.ledger.ended(self.sweep, one.id, one.seen_us) for one in older)

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

    def _queued(self, wanted: Wanted) -> Assignment:
        seed = seed_of(self.sweep.seed, self.sweep.next_number)
        values = complete(self.config, wanted.values, seed)
        self.ledger.change_sweep(self.sweep, self.now, queue=self.sweep.queue[1:])
        return self._hand(values, coordinates_of(self.config, values), wanted.origin)

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
        known = {parameter.name for parameter in self.config.parameters}
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
            metric=self.config.objectives[0].name if len(self.config.objectives) == 1 else "",
            watched=self.config.stopping is not None and not trial.origin.startswith(REPEAT),
            by_run=self.config.by_run,
            rungs=list(self.config.stopping.bands) if self.config.stopping else [],
            seed=_seed(trial),
            extra=[] if self.config.by_run else [one for one in trial.params if one not in known],
        )


def _seed(trial: StoredTrial) -> int | None:
    """The seed of a repeat; in older sweeps the origin does not say how it is called."""
    if not trial.origin.startswith(REPEAT):
        return None
    key = trial.origin.removeprefix(REPEAT).partition(":")[2] or "seed"
    seed = trial.params.get(key)
    return seed if isinstance(seed, int) else None


def uid_of(sweep: StoredSweep, trial: StoredTrial) -> str:
    """The uid of the run of a trial's present attempt."""
    return run_uid(sweep.entity, sweep.project, trial.run)


def _run_id(sweep: StoredSweep, number: int, attempt: int) -> str:
    return f"{sweep.uid}-{number}" + (f"-{attempt}" if attempt > 1 else "")


def is_all_handed_out(ledger: Ledger, sweep: StoredSweep) -> bool:
    """Whether the cap on trials is reached."""
    return sweep.run_cap is not None and (
        sweep.next_number - ledger.besides(sweep) >= sweep.run_cap
    )


def close_if_done(ledger: Ledger, sweep: StoredSweep, now: int) -> None:
    """End a sweep whose trials were all handed out and have ended."""
    left = ledger.trials(sweep, states=(TrialState.RUNNING, TrialState.LOST))
    is_over = not left and not sweep.queue and is_all_handed_out(ledger, sweep)
    if sweep.state is SweepState.RUNNING and is_over:
        ledger.change_sweep(sweep, now, state=SweepState.FINISHED.value)


def end_trial(
    ledger: Ledger, sweep: StoredSweep, trial: StoredTrial, state: str, ending: Ending, now: int
) -> StoredTrial:
    """Write down how a trial ended."""
    outcome, values = ending
    return ledger.change_trial(
        sweep, trial.number,
        state=state, value=outcome.value, outcomes=outcome.outcomes, note=outcome.note,
        seen_us=now, ended_us=now, reports=values, iterations=len(values),
    )  # fmt: skip


def lose_trial(
    ledger: Ledger,
    sweep: StoredSweep,
    trial: StoredTrial,
    why: str,
    values: list[float],
    now: int,
) -> StoredTrial:
    """Hold a trial ready for another agent; one that was lost too often has failed."""
    if trial.attempt < MAX_ATTEMPTS:
        return ledger.change_trial(sweep, trial.number, state=TrialState.LOST.value, note=why)
    note = f"{why}, in attempt {trial.attempt}"
    return end_trial(ledger, sweep, trial, "failed", (Outcome(None, note=note), values), now)
