"""What panels of reports show: their runs, chosen as the page chooses them, and the numbers."""

from __future__ import annotations

import math
import time
from base64 import b64encode
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import parse_qs, unquote

from msgspec.structs import replace

from epochal.domain.access import Permission, Principal
from epochal.domain.importance import ImportanceQuery
from epochal.domain.objects import MediaQuery
from epochal.domain.report import PanelData, PanelRun
from epochal.domain.view import BucketQuery, RunPage, RunQuery, RunRow, SeriesRef
from epochal.errors import InvalidInput
from epochal.reports.page import FIELDS
from epochal.reports.panel import HISTOGRAMS, MOST_MEDIA_RUNS, MOST_RUNS, Panel, keys_of
from epochal.service import bounds, importance, media, projects, runs, series, views
from epochal.service.panelruns import NamedRuns, named_runs
from epochal.service.permission import require
from epochal.store.owner import Store

BUCKETS: Final = 400
LEAST_BUCKETS: Final = 32
MOST_CELLS: Final = 400_000
"""Buckets of all curves of a panel together."""
MOST_ROWS: Final = 1_000
OF_MEDIA: Final = (*HISTOGRAMS, "media")
"""Kinds of panels that show what some runs have logged under a key, and others have not."""
LAST_STEP: Final = 2**63 - 1
MOST_HISTOGRAMS: Final = 60
"""Steps of each run, as the page asks for them (`web/src/core/gradients/distribution.ts`)."""


class _Place(NamedTuple):
    """Who asks for which project."""

    store: Store
    principal: Principal | None
    entity: str
    project: str


def panel_data(
    store: Store,
    principal: Principal | None,
    place: tuple[str, str],
    text: str,
    panel: Panel,
    *,
    points: bool = True,
) -> PanelData:
    """What a panel shows now.

    Args:
        store: the home.
        principal: who asks.
        place: entity and project.
        text: the lines of the panel.
        panel: the panel that they say.
        points: whether curves come with their points, and panels of media with media.

    Raises:
        NotFound: there is no such project or saved view.
        QuerySyntaxError: the filter, a column or the formula cannot be read.
        InvalidInput: a pattern is none, or too few runs are there.
    """
    require(principal, Permission.READ)
    here = _Place(store, principal, *place)
    where, named = _choice(here, panel)
    page, missing, moved = _runs_of(here, panel, where, named)
    found = _loggers(here, panel, page.runs) if panel.kind in OF_MEDIA else page.runs
    shown = [PanelRun(run.uid, run.id, run.name, run.color) for run in found]
    data = PanelData(
        text, time.time_ns() // 1000, shown, missing=missing, moved=moved, matched=page.matched
    )
    if panel.kind in ("lines", "formula"):
        return _curves(here, panel, data, points=points)
    if panel.kind == "importance":
        query = ImportanceQuery(here.project, panel.what, here.entity, where)
        only = None if named is None else [run.uid for run in page.runs]
        judged = importance.judge_parameters(store, principal, query, only)
        return replace(data, importance=judged)
    if panel.kind in HISTOGRAMS:
        return _histograms(here, panel, data) if points else data
    if panel.kind == "media":
        return _newest_media(here, panel, data) if points else data
    return replace(data, table=page)


def _histograms(here: _Place, panel: Panel, data: PanelData) -> PanelData:
    uids = [run.uid for run in data.runs[:MOST_MEDIA_RUNS]]
    if not uids:
        return replace(data, media=[])
    low, high = _steps(panel)
    query = MediaQuery(
        uids,
        [panel.what],
        lo=low,
        hi=high,
        limit=MOST_MEDIA_RUNS * MOST_HISTOGRAMS,
        meta=["edges", "counts", "stats"],
        most=MOST_HISTOGRAMS,
    )
    return replace(data, media=media.query_media(here.store, here.principal, query).entries)


def _steps(panel: Panel) -> tuple[int | None, int | None]:
    """The first and the last step; a range of another axis says nothing about steps."""
    if panel.range is None or panel.x != "step":
        return None, None
    return _step(math.ceil(panel.range[0])), _step(math.floor(panel.range[1]))


def _loggers(here: _Place, panel: Panel, found: list[RunRow]) -> list[RunRow]:
    """The first runs that have logged something under the key; the first ones if none has."""
    if not found:
        return []
    high = None if panel.kind == "media" else _steps(panel)[1]
    query = MediaQuery(
        [run.uid for run in found],
        [panel.what],
        at=LAST_STEP if high is None else high,
        limit=len(found),
        meta=["stats"],
    )
    entries = media.query_media(here.store, here.principal, query).entries
    having = {entry.run for entry in entries}
    return ([run for run in found if run.uid in having] or found)[: panel.limit]


def _step(number: int) -> int:
    return max(-LAST_STEP, min(LAST_STEP, number))


def _newest_media(here: _Place, panel: Panel, data: PanelData) -> PanelData:
    uids = [run.uid for run in data.runs[:MOST_MEDIA_RUNS]]
    if not uids:
        return replace(data, media=[])
    query = MediaQuery(uids, [panel.what], at=LAST_STEP, limit=len(uids))
    return replace(data, media=media.query_media(here.store, here.principal, query).entries)


def _curves(here: _Place, panel: Panel, data: PanelData, *, points: bool) -> PanelData:
    is_formula = panel.kind == "formula"
    keys = [panel.what] if is_formula else keys_of(panel.what, _metrics(here))
    refs = [
        SeriesRef(run.uid, formula=key) if is_formula else SeriesRef(run.uid, key)
        for key in keys
        for run in data.runs
    ]
    if not refs or not points:
        return replace(data, keys=keys)
    low, high = panel.range or (None, None)
    query = BucketQuery(
        refs,
        x=panel.x,
        lo=low,
        hi=high,
        buckets=max(LEAST_BUCKETS, min(BUCKETS, MOST_CELLS // len(refs))),
        scale="log" if panel.log_x else "linear",
        fields=["first", "last", "min", "max"],
        smooth=panel.smooth or None,
        points=bounds.points_alone(len(refs)),
    )
    columns = series.query_buckets(here.store, here.principal, query)
    return replace(data, keys=keys, columns=b64encode(columns).decode())


def _metrics(here: _Place) -> list[str]:
    return [use.key for use in projects.project_keys(*here).metrics]


def _runs_of(here: _Place, panel: Panel, where: str, named: list[str] | None) -> NamedRuns:
    """The runs of a panel, those that it names and that are not there, and where runs went."""
    is_over_runs = panel.kind in ("scatter", "bar", "parallel")
    columns = [panel.what] if panel.kind == "bar" else panel.columns if is_over_runs else []
    query = RunQuery(
        here.project,
        here.entity,
        where=where,
        limit=MOST_ROWS if is_over_runs or panel.kind in OF_MEDIA else panel.limit,
        columns=[name for name in columns if name not in FIELDS],
    )
    ask = partial(runs.query_runs, here.store, here.principal)
    if named is None:
        return NamedRuns(ask(query), [], [])
    if len(named) > MOST_RUNS:
        raise InvalidInput(f"{len(named)} runs are too many, a panel shows at most {MOST_RUNS}")
    if not named:
        return NamedRuns(RunPage(0, 0, None, [], {name: [] for name in query.columns}), [], [])
    return named_runs(here.store, ask, replace(query, limit=MOST_RUNS), named)


def _choice(here: _Place, panel: Panel) -> tuple[str, list[str] | None]:
    """The filter of a panel, or the runs that it names; a saved view may say either."""
    if panel.runs is not None or not panel.view:
        return panel.where, panel.runs
    said = parse_qs(views.find_view(*here, panel.view).query)
    parts = [f"({part})" for part in (*said.get("q", []), panel.where) if part.strip()]
    ids = [unquote(part) for part in said["sel"][0].split(",") if part] if "sel" in said else None
    return bounds.plain_text(" and ".join(parts), "the filter", bounds.MAX_WHERE), ids
