"""Runs that say nothing: judged beside their own pace."""

from __future__ import annotations

from epochal.domain.insight import Kind
from epochal.domain.silence import find_stall

MINUTE = 60_000_000


def stall(points: int, span: float, silent: float):
    """After ``span`` minutes with so many points, ``silent`` minutes of nothing."""
    return find_stall(
        key="loss", points=points, step=points, began_us=0, newest_us=int(span * MINUTE),
        now_us=int((span + silent) * MINUTE),
    )  # fmt: skip


def test_a_run_that_logged_often_and_is_silent_for_long_has_stalled():
    (found,) = stall(points=6_000, span=100, silent=25)
    assert (found.kind, found.severity, found.key) == (Kind.STALL, "warning", "loss")
    assert found.title == "No point for 25 minutes"
    assert "since step 6,000, 25 minutes ago; until then a row came every 1 s" in found.text
    assert (found.lo, found.place) == (6_000, "charts")


def test_a_run_with_a_slow_pace_is_given_time():
    assert stall(points=10, span=300, silent=60) == []
    assert len(stall(points=10, span=300, silent=151)) == 1


def test_a_short_pause_is_none():
    assert stall(points=100_000, span=100, silent=9) == []
    assert stall(points=1, span=0, silent=9) == []
