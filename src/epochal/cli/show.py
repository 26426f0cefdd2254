"""``epochal show``: all about one run but its points and console, on one screen."""

from __future__ import annotations

import msgspec
import numpy as np

from epochal.api import RunView
from epochal.api.question import ReadInsights
from epochal.cli.figures import ago, literal, number, size, span, sparkline
from epochal.cli.files import print_files
from epochal.cli.options import Home, Json, RunArgument, Url, run_of
from epochal.cli.terminal import Col, print_json, print_line, print_table, state_style
from epochal.domain.insight import Insight
from epochal.domain.names import SYSTEM_PREFIX
from epochal.domain.values import flatten
from epochal.domain.view import Metric, RunDetail
from epochal.errors import NotFound, Unavailable

SPARKS = 24
MAX_SPARKS = 60
OWN = "mlflow."
"""How labels begin that MLflow's client sets by itself; the page shows them."""


def show(run: RunArgument, home: Home = None, url: Url = None, json: Json = False) -> None:
    """Show all about a run: config, metrics with their range, events."""
    found = run_of(home, url, run)
    detail = found.detail
    if json:
        findings = {"insights": msgspec.to_builtins(_insights(found))}
        print_json({**msgspec.to_builtins(detail), **_belongings(found), **findings})
        return
    _print_head(found)
    _print_insights(found)
    _print_mapping("config", dict(flatten(detail.config)))
    _print_metrics(found)
    own = {key: value for key, value in detail.summary.items() if key not in found.metrics}
    _print_mapping("summary", own)
    _print_mapping("label", {k: v for k, v in detail.labels.items() if not k.startswith(OWN)})
    _print_origin(detail)
    _print_belongings(found)
    _print_events(detail)


def _belongings(run: RunView) -> dict[str, object]:
    """Media, files and artifacts, for scripts."""
    with run.source.session():
        return {
            "media": run.media_keys(),
            "files": [file.row for file in run.files()],
            "artifacts": [version.row for version in run.artifacts()],
            "used_artifacts": [version.row for version in run.used_artifacts()],
        }


def _print_belongings(run: RunView) -> None:
    with run.source.session():
        media, files = run.media_keys(), run.files()
        made, used = run.artifacts(), run.used_artifacts()
    if media:
        print_line()
        columns = [
            Col("media"),
            Col("kind"),
            Col("count", right=True),
            Col("last step", right=True),
        ]
        print_table(
            columns, [(one.key, one.kind, str(one.count), str(one.last_step)) for one in media]
        )
    if files:
        print_line()
        print_files(files)
    if made or used:
        print_line()
        columns = [Col("artifact"), Col("type"), Col(""), Col("aliases"), Col("size", right=True)]
        rows = [
            (one.name, one.type, role, ", ".join(one.aliases), size(one.size))
            for role, versions in (("made", made), ("used", used))
            for one in versions
        ]
        print_table(columns, rows)


def _print_origin(detail: RunDetail) -> None:
    """Datasets and models that another tracker's client named."""
    if detail.datasets:
        print_line()
        rows = [(one.name, one.context, one.source_type, one.digest) for one in detail.datasets]
        print_table([Col("dataset"), Col("used for"), Col("source"), Col("digest")], rows)
    if detail.logged_models:
        print_line()
        models = [(one.name, one.role, one.status, one.id) for one in detail.logged_models]
        print_table([Col("logged model"), Col(""), Col("status"), Col("id")], models)


def _print_head(run: RunView) -> None:
    row, found = run.row, run.detail
    print_line(f"{row.project}/{row.id}  {row.name}", "bold")
    exit_code = "" if row.exit_code is None else f", exit code {row.exit_code}"
    print_line(f"{row.state}{exit_code}", state_style(row.state))
    went = found.moved_to
    facts = {
        "moved to": "" if went is None else f"{went.project}/{went.id}",
        "created": f"{run.created:%Y-%m-%d %H:%M:%S} UTC, {ago(row.created_us)}",
        "duration": span(run.duration.total_seconds()),
        "last step": "" if row.last_step is None else str(row.last_step),
        "host": row.host,
        "client": found.client,
        "user": found.environment.get("user", ""),
        "program": found.environment.get("program", ""),
        "group": row.group,
        "job type": row.job_type,
        "tags": ", ".join(row.tags),
        "notes": row.notes,
        "page": run.url or "",
        "NaN since": "" if row.nan_key is None else f"step {row.nan_step} in {row.nan_key}",
    }
    for name, text in facts.items():
        if text:
            print_line(f"{name:<10} {text}")


def _insights(run: RunView) -> list[Insight]:
    """What the run shows by itself; nothing from a server that is older than this."""
    try:
        return run.source.ask(ReadInsights(run.uid)).insights
    except (NotFound, Unavailable):
        return []


def _print_insights(run: RunView) -> None:
    found = _insights(run)
    if found:
        print_line()
        rows = [(one.kind, one.title, one.text) for one in found]
        print_table([Col("finding"), Col("", wrap=True), Col("evidence", wrap=True)], rows)


def _print_mapping(title: str, values: dict[str, object]) -> None:
    if values:
        print_line()
        rows = [(key, literal(value)) for key, value in values.items()]
        print_table([Col(title), Col("value", wrap=True)], rows)


def _print_metrics(run: RunView) -> None:
    metrics = sorted(run.metrics.values(), key=lambda one: (_is_system(one), one.key))
    if not metrics:
        return
    lines = _sparklines(run, [one.key for one in metrics[:MAX_SPARKS]])
    print_line()
    print_table(
        [
            Col("metric", most=40),
            Col("last", right=True),
            Col("min", right=True, rank=1),
            Col("max", right=True, rank=1),
            Col("points", right=True, rank=3),
            Col("NaN", right=True, rank=4),
            Col("over time", rank=2),
        ],
        [(*_range(one), lines.get(one.key, "")) for one in metrics],
    )


def _is_system(metric: Metric) -> bool:
    return metric.key.startswith(SYSTEM_PREFIX)


def _range(metric: Metric) -> tuple[str, ...]:
    return (
        metric.key,
        number(metric.last),
        number(metric.min),
        number(metric.max),
        str(metric.count),
        str(metric.n_nan or ""),
    )


def _sparklines(run: RunView, keys: list[str]) -> dict[str, str]:
    """The last value of each bucket of steps; a bucket without a finite value shows as ``!``."""
    history = run.history(keys, samples=SPARKS)
    lines = {}
    for key in keys:
        there = history.present(f"{key}.last")
        values = np.asarray(history[f"{key}.last"], np.float64)[there]
        lines[key] = sparkline(values.tolist())
    return lines


def _print_events(detail: RunDetail) -> None:
    if detail.events:
        print_line()
        rows = [
            (ago(event.t_us), event.level, " ".join(filter(None, (event.title, event.text))))
            for event in detail.events
        ]
        print_table([Col("event", rank=1), Col("level"), Col("text", wrap=True)], rows)
