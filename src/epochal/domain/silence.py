"""Runs that go on and say nothing: long in minutes, and long beside their own pace."""

from __future__ import annotations

from typing import Final

from epochal.domain.alert import minutes_text
from epochal.domain.insight import Insight, Kind, steps_text

LEAST_US: Final = 10 * 60_000_000
"""As the rule of alerts has it where nobody says otherwise."""
TIMES: Final = 5
"""A run that logs once an hour is not silent after ten minutes."""


def find_stall(
    *, key: str, points: int, step: int, began_us: int, newest_us: int, now_us: int
) -> list[Insight]:
    """Whether a run that is running has stalled.

    Args:
        key: its series with the most points.
        points: how many those are, at least 1.
        step: its last step.
        began_us: when the run was created, in microseconds since 1970.
        newest_us: when it logged its newest point.
        now_us: the time.
    """
    silent = now_us - newest_us
    pace = max(0, newest_us - began_us) / points
    if silent < max(LEAST_US, TIMES * pace):
        return []
    minutes = round(silent / 60_000_000)
    return [Insight(
        kind=Kind.STALL, severity="warning",
        title=f"No point for {minutes_text(minutes)}",
        text=f"The run is running and has logged nothing since step {steps_text(step)}, "
        f"{minutes_text(minutes)} ago; until then a row came every {_pace(pace)} on average.",
        key=key, lo=step, hi=step, numbers={"minutes": minutes, "points": points},
    )]  # fmt: skip


def _pace(pace_us: float) -> str:
    seconds = pace_us / 1e6
    return f"{seconds:.2g} s" if seconds < 120 else minutes_text(round(seconds / 60))
