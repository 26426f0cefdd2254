from __future__ import annotations

import math

import pytest

from epochal.api import Reader, listing
from epochal.errors import InvalidInput, QuerySyntaxError


def test_runs_are_a_sequence(reader: Reader) -> None:
    """Length, index from both ends, slices, iteration; the newest comes first."""
    runs = reader.runs("mnist")
    assert len(runs) == 3
    assert [run.id for run in runs] == ["gamma", "beta", "alpha"]
    assert runs[0].id == "gamma"
    assert runs[-1].id == "alpha"
    assert [run.id for run in runs[1:]] == ["beta", "alpha"]
    with pytest.raises(IndexError, match="there are 3 runs"):
        _ = runs[3]


def test_pages_are_read_as_they_are_needed(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run per page gives the same runs, columns and order as all at once."""
    at_once = reader.runs("mnist", order="config.lr").to_arrow()
    monkeypatch.setattr(listing, "PAGE", 1)
    monkeypatch.setattr(listing, "COLUMNS_PER_REQUEST", 2)
    assert [run.id for run in reader.runs("mnist", order="config.lr")] == [
        "gamma",
        "beta",
        "alpha",
    ]
    in_parts = reader.runs("mnist", order="config.lr").to_arrow()
    assert in_parts.column_names == at_once.column_names
    assert in_parts["id"] == at_once["id"]
    assert in_parts["config.lr"] == at_once["config.lr"]


def test_a_limit_cuts_everything_alike(reader: Reader) -> None:
    """Length, iteration and frames."""
    runs = reader.runs("mnist", limit=2)
    assert len(runs) == len(list(runs)) == len(runs.to_pandas()) == 2
    assert list(reader.runs("mnist", limit=0)) == []


def test_a_frame_has_config_and_summary(reader: Reader) -> None:
    """One row per run; what a run lacks is absent."""
    frame = reader.runs("mnist", order="created").to_pandas().set_index("id")
    assert frame["config.lr"].tolist() == [0.1, 0.01, 0.001]
    assert frame["config.optim.name"].tolist()[:2] == ["adam", "sgd"]
    assert frame["config.weird key"].tolist()[0] == 1.0
    assert frame.loc["alpha", "summary.best"] == 0.75
    assert math.isnan(frame.loc["beta", "summary.best"])
    assert frame.loc["alpha", "tags"] == ["baseline", "slow"]
    assert frame["state"].tolist() == ["finished", "finished", "failed"]
    polars = reader.runs("mnist").to_polars()
    assert polars["summary.best"].null_count() == 2


def test_a_frame_takes_columns_as_the_page_spells_them(reader: Reader) -> None:
    """Those alone beside the facts, in pages too; what a run lacks is absent."""
    columns = ["config.lr", "min(loss)", 'config["weird key"]', "min(val/acc)"]
    frame = reader.runs("mnist", order="created").to_pandas(columns).set_index("id")
    assert frame["config.lr"].tolist() == [0.1, 0.01, 0.001]
    assert frame["min(loss)"].tolist()[:2] == [1 / 300, 7.0]
    assert frame["min(val/acc)"].isna().tolist() == [False, True, True]
    assert not [name for name in frame.columns if name.startswith("summary.")]
    facts = ["created", "ended", "name", "duration"]
    asked, plain = (reader.runs("mnist").to_pandas(names) for names in (facts, []))
    assert asked.equals(plain), "times stay times"
    with pytest.raises(QuerySyntaxError):
        reader.runs("mnist").to_pandas(["min("])


def test_details_are_those_of_the_run(reader: Reader) -> None:
    """Although a list reads the details of several runs together."""
    lrs = {run.id: run.config.lr for run in reader.runs("mnist")}
    assert lrs == {"alpha": 0.1, "beta": 0.01, "gamma": 0.001}
    runs = reader.runs("mnist")
    assert [runs[index].config.lr for index in (2, 0, 1, 2)] == [0.1, 0.001, 0.01, 0.1]


@pytest.mark.parametrize("limit", [-1, 1.5, True, "3"])
def test_a_limit_must_be_a_number(reader: Reader, limit: int) -> None:
    """One sentence says what is expected."""
    with pytest.raises(InvalidInput, match="limit must be an integer from 0 upward"):
        reader.runs("mnist", limit=limit)


@pytest.mark.parametrize(
    ("where", "order"), [("lr > 1", "-created"), ("", "nonsense"), ("state ==", "-created")]
)
def test_a_bad_expression_is_refused_before_anything_is_read(
    reader: Reader, where: str, order: str
) -> None:
    """At the call, not at the first run."""
    with pytest.raises(QuerySyntaxError):
        reader.runs("mnist", where, order)


def test_where_and_order_of_the_wrong_type_are_refused(reader: Reader) -> None:
    """In one sentence."""
    with pytest.raises(InvalidInput, match="where must be a string, got int"):
        reader.runs("mnist", where=5)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="order must be"):
        reader.runs("mnist", order=5)  # type: ignore[arg-type]


def test_a_run_tells_what_kind_of_job_it_was_and_how_it_ended(reader: Reader) -> None:
    """The attributes of the list, by name."""
    for run in reader.runs("mnist"):
        row = run.row
        told = (run.job_type, run.host, run.exit_code, run.last_step, run.archived)
        assert told == (row.job_type, row.host, row.exit_code, row.last_step, row.archived)
