"""Pipeline runs are told from what their tracked runs recorded, wherever the driver ran."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest

import epochal
from epochal.domain.access import LOCAL_USER
from epochal.domain.names import run_uid
from epochal.errors import NotFound, StepFailed
from epochal.pipelines import pipeline, step
from epochal.service import bounds, pipelines
from epochal.store.ingest import ingest_home
from epochal.store.owner import Store, open_store


@step
def load(rows: int) -> Annotated[list[int], "rows"]:
    return list(range(rows))


@step
def fit(rows: list[int], rate: float) -> Annotated[float, "weight"]:
    epochal.log({"loss": rate / 2})
    return sum(rows) * rate


@step
def check(weight: float) -> None:
    if weight < 0:
        raise ValueError("a negative weight")


@pipeline
def training(rate: float = 0.5) -> None:
    check(fit(load(3), rate))


def uid_of(run: Any) -> str:
    return run_uid("local", "training", run.id)


def told(store: Store, run: Any) -> Any:
    ingest_home(store)
    return pipelines.get_pipeline(store, LOCAL_USER, uid_of(run))


def test_a_run_is_told_with_its_steps_and_what_they_need(home: Path) -> None:
    run = training()
    with open_store(home) as store:
        detail = told(store, run)
    assert (detail.pipeline, str(detail.state), detail.parameters) == (
        "training",
        "finished",
        {"rate": 0.5},
    )
    steps = [(each.name, each.state, each.needs) for each in detail.steps]
    assert steps == [
        ("load", "finished", []),
        ("fit", "finished", ["load"]),
        ("check", "finished", ["fit"]),
    ]
    assert detail.counts == {"finished": 3}
    fitted = detail.steps[1]
    assert fitted.run == run_uid("local", "training", fitted.run_id)
    assert fitted.called_us <= fitted.started_us <= fitted.ended_us


def test_a_list_counts_steps_and_shows_the_newest_first(home: Path) -> None:
    runs = [training(), training(), training(0.25)]
    with open_store(home) as store:
        ingest_home(store)
        listed = pipelines.list_pipelines(store, LOCAL_USER, None, "training").pipelines
        page = pipelines.list_pipelines(store, LOCAL_USER, None, "training", limit=2)
        rest = pipelines.list_pipelines(store, LOCAL_USER, None, "training", cursor=page.cursor)
    assert [row.id for row in listed] == [run.id for run in reversed(runs)]
    counts = [row.counts for row in listed]
    assert counts == [{"cached": 1, "finished": 2}, {"cached": 3}, {"finished": 3}]
    assert [row.id for row in rest.pipelines] == [runs[0].id]


def test_runs_that_asked_not_to_be_listed_are_told_when_asked_for(home: Path) -> None:
    """They have a tag, beside those of the user."""
    hidden = training.with_options(listed=False, tags="mine")()
    shown = training(0.25)
    with open_store(home) as store:
        ingest_home(store)
        listed = pipelines.list_pipelines(store, LOCAL_USER, None, "training").pipelines
        rows = pipelines.list_pipelines(store, LOCAL_USER, None, "training", unlisted=True)
    assert [row.id for row in listed] == [shown.id]
    assert [(row.id, row.tags) for row in rows.pipelines] == [
        (shown.id, []),
        (hidden.id, ["mine", "unlisted"]),
    ]


def test_a_run_that_only_calls_itself_a_pipeline_is_none(home: Path) -> None:
    run = epochal.init(project="training", job_type="pipeline", id="mine")
    run.finish()
    with open_store(home) as store:
        ingest_home(store)
        assert pipelines.list_pipelines(store, LOCAL_USER, None, "training").pipelines == []
        with pytest.raises(NotFound, match="no pipeline run"):
            pipelines.get_pipeline(store, LOCAL_USER, run_uid("local", "training", "mine"))


def test_a_step_is_told_with_its_values_and_the_run_that_worked_for_it(home: Path) -> None:
    first, second = training(), training()
    with open_store(home) as store:
        ingest_home(store)
        fresh = pipelines.get_step(store, LOCAL_USER, uid_of(first), "fit")
        cached = pipelines.get_step(store, LOCAL_USER, uid_of(second), "fit")
        with pytest.raises(NotFound, match="has no step 'fti'"):
            pipelines.get_step(store, LOCAL_USER, uid_of(second), "fti")
    assert fresh.parameters == {"rate": "0.5"}
    [taken] = fresh.inputs
    assert (taken.name, taken.step, taken.type) == ("rows", "load", "list")
    assert taken.artifact == "local/training/rows"
    assert [(value.name, value.artifact) for value in fresh.outputs] == [
        ("weight", "local/training/weight")
    ]
    assert "first time" in fresh.why
    assert fresh.worked_in == ""
    assert cached.worked_in == first.id
    assert cached.step.run == fresh.step.run
    assert cached.inputs == fresh.inputs


def test_why_a_step_ran_is_the_same_as_the_driver_tells(home: Path) -> None:
    training()
    run = training(0.25)
    with open_store(home) as store:
        ingest_home(store)
        detail = pipelines.get_step(store, LOCAL_USER, uid_of(run), "fit")
    assert detail.why == run.why_ran("fit") == "step 'fit' ran: parameter rate: 0.5 -> 0.25"


def test_a_failure_is_told_and_what_needed_it_is_skipped(home: Path) -> None:
    with pytest.raises(StepFailed) as caught:
        training(-1.0)
    with open_store(home) as store:
        detail = told(store, caught.value.run)
    assert [each.state for each in detail.steps] == ["finished", "finished", "failed"]
    assert "a negative weight" in detail.steps[2].error
    assert str(detail.state) == "failed"
    assert "check" in detail.error


def test_two_runs_are_compared_step_by_step_with_their_metrics(home: Path) -> None:
    before, after = training(), training(0.25)
    with open_store(home) as store:
        ingest_home(store)
        found = pipelines.compare_pipelines(store, LOCAL_USER, uid_of(before), uid_of(after))
    assert [(p.name, p.before, p.after) for p in found.parameters] == [("rate", 0.5, 0.25)]
    steps = {pair.name: pair for pair in found.steps}
    assert steps["load"].same
    assert steps["load"].metrics == []
    assert steps["fit"].reasons == ["parameter rate: 0.5 -> 0.25"]
    assert [(m.name, m.before, m.after) for m in steps["fit"].metrics] == [("loss", 0.25, 0.125)]
    assert steps["check"].reasons == ["input weight: other content"]
    local = {pair.name: pair for pair in before.compare(after)}
    assert {name: pair.reasons for name, pair in local.items()} == {
        name: pair.reasons for name, pair in steps.items()
    }


def test_why_a_step_ran_is_told_of_a_run_with_many_newer_ones(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many runs came after it, those before it are found."""
    monkeypatch.setattr(bounds, "MAX_PAGE", 3)
    training(0.5)
    old = training(0.25)
    for _ in range(4):
        training(0.25)
    with open_store(home) as store:
        ingest_home(store)
        detail = pipelines.get_step(store, LOCAL_USER, uid_of(old), "fit")
    assert "parameter rate: 0.5 -> 0.25" in detail.why
