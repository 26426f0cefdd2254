"""What a project's page shows first is of one moment."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from epochal.domain.access import LOCAL_USER
from epochal.domain.columns import unpack_columns
from epochal.domain.view import RunChanges, RunQuery
from epochal.service import projects, runs
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.projects import list_projects
from tests.store.journals import Writing


def test_a_key_that_comes_in_between_is_among_the_keys_of_the_start(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would tell of it: the runs of the start are newer than it."""
    writing = Writing(home)
    writing.row(0, loss=1.0)
    with open_store(home) as store:
        ingest_home(store)
        query_runs = runs.query_runs

        def query_after_a_key(*args: Any) -> Any:
            writing.row(1, late=1.0)
            writing.finish()
            ingest_home(store)
            return query_runs(*args)

        monkeypatch.setattr(runs, "query_runs", query_after_a_key)
        start = projects.project_start(store, LOCAL_USER, None, "p", rows=True)
        assert start.runs is not None
        assert list(start.runs.columns) == start.keys.columns
        assert [use.key for use in start.keys.metrics] == ["late", "loss"]


@pytest.mark.parametrize(("runs_there", "fields"), [(4, {"first"}), (21, set())])
def test_the_first_chart_is_what_the_page_would_ask_for(
    home: Path, runs_there: int, fields: set[str]
) -> None:
    """Of the newest twenty runs, with the first values only where few are drawn."""
    for number in range(runs_there):
        writing = Writing(home, f"r{number}", second=number)
        writing.row(0, **{"val/loss": 2.0, "train/loss": float(number)})
        writing.finish()
    with open_store(home) as store:
        ingest_home(store)
        start = projects.project_start(store, LOCAL_USER, None, "p", rows=True, curves=True)
        plain = projects.project_start(store, LOCAL_USER, None, "p", rows=True)
    assert start.runs is not None
    assert start.curves is not None
    head, columns = unpack_columns(b64decode(start.curves.columns))
    plotted = [run.uid for run in start.runs.runs[:20]]
    assert [(one["run"], one["key"]) for one in head["series"]] == [
        (uid, "train/loss") for uid in plotted
    ]
    assert {"last", "min", "max"} | fields <= set(columns)
    assert ("first" in columns) == ("first" in fields)
    assert len(columns["last"]) == min(20, runs_there)
    assert plain.curves is None


def test_a_project_tells_how_many_runs_began_on_each_of_the_last_days(home: Path) -> None:
    """The newest day last; older runs, archived ones and those of the future are left out."""
    day = 86_400_000_000
    now = 1_790_000_000_000_000
    began = {"a": 1, "b": 2, "c": day + 5, "old": 30 * day, "later": -5, "away": 3}
    with open_store(home) as store:
        for run_id, ago in began.items():
            Writing(home, run_id, start_us=now - ago).finish()
        Writing(home, "none", project="quiet", start_us=now - 99 * day).finish()
        ingest_home(store)
        away = runs.query_runs(store, LOCAL_USER, RunQuery("p", ids=["away"])).runs[0]
        runs.update_run(store, LOCAL_USER, away.uid, RunChanges(archived=True))
        days = {row.name: row.days for row in list_projects(store, now)}
    assert days == {"p": [0] * 28 + [1, 2], "quiet": []}
