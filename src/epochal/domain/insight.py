"""What a run shows by itself: findings with their evidence, and what they are made from.

Values only; `domain.trends`, `domain.throughput` and `domain.peers` judge. A finding names the
key, the steps and the numbers that it stands on, so that a reader can look and disagree.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
Place = Literal["overview", "charts", "system", "gradients"]


class Kind(StrEnum):
    """What a finding is about; each can be switched off for a run and for a project."""

    NAN = "nan"
    INF = "inf"
    STALL = "stall"
    SPIKE = "spike"
    PLATEAU = "plateau"
    OVERFIT = "overfit"
    LAYER = "layer"
    INPUT = "input"
    IDLE = "idle"
    DIFFERS = "differs"


class Insight(msgspec.Struct, frozen=True, kw_only=True):
    """One finding.

    Attributes:
        kind: what it is about.
        severity: how bad it is.
        title: a few words.
        text: the evidence in a sentence.
        key: the series, gradient or config key that shows it.
        lo: first step of the place to look at; None for the whole run.
        hi: its last step.
        place: the tab that shows it.
        numbers: what the sentence is made of.
    """

    kind: Kind
    severity: Severity
    title: str
    text: str
    key: str = ""
    lo: int | None = None
    hi: int | None = None
    place: Place = "charts"
    numbers: dict[str, int | float] = {}


class InsightReport(msgspec.Struct, frozen=True):
    """The findings of a run, worst first.

    Attributes:
        insights: those of kinds that are on.
        off: the kinds that are switched off in its project.
        off_here: the kinds that are switched off for this run.
    """

    insights: list[Insight]
    off: list[Kind]
    off_here: list[Kind] = []


class InsightSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which kinds are switched off in a project, or for a run."""

    off: list[Kind]


class Line(msgspec.Struct, frozen=True):
    """A series reduced to stretches of steps, each with at least one finite value.

    Attributes:
        key: the series.
        lo: the first step of each stretch.
        hi: the last step.
        n: finite points in it.
        low: the least of them.
        high: the greatest.
        mean: their mean.
        inf_at: the first step at which a value was infinite.
    """

    key: str
    lo: list[int]
    hi: list[int]
    n: list[int]
    low: list[float]
    high: list[float]
    mean: list[float]
    inf_at: int | None = None

    def __len__(self) -> int:
        return len(self.mean)


def figure(value: float) -> str:
    """A number as people read it: four digits."""
    return f"{value:.4g}"


def steps_text(step: int) -> str:
    """A step with thousands apart."""
    return f"{step:,}"


def ranked(insights: list[Insight]) -> list[Insight]:
    """Worst first, and in the order of `Kind` among equals."""
    kinds = list(Kind)
    return sorted(
        insights, key=lambda one: (SEVERITIES.index(one.severity), kinds.index(one.kind))
    )
