"""Parameters that the function of a running trial asks for by name (define by run).

Promises: a name keeps its value for as long as its trial lives, so asking twice, an answer that
got lost, and a second attempt after an agent died give the same; many agents share one search.
"""

from __future__ import annotations

from typing import Any, Final

from epochal.domain.access import Permission, Principal
from epochal.domain.names import MAX_KEY
from epochal.domain.sweep import Suggest, Suggested, TrialState
from epochal.errors import Conflict, InvalidInput
from epochal.search.config import Parameter
from epochal.search.parameters import read_parameters
from epochal.search.places import Places, check_plain
from epochal.search.space import coordinate_of, value_at
from epochal.service import bounds
from epochal.service.agents import find_trial
from epochal.service.choosers import following
from epochal.service.permission import require
from epochal.store.owner import Store
from epochal.store.sweeps import StoredTrial, changing, reading

MAX_NAMES: Final = 1_000


def suggest(store: Store, principal: Principal | None, agent_id: str, given: Suggest) -> Suggested:
    """The value of a parameter for a running trial.

    Raises:
        NotFound: there is no such agent or trial.
        Conflict: the trial is another agent's by now, or has ended.
        InvalidInput: the parameter cannot be used, or the sweep has its own.
    """
    require(principal, Permission.WRITE)
    agent_id = bounds.plain_text(agent_id, "agent id", 128)
    parameter = _read(given)
    with reading(store) as ledger:
        _, sweep = ledger.agent(agent_id)
    followed = following(store, sweep)
    if not followed.config.by_run:
        raise InvalidInput(
            f"sweep {sweep.uid} has its parameters in its configuration; to ask for them by "
            f"name, make a sweep with define_by_run: true"
        )
    followed.prepare(given.number)
    try:
        with changing(store) as ledger:
            agent, sweep = ledger.agent(agent_id)
            trial = find_trial(ledger, sweep, given.number)
            mine = trial.agent == agent.id and trial.attempt == given.attempt
            if not mine or trial.state is not TrialState.RUNNING:
                raise Conflict(
                    f"trial {given.number} of sweep {sweep.uid} is {trial.state.value} in attempt "
                    f"{trial.attempt}; attempt {given.attempt} may not ask for parameters"
                )
            if given.name in (trial.space or {}):
                return Suggested(_again(trial, given))
            if len(trial.params) >= MAX_NAMES:
                raise InvalidInput(f"a trial has at most {MAX_NAMES:,} parameters")
            places, place = trial.coordinates, None
            if given.name in trial.params:  # somebody asked for this value
                value = trial.params[given.name]
                place = coordinate_of(parameter, value)
            elif parameter.distribution == "constant":
                value = parameter.values[0]
            else:
                place = followed.suggest(ledger, sweep, trial.number, parameter)
                value = value_at(parameter, place)
            if place is not None:
                places = {**(places or {}), given.name: place}
            ledger.change_trial(
                sweep, trial.number,
                params={**trial.params, given.name: value}, coordinates=places,
                space={**(trial.space or {}), given.name: given.parameter},
            )  # fmt: skip
            return Suggested(value)
    except BaseException:
        followed.forget()
        raise


def _read(given: Suggest) -> Parameter:
    name = bounds.plain_text(given.name, "the name of a parameter", MAX_KEY)
    check_plain(given.parameter, (name,), Places({}))
    if not name or "parameters" in given.parameter or "when" in given.parameter:
        raise InvalidInput(
            f"{name!r}: a parameter that is asked for has a name and a distribution of its own; "
            f"ask for others only where they are needed"
        )
    return read_parameters({name: given.parameter}, Places({}))[0]


def _again(trial: StoredTrial, given: Suggest) -> Any:
    """The value that a name has already.

    Raises:
        InvalidInput: it was asked for with another distribution.
    """
    before = (trial.space or {})[given.name]
    if before != given.parameter:
        raise InvalidInput(
            f"{given.name!r} was asked for as {before} before and as {given.parameter} now; "
            f"within a trial a name has one meaning"
        )
    return trial.params[given.name]
