"""The metric that a project is told by in a list: that of its first chart, in its newest run."""

from __future__ import annotations

from typing import Any

import msgspec

from epochal.domain.names import DEFAULT_ENTITY


class ProjectRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A project by its name."""

    project: str
    entity: str = DEFAULT_ENTITY


class KeyMetricQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which projects somebody looks at."""

    projects: list[ProjectRef]


class KeyMetric(msgspec.Struct, frozen=True):
    """A series of a project: ``key`` of the run ``run`` (its uid), which is called ``name``.

    ``last`` is its last value, NaN and infinities included. ``curve`` is a small picture of it:
    the first step of each bucket and the mean of its finite values, None where it has none.
    """

    run: str
    name: str
    key: str
    last: Any
    curve: list[tuple[int, float | None]] = []


class KeyMetrics(msgspec.Struct, frozen=True):
    """One for each project that was asked about, in that order; None where nothing is charted."""

    metrics: list[KeyMetric | None]
