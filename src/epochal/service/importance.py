"""Which parameters of a project's runs or of a sweep matter for a result.

`domain.importance` says how.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from epochal.domain.access import Permission, Principal
from epochal.domain.first_columns import fact_column
from epochal.domain.importance import (
    MOST_PARAMETERS,
    Cell,
    ImportanceQuery,
    ImportanceReport,
    importance,
)
from epochal.domain.view import RunQuery
from epochal.service import bounds, projects, runs
from epochal.service.choosers import following
from epochal.service.permission import require
from epochal.service.sweeps import COUNTED, asked_for, sweep_name
from epochal.store.owner import Store
from epochal.store.sweeps import reading

MOST_RUNS: Final = 10_000
"""The newest runs that are looked at."""


def judge_parameters(
    store: Store,
    principal: Principal | None,
    query: ImportanceQuery,
    only: Sequence[str] | None = None,
) -> ImportanceReport:
    """Importance of parameters over the runs that a filter chooses.

    Args:
        store: the home.
        principal: who asks.
        query: the result, the parameters and the filter.
        only: uids of the runs to judge in place of those that the filter chooses.

    Raises:
        NotFound: there is no such project.
        QuerySyntaxError: ``where``, the target or a parameter does not follow the grammar.
        InvalidInput: too few runs have the result, or too many parameters are named.
    """
    require(principal, Permission.READ)
    bounds.plain_text(query.target, "the target", bounds.MAX_WHERE)
    names = query.parameters
    if names is None:
        names = _usual_parameters(query, store, principal)
    else:
        names = list(dict.fromkeys(bounds.keys(names, MOST_PARAMETERS, "parameters")))
    asked = RunQuery(
        query.project,
        entity=query.entity,
        where=query.where if only is None else "",
        limit=bounds.MAX_PAGE,
        columns=list(dict.fromkeys([query.target, *names])),
        ids=list(only or ()),
        archived=only is not None,
    )
    # No ids would ask for all runs.
    none = only is not None and not only
    cells = {key: [] for key in asked.columns} if none else _cells_of(asked, store, principal)
    return importance({name: cells[name] for name in names}, cells[query.target])


def _cells_of(asked: RunQuery, store: Store, principal: Principal | None) -> dict[str, list[Cell]]:
    """The columns of all runs that are asked for."""
    cells: dict[str, list[Cell]] = {name: [] for name in asked.columns}
    looked_at = 0
    while True:
        page = runs.query_runs(store, principal, asked)
        for name, column in cells.items():
            column.extend(map(_cell, page.columns[name]))
        looked_at += len(page.runs)
        if page.cursor is None or looked_at >= MOST_RUNS:
            break
        asked = msgspec.structs.replace(asked, cursor=page.cursor)
    return cells


def judge_sweep(store: Store, principal: Principal | None, sweep_id: str) -> ImportanceReport:
    """Importance of the parameters that a sweep searches, over its trials that have a value.

    Raises:
        NotFound: there is no such sweep.
        InvalidInput: too few trials have a value.
    """
    require(principal, Permission.READ)
    with reading(store) as ledger:
        sweep = ledger.sweep(sweep_name(sweep_id))
        config = following(store, sweep).config
        trials = ledger.trials(sweep, states=COUNTED)
    parameters = asked_for(trials) if config.by_run else config.searched
    searched = [parameter.name for parameter in parameters][:MOST_PARAMETERS]
    cells = {name: [_cell(trial.params.get(name)) for trial in trials] for name in searched}
    return importance(cells, [trial.value for trial in trials])


def _usual_parameters(
    query: ImportanceQuery, store: Store, principal: Principal | None
) -> list[str]:
    """The config keys that most runs have, as columns."""
    keys = projects.project_keys(store, principal, query.entity, query.project).config
    keys = sorted(keys, key=lambda use: (-use.runs, use.key))[:MOST_PARAMETERS]
    return [fact_column("config", use.key) for use in keys]


def _cell(value: object) -> Cell:
    """What can be learned from; lists and mappings count as the text they are."""
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
