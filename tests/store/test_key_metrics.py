"""The metric that a project is told by in the list of projects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from epochal.domain.access import LOCAL_USER
from epochal.domain.key_metric import KeyMetric, KeyMetricQuery, ProjectRef
from epochal.domain.view import RunChanges, RunQuery
from epochal.errors import InvalidInput
from epochal.service import projects, runs
from epochal.store.ingest import ingest_home
from epochal.store.key_metrics import key_metrics
from epochal.store.owner import Store, open_store
from tests.store.journals import Writing


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with open_store(home) as store:
        yield store


def ask(store: Store, *names: str) -> list[KeyMetric | None]:
    """What the page hears of projects."""
    query = KeyMetricQuery([ProjectRef(name) for name in names])
    return projects.key_metrics(store, LOCAL_USER, query).metrics


def test_it_is_the_first_chart_of_the_newest_run_that_has_one(store: Store, home: Path) -> None:
    """The load of a machine is no result, archived runs do not count, nor does a run of media."""
    for second, (run_id, values) in enumerate(
        [
            ("old", {"train/loss": 9.0}),
            ("new", {"val/acc": 0.5, "train/loss": 0.25, "train/lr": 0.1}),
            ("begun", {"system/cpu": 3.0}),
            ("away", {"train/loss": 7.0}),
        ]
    ):
        writing = Writing(home, run_id, second=second)
        writing.row(0, **values)
        writing.finish()
    Writing(home, "none", project="empty").finish()
    ingest_home(store)
    away = runs.query_runs(store, LOCAL_USER, RunQuery("p", ids=["away"])).runs[0]
    runs.update_run(store, LOCAL_USER, away.uid, RunChanges(archived=True))
    found, empty, missing = ask(store, "p", "empty", "missing")
    assert found is not None
    assert (found.name, found.key, found.last) == ("new", "train/loss", 0.25)
    assert found.curve == [(0, 0.25)]
    assert empty is None
    assert missing is None


def test_each_curve_has_a_grid_of_its_own(store: Store, home: Path) -> None:
    """A million steps of one project do not make a dot of another's hundred; NaN is a gap."""
    long, short = Writing(home, "long", project="long"), Writing(home, "short", project="short")
    for step in range(100):
        long.row(step * 10_000, loss=float(step))
        short.row(step, loss=float("nan") if 40 <= step < 60 else float(step))
    for writing in (long, short):
        writing.finish()
    ingest_home(store)
    found = {one.name: one.curve for one in ask(store, "long", "short") if one}
    for name, last in (("long", 990_000), ("short", 99)):
        steps = [step for step, _ in found[name]]
        assert 20 <= len(steps) <= 40
        assert steps == sorted(steps)
        assert steps[0] == 0
        assert last * 0.9 < steps[-1] <= last
    assert any(mean is None for _, mean in found["short"])
    assert all(mean is not None for _, mean in found["long"])


def test_many_projects_take_two_reads(store: Store, home: Path) -> None:
    """However many there are, nothing is asked for each."""
    names = [f"p{number}" for number in range(12)]
    for name in names:
        writing = Writing(home, "r", project=name)
        writing.row(0, loss=1.0)
        writing.finish()
    ingest_home(store)
    asked: list[str] = []
    with store.database.read() as connection:
        engine = connection.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    found = key_metrics(store, [("local", name) for name in names])
    assert all(one and one.key == "loss" for one in found)
    assert len([text for text in asked if text.lstrip().upper().startswith("SELECT")]) == 2


def test_more_than_a_hundred_are_asked_in_parts(store: Store) -> None:
    """The error says how many there may be."""
    with pytest.raises(InvalidInput, match="the limit is 100; ask in parts"):
        ask(store, *(["p"] * 101))
