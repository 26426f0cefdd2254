"""The contract of sources: a home and a server give the same answers and the same errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from epochal.api import Reader
from epochal.api.question import GetRun, QueryRuns, ReadPoints, ResolveRun
from epochal.domain.names import run_uid
from epochal.domain.view import PointQuery, RunDetail, RunQuery
from epochal.errors import InvalidInput, NotFound, QuerySyntaxError
from tests.api.recorded import BIG, NAN_BITS, ROWS, bits


def test_projects_are_listed_with_their_newest_activity_first(reader: Reader) -> None:
    """Each project once, with its number of runs."""
    assert [(row.name, row.runs) for row in reader.projects()] == [("other/name", 1), ("mnist", 3)]


def test_a_run_is_told_in_full(reader: Reader) -> None:
    """Facts, config, summary and metrics arrive with their types."""
    run = reader.run("mnist/alpha")
    assert type(run.detail) is RunDetail
    assert (run.id, run.name, run.project, run.entity) == ("alpha", "first run", "mnist", "local")
    assert run.state == "finished"
    assert run.tags == ["baseline", "slow"]
    assert run.notes == "hello"
    assert run.config.lr == 0.1
    assert run.config.optim.betas == [0.9, 0.999]
    assert run.summary["best"] == 0.75
    assert run.metrics["loss"].count == ROWS
    assert run.metrics["loss"].min == 1 / ROWS
    assert run.uid == run_uid("local", "mnist", "alpha")
    assert run.created.tzinfo is not None
    assert run.ended is not None
    assert run.duration == run.ended - run.created


def test_a_failed_run_keeps_its_exit_code(reader: Reader) -> None:
    """finish(3) is a failure, and its NaN is named."""
    run = reader.run("mnist/gamma")
    assert (run.state, run.row.exit_code) == ("failed", 3)
    assert (run.row.nan_key, run.row.nan_step) == ("loss", 0)
    assert math.isnan(run.metrics["loss"].last or 0.0)


def test_points_come_back_bit_for_bit(reader: Reader) -> None:
    """NaN with its payload, infinity and the negative zero are data."""
    points = reader.run("mnist/alpha").series("sparse")
    found = dict(zip(points.step.tolist(), points.value.tolist(), strict=True))
    assert bits(found[30]) == NAN_BITS
    assert found[20] == math.inf
    assert bits(found[10]) == bits(-0.0)
    assert found[40] == 40.0
    assert points.time.dtype == np.int64
    assert np.all(np.diff(points.time) > 0)


def test_integers_past_53_bits_stay_exact(reader: Reader) -> None:
    """A series of integers is int64, alone and beside floats."""
    run = reader.run("mnist/alpha")
    assert run.series("count").value.tolist() == [BIG + step for step in range(0, ROWS, 10)]
    history = run.history(["loss", "count"])
    assert history["count"][history.present("count")].tolist()[-1] == BIG + ROWS - 10


def test_the_view_decides_on_repeated_steps(reader: Reader) -> None:
    """``all`` keeps every point as it arrived, ``last`` one per step in step order."""
    run = reader.run("mnist/beta")
    assert run.series("loss").step.tolist() == [0, 1, 2, 2, 1, 3]
    assert run.series("loss", view="last").step.tolist() == [0, 1, 2, 3]


def test_the_console_is_read_line_by_line(reader: Reader) -> None:
    """In order, from the end, and by search whatever the case."""
    run = reader.run("mnist/alpha")
    lines = list(run.logs())
    assert lines[:1] == ["plain line"]
    assert "\x1b[31mred line" in "\n".join(lines)
    assert list(run.logs(tail=1)) == lines[-1:]
    assert list(run.logs(tail=0)) == []
    assert [line.stream for line in run.log_lines(search="WARNING LINE")] == ["err"]


def test_runs_are_found_by_condition_and_order(reader: Reader) -> None:
    """The grammar means the same everywhere."""
    runs = reader.runs("mnist", where='config.lr < 0.05 and "baseline" in tags')
    assert [run.id for run in runs] == ["beta"]
    assert [run.id for run in reader.runs("mnist", order="config.lr")] == [
        "gamma",
        "beta",
        "alpha",
    ]
    assert [run.id for run in reader.runs("mnist", order="-config.lr", limit=2)] == [
        "alpha",
        "beta",
    ]


def test_columns_of_a_query_carry_nan_as_a_number(reader: Reader) -> None:
    """JSON's spelling of NaN never reaches Python."""
    query = RunQuery("mnist", order=["name"], columns=["last(loss)", "config.bad", "name"])
    page = reader.source.ask(QueryRuns(query))
    values = dict(zip((run.id for run in page.runs), page.columns["last(loss)"], strict=True))
    assert math.isnan(values["gamma"])
    assert values["alpha"] == 1 / ROWS
    assert set(page.columns["name"]) == {"first run", "twin"}


def test_a_formula_is_what_arithmetic_gives(reader: Reader) -> None:
    """At each step that has all of its metrics; a run without them has no point."""
    points = reader.run("mnist/alpha").formula("loss + 2 * val/acc")
    assert points.step.tolist() == list(range(ROWS))
    assert points.value.tolist() == [1 / (s + 1) + 2 * (s / ROWS) for s in range(ROWS)]
    assert len(reader.run("mnist/beta").formula("loss + val/acc")) == 0
    with pytest.raises(QuerySyntaxError):
        reader.run("mnist/alpha").formula("loss +")


def test_importance_needs_runs(reader: Reader) -> None:
    """Three runs are too few to judge by, and a project must be there."""
    with pytest.raises(InvalidInput, match="at least 10"):
        reader.importance("min(loss)", "mnist", where="config.lr > 0")
    with pytest.raises(NotFound):
        reader.importance("min(loss)", "nowhere")


@pytest.mark.parametrize(
    ("question", "error"),
    [
        (GetRun("0" * 32), NotFound),
        (GetRun("nonsense"), InvalidInput),
        (ResolveRun("local", "mnist", "nobody"), NotFound),
        (ReadPoints(PointQuery("0" * 32, ["loss"])), NotFound),
        (QueryRuns(RunQuery("mnist", where="lr <")), QuerySyntaxError),
        (QueryRuns(RunQuery("mnist", cursor="nonsense")), InvalidInput),
    ],
)
def test_errors_are_of_the_same_class_everywhere(
    reader: Reader, question: GetRun, error: type[Exception]
) -> None:
    """What a caller catches does not depend on where the runs lie."""
    with pytest.raises(error) as caught:
        reader.source.ask(question)
    assert type(caught.value) is error


def test_a_syntax_error_shows_its_place(reader: Reader) -> None:
    """The message draws a caret under the place at which reading stopped."""
    with pytest.raises(QuerySyntaxError) as caught:
        reader.runs("mnist", where="config.lr <")
    assert caught.value.position == len("config.lr <")
    assert caught.value.message.endswith("\n  config.lr <\n             ^")


def test_a_session_asks_many_questions_at_once(reader: Reader) -> None:
    """Sessions nest, and questions in them are answered as outside."""
    with reader.source.session(), reader.source.session():
        inside = (reader.run("mnist/beta").detail, reader.projects())
    assert inside == (reader.run("mnist/beta").detail, reader.projects())
