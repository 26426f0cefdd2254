"""What a project's page shows first is of one moment."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from epochal.domain.access import LOCAL_USER
from epochal.domain.columns import unpack_columns
from epochal.service import projects, runs
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
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
