"""The runs that a panel of a report names, wherever they are now.

A run that was moved to another project is shown as it is there, and is told, so that a report
does not go on to show what nobody continues.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from msgspec.structs import replace

from epochal.domain.names import run_uid
from epochal.domain.objects import RunRef
from epochal.domain.view import RunPage, RunQuery, RunRow
from epochal.store.owner import Store
from epochal.store.runs import find_moved

Ask: TypeAlias = Callable[[RunQuery], RunPage]


class NamedRuns(NamedTuple):
    """Runs and their columns, what is not there any more, and where runs went."""

    page: RunPage
    missing: list[str]
    moved: list[RunRef]


def named_runs(store: Store, ask: Ask, query: RunQuery, names: list[str]) -> NamedRuns:
    """The named runs of a project, and those that went from there to other projects.

    Args:
        store: the home.
        ask: answers a query as the one who looks may.
        query: the project, the columns and how many runs at most.
        names: ids or uids.

    Raises:
        NotFound: there is no such project.
    """
    chosen = replace(query, where="", ids=names, archived=True)
    page = ask(chosen)
    there = {name for run in page.runs for name in (run.id, run.uid)}
    missing = [name for name in names if name not in there]
    uids = {name: run_uid(query.entity, query.project, name) for name in missing}
    asked = [run.uid for run in page.runs if run.archived] + [*missing, *uids.values()]
    went = find_moved(store, asked)
    if not went:
        return NamedRuns(page, missing, [])
    missing = [name for name in missing if name not in went and uids[name] not in went]
    stays = [at for at, run in enumerate(page.runs) if run.uid not in went]
    moved = list({ref.uid: ref for ref in went.values()}.values())
    return NamedRuns(_with_moved(ask, chosen, page, stays, moved), missing, moved)


def _with_moved(
    ask: Ask, query: RunQuery, page: RunPage, stays: list[int], moved: list[RunRef]
) -> RunPage:
    """The runs that stay, and after them those that went, project by project."""
    rows: list[RunRow] = [page.runs[at] for at in stays]
    columns: dict[str, list[Any]] = {
        name: [values[at] for at in stays] for name, values in page.columns.items()
    }
    for entity, project in dict.fromkeys((ref.entity, ref.project) for ref in moved):
        uids = [ref.uid for ref in moved if (ref.entity, ref.project) == (entity, project)]
        other = ask(replace(query, entity=entity, project=project, ids=uids))
        shown = {run.uid for run in rows}
        added = [at for at, run in enumerate(other.runs) if run.uid not in shown]
        rows += [other.runs[at] for at in added]
        for name, values in other.columns.items():
            columns[name] += [values[at] for at in added]
    return replace(page, runs=rows, columns=columns, matched=len(rows), total=len(rows))
