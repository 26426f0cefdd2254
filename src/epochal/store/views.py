"""The user-visible parts of a run: series, summary, definitions, events, writers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.run import RunState
from epochal.domain.tracked import NOTES
from epochal.domain.view import (
    DefinitionRow,
    Metric,
    ResumeState,
    RunContents,
    RunDetail,
    RunEvent,
    WriterRow,
)
from epochal.store.definitions import definitions_of, read_definitions
from epochal.store.dialect import batches
from epochal.store.filters import TEXT
from epochal.store.labels import read_origin
from epochal.store.means import mean_of
from epochal.store.rows import decode_mapping, run_rows
from epochal.store.rules import Rule, find_definition, rule_name, rules_of
from epochal.store.scalars import decode_value
from epochal.store.schema import detail, event, journal, key, latest, param, run

MAX_EVENTS = 1000

_RUNS: sa.BindParameter[Any] = sa.bindparam("runs", expanding=True)

_METRICS = (
    sa.select(
        key.c.name, latest.c.n, latest.c.last_kind, latest.c.last, latest.c.last_txt,
        latest.c.last_step, latest.c.min, latest.c.max, latest.c.total, latest.c.huge,
        latest.c.n_nan, latest.c.n_inf, latest.c.first_nan_step, latest.c.run_id,
    )
    .join(key, key.c.id == latest.c.key_id)
    .where(latest.c.run_id.in_(_RUNS))
    .order_by(key.c.name)
)  # fmt: skip
_TEXTS = (
    sa.select(param.c.run_id, key.c.name, param.c.kind, param.c.num, param.c.txt)
    .join(key, key.c.id == param.c.key_id)
    .where(param.c.run_id.in_(_RUNS), param.c.scope == TEXT)
)
_VALUES = sa.select(detail.c.run_id, detail.c.config, detail.c.summary).where(
    detail.c.run_id.in_(_RUNS)
)
_RESUMED = (
    sa.select(
        run.c.id, run.c.state, run.c.last_step, run.c.name, detail.c.config, detail.c.summary
    )
    .join(detail, detail.c.run_id == run.c.id)
    .where(run.c.id.in_(_RUNS))
)


def read_detail(connection: sa.Connection, run_id: int) -> RunDetail:
    """Everything about a run but its points and console."""
    row = run_rows(connection, [run_id])[0]
    blobs = connection.execute(sa.select(detail).where(detail.c.run_id == run_id)).mappings().one()
    metrics = read_metrics(connection, run_id)
    definitions = read_definitions(connection, run_id)
    origin = read_origin(connection, run_id)
    # A run from before they were notes has them as a label.
    row = msgspec.structs.replace(row, notes=row.notes or origin.labels.pop(NOTES, ""))
    return RunDetail(
        **msgspec.structs.asdict(row),
        config=decode_mapping(blobs["config"]),
        summary={
            **_texts_of(connection, [run_id]).get(run_id, {}),
            **shown_values(metrics, definitions),
            **decode_mapping(blobs["summary"]),
        },
        metrics=metrics,
        definitions=definitions,
        environment={**origin.environment, **decode_mapping(blobs["environment"])},
        events=_read_events(connection, run_id),
        writers=_read_writers(connection, run_id),
        client=origin.client,
        labels=origin.labels,
        datasets=origin.datasets,
        logged_models=origin.models,
        forked_from=origin.forked_from,
    )


def read_contents(connection: sa.Connection, run_ids: Sequence[int]) -> list[RunContents]:
    """Several runs with their values, in this order; a fixed number of statements."""
    metrics = _metrics_of(connection, run_ids)
    definitions = definitions_of(connection, run_ids)
    texts = _texts_of(connection, run_ids)
    blobs = {
        row.run_id: row
        for part in batches(run_ids)
        for row in connection.execute(_VALUES, {"runs": part})
    }
    return [
        RunContents(
            **msgspec.structs.asdict(row),
            config=decode_mapping(blobs[id].config),
            summary={
                **texts.get(id, {}),
                **shown_values(metrics.get(id, []), definitions.get(id, [])),
                **decode_mapping(blobs[id].summary),
            },
            metrics=metrics.get(id, []),
        )
        for id, row in zip(run_ids, run_rows(connection, list(run_ids)), strict=True)
    ]


def read_metrics(connection: sa.Connection, run_id: int) -> list[Metric]:
    """Every series of a run, by key."""
    return _metrics_of(connection, [run_id]).get(run_id, [])


def _metrics_of(connection: sa.Connection, run_ids: Sequence[int]) -> dict[int, list[Metric]]:
    found: dict[int, list[Metric]] = {}
    for part in batches(run_ids):
        for *values, run_id in connection.execute(_METRICS, {"runs": part}):
            found.setdefault(run_id, []).append(_metric(values))
    return found


def _metric(values: list[Any]) -> Metric:
    name, n, kind, num, txt, last_step, low, high, total, huge, n_nan, n_inf, first_nan = values
    return Metric(
        key=name,
        count=n,
        last=decode_value(kind, num, txt),
        last_step=last_step,
        min=low,
        max=high,
        mean=mean_of(total, huge, n - n_nan - n_inf),
        n_nan=n_nan,
        n_inf=n_inf,
        first_nan_step=first_nan,
    )


def shown_values(metrics: list[Metric], definitions: list[DefinitionRow]) -> dict[str, Any]:
    """What the summary shows of the series."""
    shown: dict[str, Any] = {}
    for metric in metrics:
        values = {
            Rule.LAST: metric.last, Rule.MIN: metric.min,
            Rule.MAX: metric.max, Rule.MEAN: metric.mean,
        }  # fmt: skip
        rules = rules_of(find_definition(definitions, metric.key))
        if rules[0] is not Rule.NONE and values[rules[0]] is not None:
            shown[metric.key] = values[rules[0]]
        for rule in rules if len(rules) > 1 else ():
            if rule is not Rule.NONE and values[rule] is not None:
                shown[f"{metric.key}.{rule_name(rule)}"] = values[rule]
    return shown


def _texts_of(connection: sa.Connection, run_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for part in batches(run_ids):
        for run_id, name, kind, num, txt in connection.execute(_TEXTS, {"runs": part}):
            found.setdefault(run_id, {})[name] = decode_value(kind, num, txt)
    return found


def _read_events(connection: sa.Connection, run_id: int) -> list[RunEvent]:
    """The newest events, oldest of them first."""
    columns = (event.c.t_us, event.c.level, event.c.title, event.c.text)
    query = sa.select(*columns).where(event.c.run_id == run_id)
    rows = connection.execute(query.order_by(event.c.id.desc()).limit(MAX_EVENTS)).all()
    return [RunEvent(*row) for row in reversed(rows)]


def _read_writers(connection: sa.Connection, run_id: int) -> list[WriterRow]:
    query = (
        sa.select(
            journal.c.writer, journal.c.host, journal.c.pid, journal.c.started_us,
            journal.c.closed, journal.c.facts_pos,
        )
        .where(journal.c.run_id == run_id)
        .order_by(journal.c.started_us, journal.c.writer)
    )  # fmt: skip
    return [WriterRow(*row) for row in connection.execute(query)]


def read_resume_state(connection: sa.Connection, run_id: int) -> ResumeState:
    """What a writer needs to go on with a run."""
    return read_resume_states(connection, [run_id])[run_id]


def read_resume_states(
    connection: sa.Connection, run_ids: Sequence[int]
) -> dict[int, ResumeState]:
    """`read_resume_state` for several runs, by database id."""
    metrics = _metrics_of(connection, run_ids)
    definitions = definitions_of(connection, run_ids)
    texts = _texts_of(connection, run_ids)
    found: dict[int, ResumeState] = {}
    for part in batches(run_ids):
        for row in connection.execute(_RESUMED, {"runs": part}):
            found[row.id] = ResumeState(
                exists=True,
                state=RunState(row.state),
                last_step=row.last_step,
                config=decode_mapping(row.config),
                summary={
                    **texts.get(row.id, {}),
                    **shown_values(metrics.get(row.id, []), definitions.get(row.id, [])),
                    **decode_mapping(row.summary),
                },
                name=row.name,
            )
    return found
