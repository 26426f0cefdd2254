"""Runs that were there before a sweep, as trials that it knows from the beginning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from epochal.domain.names import run_uid
from epochal.domain.sweep import EARLIER, TrialState
from epochal.search.conditions import is_there
from epochal.search.config import Parameter, SweepConfig
from epochal.search.space import coordinates_of
from epochal.service.outcomes import outcome_of
from epochal.store import runs
from epochal.store.store import Store


def earlier_trial(
    store: Store, config: SweepConfig, place: tuple[str, str], run_id: str
) -> dict[str, Any]:
    """The columns of the trial that a run would have been.

    Args:
        store: the open store.
        config: of the sweep.
        place: entity and project of the run.
        run_id: id of the run.

    Raises:
        NotFound: there is no such run.
    """
    uid = run_uid(*place, run_id)
    detail = runs.get_run(store, uid)
    params: dict[str, Any] = {}
    for parameter in config.parameters:
        if is_there(parameter, params):
            params[parameter.name] = _value_of(detail.config, parameter)
    outcome = outcome_of(store, uid, config.objectives)
    ended = detail.ended_us or detail.updated_us
    return {
        "state": TrialState.FINISHED.value, "params": params,
        "coordinates": coordinates_of(config, params),
        "run": run_id, "agent": "", "attempt": 1, "origin": EARLIER, "value": outcome.value,
        "outcomes": outcome.outcomes,
        "note": outcome.note, "started_us": detail.created_us, "seen_us": ended,
        "ended_us": ended,
    }  # fmt: skip


def _value_of(config: Mapping[str, Any], parameter: Parameter) -> Any:
    """The value of a parameter in the config of a run; None when it has none."""
    if parameter.name in config:
        return config[parameter.name]
    inner: Any = config
    for word in parameter.path:
        inner = inner.get(word) if isinstance(inner, Mapping) else None
    return inner
