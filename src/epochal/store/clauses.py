"""Conditions of foreign searches that need more than one column: on datasets, on places.

What datasets a run used is one label of JSON, which is read for the runs of the projects that are
searched: so both databases answer alike, and a label that is cut short meets no condition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.matching import holds
from epochal.domain.origin import Input, decode_inputs
from epochal.domain.run import RunState
from epochal.domain.tracked import CONTEXT, INPUTS, NOTES, Clause, Sort, TrackedQuery
from epochal.store.labels import LABEL
from epochal.store.schema import key, param, project, run

_WITH_INPUTS = (
    sa.select(param.c.run_id, param.c.txt)
    .join(key, key.c.id == param.c.key_id)
    .join(run, run.c.id == param.c.run_id)
    .where(key.c.name == INPUTS, param.c.scope == LABEL)
)
_NOTED = (
    sa.select(param.c.txt)
    .join(key, key.c.id == param.c.key_id)
    .where(key.c.name == NOTES, param.c.scope == LABEL, param.c.run_id == run.c.id)
    .correlate(run)
    .scalar_subquery()
)
"""What runs from before have for notes."""
_ATTRIBUTES: dict[str, sa.ColumnElement[Any]] = {
    "run_id": run.c.uid,
    "run_name": run.c.name,
    "status": sa.case(
        (run.c.state == RunState.CRASHED.value, RunState.FAILED.value), else_=run.c.state
    ),
    "created": run.c.created_us / 1000,
    "ended": run.c.ended_us / 1000,
    "notes": sa.func.coalesce(sa.func.nullif(run.c.notes, ""), _NOTED),
}


def runs_with_datasets(
    connection: sa.Connection, inside: sa.Select[Any], clauses: Sequence[Clause]
) -> list[int]:
    """The runs whose datasets meet all conditions, each perhaps by another dataset.

    Args:
        connection: to read with.
        inside: the projects that are searched.
        clauses: conditions on name, digest or context.
    """
    rows = connection.execute(_WITH_INPUTS.where(run.c.project_id.in_(inside)))
    found: list[int] = []
    for run_id, text in rows:
        try:
            inputs = list(decode_inputs(text or "{}").values())
        except msgspec.MsgspecError:
            continue
        if all(any(_meets(clause, one) for one in inputs) for clause in clauses):
            found.append(run_id)
    return found


def _meets(clause: Clause, one: Input) -> bool:
    if one.dataset is None:
        return False
    if clause.key == "context":
        return any(tag.key == CONTEXT and holds(clause, tag.value) for tag in one.tags)
    return holds(clause, one.dataset.name if clause.key == "name" else one.dataset.digest)


def attributes_of(
    connection: sa.Connection, query: TrackedQuery
) -> Mapping[str, sa.ColumnElement[Any]]:
    """The attributes of a run that conditions and orders name."""
    asked: list[Clause | Sort] = [*query.clauses, *query.order]
    if not any((one.kind, one.key) == ("attribute", "artifact_uri") for one in asked):
        return _ATTRIBUTES
    return {**_ATTRIBUTES, "artifact_uri": _artifact_place(connection, query.roots)}


def among(ids: Iterable[int], column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether a run is one of these, however many they are."""
    listed: sa.BindParameter[Any] = sa.bindparam(
        "among", list(ids), unique=True, expanding=True, literal_execute=True
    )
    return column.in_(listed)


def _artifact_place(
    connection: sa.Connection, roots: Mapping[tuple[str, str], str]
) -> sa.ColumnElement[Any]:
    """Where a run's artifacts are, as text: the root of its project, its uid and a word."""
    known = sa.tuple_(project.c.entity, project.c.name).in_(list(roots))
    rows = connection.execute(
        sa.select(project.c.id, project.c.entity, project.c.name).where(known)
    )
    starts = {id: f"{roots[entity, name]}/" for id, entity, name in rows}
    if not starts:
        return sa.null()
    return sa.case(starts, value=run.c.project_id) + run.c.uid + "/artifacts"
