"""Projects: which there are, and which keys their runs use."""

from __future__ import annotations

from base64 import b64encode
from math import isfinite
from typing import Any, Final

from msgspec.structs import replace

from epochal.domain.access import Permission, Principal
from epochal.domain.columns import unpack_columns
from epochal.domain.first_chart import first_chart
from epochal.domain.key_metric import KeyMetric, KeyMetricQuery, KeyMetrics
from epochal.domain.view import (
    BucketField,
    BucketQuery,
    FirstCurves,
    ProjectKeys,
    ProjectList,
    ProjectStart,
    RunPage,
    RunQuery,
    SeriesRef,
)
from epochal.errors import EpochalError
from epochal.service import runs, series
from epochal.service.bounds import at_most, entity_name, points_alone, project_name
from epochal.service.permission import require
from epochal.store import projects as stored
from epochal.store.key_metrics import key_metrics as stored_metrics
from epochal.store.owner import Store

MOST_LOOKED_AT: Final = 100
"""Of so many projects the key metric is told at once."""
SMALL_BUCKETS: Final = 40
FIRST_PLOTTED: Final = 20
FIRST_BUCKETS: Final = 256
FEW_RUNS: Final = 4
"""So many runs are drawn with the first value of each bucket, too (`web/src/core/want.ts`)."""


def list_projects(store: Store, principal: Principal | None) -> ProjectList:
    """All projects, newest activity first."""
    require(principal, Permission.READ)
    return ProjectList(stored.list_projects(store))


def key_metrics(store: Store, principal: Principal | None, query: KeyMetricQuery) -> KeyMetrics:
    """The metric of the first chart of each project, in its newest run that has one.

    Raises:
        InvalidInput: more than a hundred projects, or a name that is none.
    """
    require(principal, Permission.READ)
    at_most(query.projects, MOST_LOOKED_AT, "projects")
    places = [(entity_name(one.entity), project_name(one.project)) for one in query.projects]
    return KeyMetrics(
        [
            one and replace(one, curve=_curve(one, store, principal))
            for one in stored_metrics(store, places)
        ]
    )


def _curve(metric: KeyMetric, store: Store, principal: Principal | None) -> list[Any]:
    """On a grid of its own: projects have steps of different size."""
    query = BucketQuery(
        [SeriesRef(metric.run, metric.key)], buckets=SMALL_BUCKETS, fields=["mean"]
    )
    try:
        head, columns = unpack_columns(series.query_buckets(store, principal, query))
    except EpochalError:
        return []  # The run may have been deleted meanwhile; the list tells what there is by now.
    steps = head["origin"] + columns["bucket"].astype(float) * head["width"] + columns["x_first"]
    means = columns["mean"].tolist()
    return [
        (int(step), mean if isfinite(mean) else None)
        for step, mean in zip(steps, means, strict=True)
    ]


def project_keys(
    store: Store, principal: Principal | None, entity: str | None, project: str
) -> ProjectKeys:
    """Every series key, config key and summary key of a project's runs."""
    require(principal, Permission.READ)
    return stored.project_keys(store, entity_name(entity), project_name(project))


def project_start(
    store: Store,
    principal: Principal | None,
    entity: str | None,
    project: str,
    *,
    rows: bool,
    curves: bool = False,
) -> ProjectStart:
    """What the page of a project shows first, so that it need not ask.

    Args:
        store: the home.
        principal: who asks.
        entity: None for the default one.
        project: its name.
        rows: whether the newest runs are wanted, with the columns of a new table. They are left
            out where the project opens with a view of its own.
        curves: whether those runs' curves of the first chart are wanted, too.

    Raises:
        NotFound: there is no such project.
    """
    revision = stored.newest_revision(store)
    keys = project_keys(store, principal, entity, project)
    if not rows or keys.view:
        return ProjectStart(keys, None)
    owner = entity_name(entity)
    query = RunQuery(project=project, entity=owner, columns=keys.columns)
    page = runs.query_runs(store, principal, query)
    if page.rev > revision:
        # A key that came in between belongs to runs of this page, and nobody would tell of it.
        newer = project_keys(store, principal, entity, project)
        keys = replace(newer, view=keys.view, columns=keys.columns)
    return ProjectStart(keys, page, _curves(keys, page, store, principal) if curves else None)


def _curves(
    keys: ProjectKeys, page: RunPage, store: Store, principal: Principal | None
) -> FirstCurves | None:
    key = first_chart(use.key for use in keys.metrics)
    plotted = page.runs[:FIRST_PLOTTED]
    if key is None or not plotted:
        return None
    fields: list[BucketField] = ["last", "min", "max"]
    if len(plotted) <= FEW_RUNS:
        fields.insert(0, "first")
    refs = [SeriesRef(run.uid, key) for run in plotted]
    points = points_alone(len(refs))
    query = BucketQuery(refs, buckets=FIRST_BUCKETS, fields=fields, points=points)
    try:
        columns = series.query_buckets(store, principal, query)
    except EpochalError:
        return None  # The page asks by itself, and tells what is wrong.
    return FirstCurves(FIRST_BUCKETS, b64encode(columns).decode())
