"""An agent knows what its trial logged as soon as it stands in the journal."""

from __future__ import annotations

import math
from pathlib import Path

from epochal.domain.sweep import MAX_REPORTS
from epochal.sweeps.logged import Logged
from tests.store.journals import Writing


def test_a_rung_is_news_once_and_other_values_are_none(home: Path) -> None:
    """Values of other metrics do not count, and the journal may come later than the agent."""
    writing = Writing(home)
    logged = Logged(writing.directory, "loss", [2, 4])
    assert not Logged(home / "nothing", "loss", [1]).has_news()
    seen = []
    for step in range(6):
        writing.row(step, other=1.0)
        writing.row(step, loss=float(step), other=2.0)
        seen.append(logged.has_news())
        assert not logged.has_news()
    assert seen == [False, True, False, True, False, False]
    assert logged.values == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_without_rungs_each_value_is_news_up_to_the_last_that_counts(home: Path) -> None:
    writing = Writing(home)
    logged = Logged(writing.directory, "loss", [])
    writing.row(0, loss=math.nan)
    assert logged.has_news()
    assert math.isnan(logged.values[0])
    writing.line(1, MAX_REPORTS + 10)
    assert logged.has_news()
    assert len(logged.values) == MAX_REPORTS
    writing.line(MAX_REPORTS, 10)
    assert not logged.has_news()


def test_values_of_several_writers_are_found(home: Path) -> None:
    """As of a process that was forked."""
    first = Writing(home)
    logged = Logged(first.directory, "loss", [2])
    first.row(0, loss=1.0)
    assert not logged.has_news()
    Writing(home).row(1, loss=2.0)
    assert logged.has_news()
    assert sorted(logged.values) == [1.0, 2.0]
