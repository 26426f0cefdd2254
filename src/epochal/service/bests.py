"""The best trials of a sweep, and running them again: readers look, writers repeat."""

from __future__ import annotations

from typing import Final

from epochal.domain.access import Permission, Principal
from epochal.domain.names import MAX_KEY
from epochal.domain.sweep import (
    REPEAT,
    BestTrial,
    Repeat,
    SweepRow,
    SweepState,
    TrialRow,
    told_origin,
)
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.search.config import SweepConfig
from epochal.search.space import nested
from epochal.service import bounds
from epochal.service.choosers import following
from epochal.service.permission import require
from epochal.service.sweeps import best_of, front, now_us, row_of, sweep_name, trial_row
from epochal.store.owner import Store
from epochal.store.sweeps import (
    Ledger,
    StoredSweep,
    StoredTrial,
    Wanted,
    changing,
    reading,
)

MAX_REPEATS: Final = 1_000


def best_trial(store: Store, principal: Principal | None, sweep_id: str) -> BestTrial:
    """The best trial so far, what repeated it, and the front of several objectives.

    Raises:
        NotFound: there is no such sweep, or no trial of it has a value.
        InvalidInput: the sweep has no metric.
    """
    require(principal, Permission.READ)
    with reading(store) as ledger:
        sweep = ledger.sweep(sweep_name(sweep_id))
        config = following(store, sweep).config
        trials = ledger.trials(sweep)
        chosen = front(config, trials) if len(config.objectives) > 1 else []
        trial = _best(ledger, sweep, config)
        mine = f"{REPEAT}{trial.number}"
        again = [one for one in trials if told_origin(one.origin) == mine]
        return BestTrial(
            trial_row(sweep, trial),
            nested(config, trial.params),
            sweep.entity,
            sweep.project,
            _rows(sweep, again),
            _rows(sweep, chosen),
        )


def repeat_trial(
    store: Store, principal: Principal | None, sweep_id: str, given: Repeat
) -> SweepRow:
    """Run a trial again, once with each seed; the cap does not count that, nor is it the best.

    A sweep that had ended hands out these trials and nothing else.

    Raises:
        NotFound: there is no such sweep or trial, or no trial has a value.
        InvalidInput: the seeds or their name cannot be used.
        Conflict: the sweep was cancelled.
    """
    require(principal, Permission.WRITE)
    bounds.at_most(given.seeds, MAX_REPEATS, "seeds")
    key = bounds.plain_text(given.key, "the name of the seed", MAX_KEY)
    if not given.seeds or not key:
        raise InvalidInput("a repeat needs at least one seed, and a name for it in the config")
    with changing(store) as ledger:
        sweep = ledger.sweep(sweep_name(sweep_id))
        config = following(store, sweep).config
        if sweep.state is SweepState.CANCELLED:
            raise Conflict(f"sweep {sweep.uid} was cancelled; make a new one")
        if given.trial is None:
            trial = _best(ledger, sweep, config)
        else:
            trial = ledger.trial(sweep, given.trial)
        origin = f"{REPEAT}{trial.number}:{key}"
        asked = [Wanted({**trial.params, key: seed}, origin) for seed in given.seeds]
        cap, state = sweep.run_cap, sweep.state
        if state is SweepState.FINISHED:
            cap, state = sweep.next_number - ledger.besides(sweep), SweepState.RUNNING
        sweep = ledger.change_sweep(
            sweep, now_us(), queue=[*asked, *sweep.queue], state=state.value, run_cap=cap
        )
        return row_of(ledger, sweep, config)


def _best(ledger: Ledger, sweep: StoredSweep, config: SweepConfig) -> StoredTrial:
    """The trial that is best in the first objective, of those that no other beats.

    Raises:
        NotFound: no trial has a value.
        InvalidInput: the sweep has no metric.
    """
    if config.metric is None:
        raise InvalidInput(f"sweep {sweep.uid} has no metric, so no trial of it is the best")
    trial = best_of(ledger, sweep, config)
    if trial is None:
        raise NotFound(
            f"no trial of sweep {sweep.uid} has a value of {config.metric.name!r} yet; "
            f"`epochal sweep show {sweep.uid}` says why"
        )
    return trial


def _rows(sweep: StoredSweep, trials: list[StoredTrial]) -> list[TrialRow]:
    return [trial_row(sweep, trial) for trial in trials]
