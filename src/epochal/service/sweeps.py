"""Sweeps: readers look, writers make, change and delete them.

`service.agents` hands their trials out.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any, Final

from epochal.domain.access import Permission, Principal
from epochal.domain.front import front_of
from epochal.domain.names import DEFAULT_ENTITY, DEFAULT_PROJECT, MAX_NAME, check_run_id, run_uid
from epochal.domain.sweep import (
    REPEAT,
    NewSweep,
    Objective,
    Queue,
    SweepChanges,
    SweepDetail,
    SweepList,
    SweepRow,
    SweepState,
    TrialFacts,
    TrialRow,
    TrialState,
    told_origin,
)
from epochal.errors import Conflict, InvalidInput
from epochal.search.choosing import make_chooser
from epochal.search.config import Parameter, SweepConfig
from epochal.search.grid import grid_size
from epochal.search.parameters import read_parameters
from epochal.search.parse import MAX_CAP, read_sweep
from epochal.search.places import Places, check_plain, nearest
from epochal.search.space import drawn
from epochal.search.stopping import check_reach
from epochal.service import bounds
from epochal.service.choosers import following
from epochal.service.earlier import earlier_trial
from epochal.service.permission import require
from epochal.store.owner import Store
from epochal.store.sweeps import (
    Ledger,
    StoredSweep,
    StoredTrial,
    Wanted,
    changing,
    reading,
)

MAX_SWEEP: Final = 64
MAX_QUEUE: Final = 10_000
QUEUE: Final = "queue"
COUNTED: Final = (TrialState.FINISHED, TrialState.STOPPED)


def now_us() -> int:
    """The time of day in microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def create_sweep(store: Store, principal: Principal | None, given: NewSweep) -> SweepRow:
    """Make a sweep; its first agent starts it.

    Raises:
        InvalidInput: the configuration cannot be used; the message names the place.
        MissingExtra: its sampler is not installed here.
        NotFound: there is no such prior run.
    """
    user = require(principal, Permission.WRITE)
    config = read_sweep(given.config)
    check_reach(config.stopping)
    seed = secrets.randbelow(2**31) if config.seed is None else config.seed
    make_chooser(config, seed)
    entity = bounds.entity_name(given.entity or config.entity or DEFAULT_ENTITY)
    project = bounds.project_name(given.project or config.project or DEFAULT_PROJECT)
    bounds.at_most(given.prior_runs, MAX_QUEUE, "prior runs")
    earlier = [
        earlier_trial(store, config, (entity, project), check_run_id(one))
        for one in given.prior_runs
    ]
    at_us = now_us()
    with changing(store) as ledger:
        sweep = ledger.add_sweep(
            {
                "entity": entity, "project": project, "config": given.config,
                "state": SweepState.PENDING.value, "seed": seed, "run_cap": config.run_cap,
                "created_us": at_us, "updated_us": at_us, "created_by": user.name,
            }
        )  # fmt: skip
        for trial in earlier:
            ledger.add_trial(ledger.sweep(sweep.uid), trial)
        sweep = ledger.sweep(sweep.uid)
        return row_of(ledger, sweep, config)


def list_sweeps(
    store: Store,
    principal: Principal | None,
    entity: str | None = None,
    project: str | None = None,
) -> SweepList:
    """The sweeps of a project, or of all, newest first."""
    require(principal, Permission.READ)
    owner = None if entity is None and project is None else bounds.entity_name(entity)
    place = None if project is None else bounds.project_name(project)
    with reading(store) as ledger:
        found = ledger.sweeps(owner, place, bounds.MAX_PAGE)
        return SweepList([row_of(ledger, one, following(store, one).config) for one in found])


def get_sweep(
    store: Store, principal: Principal | None, sweep_id: str, since: int = -1
) -> SweepDetail:
    """A sweep with its agents and trials: all, or those that changed after revision ``since``.

    Raises:
        NotFound: there is none.
    """
    require(principal, Permission.READ)
    with reading(store) as ledger:
        sweep = ledger.sweep(sweep_name(sweep_id))
        config = following(store, sweep).config
        since = since if since <= sweep.rev else -1
        several = len(config.objectives) > 1
        whole = ledger.trials(sweep) if since < 0 or several or config.by_run else []
        changed = ledger.trials(sweep, beyond=since) if since >= 0 else whole
        searched = asked_for(whole) if config.by_run else config.searched
        return SweepDetail(
            row_of(ledger, sweep, config),
            sweep.config,
            [trial_row(sweep, trial) for trial in changed],
            ledger.agents(sweep),
            sweep.rev,
            [drawn(parameter) for parameter in searched],
            [trial.number for trial in front(config, whole)] if several else [],
        )


def change_sweep(
    store: Store, principal: Principal | None, sweep_id: str, changes: SweepChanges
) -> SweepRow:
    """Pause, resume, finish, cancel, extend or rename a sweep.

    Raises:
        NotFound: there is none.
        Conflict: a cancelled sweep cannot go on.
        InvalidInput: the cap is no number of trials, or the name cannot be one.
    """
    require(principal, Permission.WRITE)
    cap, name = changes.run_cap, changes.name
    if name is not None:
        name = bounds.plain_text(name.strip(), "sweep name", MAX_NAME)
    if cap is not None and not 1 <= cap <= MAX_CAP:
        raise InvalidInput(f"run_cap must be from 1 to {MAX_CAP:,}, got {cap}")
    with changing(store) as ledger:
        sweep = ledger.sweep(sweep_name(sweep_id))
        if sweep.state is SweepState.CANCELLED and changes.state not in (None, "cancelled"):
            raise Conflict(f"sweep {sweep.uid} was cancelled and cannot go on; make a new one")
        state = SweepState(changes.state) if changes.state else sweep.state
        if name is not None:
            ledger.name_sweep(sweep, name)
        extended = cap is not None and cap > (sweep.run_cap or 0)
        if extended and changes.state is None and state is SweepState.FINISHED:
            state = SweepState.RUNNING
        sweep = ledger.change_sweep(
            sweep,
            now_us(),
            state=state.value,
            run_cap=sweep.run_cap if cap is None else cap,
        )
        return row_of(ledger, sweep, following(store, sweep).config)


def delete_sweep(store: Store, principal: Principal | None, sweep_id: str) -> None:
    """Forget a sweep with its trials; the runs stay, and agents go home.

    Raises:
        NotFound: there is none.
    """
    require(principal, Permission.WRITE)
    with changing(store) as ledger:
        ledger.remove_sweep(ledger.sweep(sweep_name(sweep_id)))


def enqueue(store: Store, principal: Principal | None, sweep_id: str, queue: Queue) -> SweepRow:
    """Try these configurations before anything else. A finished sweep goes on for them.

    Raises:
        NotFound: there is no such sweep.
        InvalidInput: a name is no parameter of the sweep.
        Conflict: the sweep was cancelled.
    """
    require(principal, Permission.WRITE)
    bounds.at_most(queue.configs, MAX_QUEUE, "configurations")
    for index, given in enumerate(queue.configs):
        check_plain(given, ("configs", index), Places({}))
    with changing(store) as ledger:
        sweep = ledger.sweep(sweep_name(sweep_id))
        config = following(store, sweep).config
        if sweep.state is SweepState.CANCELLED:
            raise Conflict(f"sweep {sweep.uid} was cancelled; make a new one")
        asked = [Wanted(flat(config, one), QUEUE) for one in queue.configs]
        waiting = [*sweep.queue, *asked]
        bounds.at_most(waiting, MAX_QUEUE, "configurations that wait")
        state = sweep.state
        if state is SweepState.FINISHED:
            state = SweepState.RUNNING
        sweep = ledger.change_sweep(sweep, now_us(), queue=waiting, state=state.value)
        return row_of(ledger, sweep, config)


def asked_for(trials: Sequence[StoredTrial]) -> list[Parameter]:
    """The parameters that functions asked for by name, as the newest trial that had each did."""
    space: dict[str, Any] = {}
    for trial in trials:
        space.update(trial.space or {})
    found = read_parameters(space, Places({})) if space else ()
    return [parameter for parameter in found if parameter.distribution != "constant"]


def sweep_name(text: str) -> str:
    """A sweep's id, of ``id`` or ``entity/project/id``."""
    return bounds.plain_text(text, "sweep id", 1024).rpartition("/")[2][:MAX_SWEEP]


def row_of(ledger: Ledger, sweep: StoredSweep, config: SweepConfig) -> SweepRow:
    """A sweep as lists show it; with several objectives there is no single best."""
    metric = config.metric
    single = len(config.objectives) == 1
    best = best_of(ledger, sweep, config) if single else None
    return SweepRow(
        id=sweep.uid,
        entity=sweep.entity,
        project=sweep.project,
        name=sweep.name or config.name or sweep.uid,
        description=config.description,
        method=config.method,
        metric=metric.name if metric else None,
        goal=metric.goal if metric else None,
        state=sweep.state,
        run_cap=sweep.run_cap,
        expected=_expected(sweep, config, ledger.besides(sweep)),
        seed=sweep.seed,
        trials=ledger.counts(sweep),
        queued=len(sweep.queue),
        best=best.value if best else None,
        best_trial=best.number if best else None,
        created_us=sweep.created_us,
        updated_us=sweep.updated_us,
        created_by=sweep.created_by,
        objectives=[Objective(one.name, one.goal) for one in config.objectives],
    )


def best_of(ledger: Ledger, sweep: StoredSweep, config: SweepConfig) -> StoredTrial | None:
    """The trial that is best in the first objective."""
    if config.metric is None:
        return None
    return ledger.best(sweep, maximize=config.metric.goal == "maximize")


def front(config: SweepConfig, trials: Sequence[StoredTrial]) -> list[StoredTrial]:
    """The trials that no other beats in all objectives; none with a single objective."""
    told = [
        trial
        for trial in trials
        if trial.outcomes and trial.state in COUNTED and not trial.origin.startswith(REPEAT)
    ]
    maximize = [objective.goal == "maximize" for objective in config.objectives]
    return [told[at] for at in front_of([trial.outcomes or [] for trial in told], maximize)]


def trial_row(sweep: StoredSweep, trial: StoredTrial) -> TrialRow:
    """A trial as it crosses the seams."""
    facts = {name: getattr(trial, name) for name in TrialFacts.__struct_fields__}
    facts["origin"] = told_origin(trial.origin)
    return TrialRow(**facts, uid=run_uid(sweep.entity, sweep.project, trial.run))


def _expected(sweep: StoredSweep, config: SweepConfig, besides: int) -> int | None:
    """How many trials there will be at most."""
    cap = None
    if sweep.run_cap is not None:
        repeats = sum(one.origin.startswith(REPEAT) for one in sweep.queue)
        cap = sweep.run_cap + besides + repeats
    grid = None
    if config.method == "grid":
        queued = sweep.next_number - sweep.searched + len(sweep.queue)
        grid = grid_size(config) + queued
    ends = [end for end in (cap, grid) if end is not None]
    return min(ends) if ends else None


def flat(config: SweepConfig, given: dict[str, Any]) -> dict[str, Any]:
    """Values by name, of a config that is nested as the parameters are, or flat already."""
    if config.by_run:
        return dict(given)
    known = {parameter.path: parameter.name for parameter in config.parameters}
    names = set(known.values())
    found: dict[str, Any] = {}
    waiting: list[tuple[tuple[str, ...], Any]] = [((str(k),), v) for k, v in given.items()]
    while waiting:
        path, value = waiting.pop(0)
        name = ".".join(path)
        if path in known or name in names:
            found[name] = value
        elif isinstance(value, dict) and any(one[: len(path)] == path for one in known):
            waiting += [((*path, str(key)), inner) for key, inner in value.items()]
        else:
            raise InvalidInput(
                f"{name!r} is no parameter of this sweep{nearest(name, names)}; "
                f"it has {', '.join(sorted(names)[:20])}"
            )
    return found
