"""What the runs of trials say: the value of the metric, what was logged so far, whether they live.

The run is the truth about a trial, whichever client recorded it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from epochal.domain.run import RunState
from epochal.domain.sweep import MAX_REPORTS
from epochal.domain.view import RunDetail
from epochal.errors import NotFound
from epochal.journal.home import run_directory
from epochal.search.config import Metric
from epochal.search.places import nearest
from epochal.store import runs
from epochal.store.catchup import catch_up
from epochal.store.series import series_points
from epochal.store.store import Store
from epochal.store.tail import find_journals


class Outcome(msgspec.Struct, frozen=True):
    """What a run says.

    Attributes:
        state: of the run; None when the store does not know it.
        value: of the metric, when it is a finite number.
        note: why there is no value.
        outcomes: of all objectives, where there are several and each has a value.
    """

    state: RunState | None
    value: float | None = None
    note: str = ""
    outcomes: list[float] | None = None


def take_in(store: Store, uid: str) -> None:
    """Apply what the journals of a run hold at this moment."""
    folder = run_directory(store.home, uid)
    catch_up(store, [str(folder / f"{key.writer}.ej") for key in find_journals(store.home, uid)])


def outcome_of(store: Store, uid: str, objectives: Sequence[Metric]) -> Outcome:
    """What a run says about what is searched for."""
    try:
        detail = runs.get_run(store, uid)
    except NotFound:
        return Outcome(None, note="it recorded no run")
    told = [_value(detail, objective.name) for objective in objectives]
    return together(detail.state, told)


def together(state: RunState | None, told: Sequence[tuple[float | None, str]]) -> Outcome:
    """One outcome of the values of all objectives, or of why there are none."""
    if not told:
        return Outcome(state)
    values = [value for value, _ in told if value is not None]
    if len(told) == 1 or len(values) < len(told):
        value = told[0][0] if len(told) == 1 else None
        return Outcome(state, value, "; ".join(note for _, note in told if note))
    return Outcome(state, values[0], "", values)


def finite(value: Any, name: str) -> tuple[float | None, str]:
    """A value of the metric that can be compared, or why it cannot."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None, f"{name} is {value!r:.60}, which is no number"
    if not math.isfinite(value):
        return None, f"{name} is {value}"
    return float(value), ""


def reported(store: Store, uid: str, name: str) -> list[float]:
    """The first values that a run logged of a metric, oldest first; none when there is no run."""
    try:
        points = series_points(store, uid, name, "all")
    except NotFound:
        return []
    return [float(value) for value in points.value[:MAX_REPORTS]]


def _value(detail: RunDetail, name: str) -> tuple[float | None, str]:
    inner: Any = detail.summary
    if name in detail.summary:
        return finite(detail.summary[name], name)
    for word in name.split("."):
        inner = inner.get(word) if isinstance(inner, dict) else None
    if inner is not None:
        return finite(inner, name)
    logged = [metric.key for metric in detail.metrics if not metric.key.startswith("system/")]
    for metric in detail.metrics:
        if metric.key == name and metric.last is not None:
            return finite(metric.last, name)
    known = ", ".join(logged[:8]) or "nothing"
    return None, f"{name} was never logged{nearest(name, logged)}; logged: {known}"
