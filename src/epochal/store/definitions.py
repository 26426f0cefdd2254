"""Definitions of series as they are stored, and the rule that each brings to the latest values."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from epochal.domain.view import DefinitionRow
from epochal.store.dialect import batches
from epochal.store.rules import find_definition, rules_of
from epochal.store.schema import definition, key, latest, run

_OF_RUNS = (
    sa.select(definition)
    .where(definition.c.run_id.in_(sa.bindparam("runs", expanding=True)))
    .order_by(definition.c.name)
)
_decode = msgspec.msgpack.Decoder(list[str]).decode


def read_definitions(connection: sa.Connection, run_id: int) -> list[DefinitionRow]:
    """The definitions of a run, by name."""
    return definitions_of(connection, [run_id]).get(run_id, [])


def definitions_of(
    connection: sa.Connection, run_ids: Sequence[int]
) -> dict[int, list[DefinitionRow]]:
    """`read_definitions` for several runs; those without any are left out."""
    found: dict[int, list[DefinitionRow]] = {}
    for part in batches(run_ids):
        for row in connection.execute(_OF_RUNS, {"runs": part}).mappings():
            found.setdefault(row["run_id"], []).append(
                DefinitionRow(
                    name=row["name"], step_metric=row["step_metric"],
                    summary=_decode(row["summary"]), hidden=row["hidden"], goal=row["goal"],
                )
            )  # fmt: skip
    return found


def axes_of(connection: sa.Connection, project_id: int) -> dict[str, str]:
    """The series that runs of a project defined as x-axes, by name; the newest word counts."""
    query = (
        sa.select(definition.c.name, definition.c.step_metric)
        .join(run, run.c.id == definition.c.run_id)
        .where(run.c.project_id == project_id, definition.c.step_metric.is_not(None))
        .group_by(definition.c.name, definition.c.step_metric)
        .order_by(sa.func.max(definition.c.wall_us))
    )
    return {row.name: row.step_metric for row in connection.execute(query)}


def restate_rules(connection: sa.Connection, run_id: int) -> None:
    """Write the rule of every series of a run anew, after a definition came."""
    definitions = read_definitions(connection, run_id)
    query = (
        sa.select(latest.c.key_id, key.c.name, latest.c.rule)
        .join(key, key.c.id == latest.c.key_id)
        .where(latest.c.run_id == run_id)
    )
    changed = []
    for key_id, name, rule in connection.execute(query):
        wanted = int(rules_of(find_definition(definitions, name))[0])
        if wanted != rule:
            changed.append({"which": key_id, "rule": wanted})
    if changed:
        statement = sa.update(latest).where(
            latest.c.run_id == run_id, latest.c.key_id == sa.bindparam("which")
        )
        connection.execute(statement.values(rule=sa.bindparam("rule")), changed)
