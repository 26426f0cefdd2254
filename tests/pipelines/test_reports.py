"""Dry runs, and runs as they are found again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import epochal
from epochal.errors import NotFound
from epochal.pipelines import (
    get_run,
    get_runs,
    pipeline,
    step,
)


def note(path: Path, text: object) -> None:
    """Write down that a step ran, where its key does not see it."""
    with path.open("a") as file:
        file.write(f"{text}\n")


def test_a_plan_says_what_would_run_and_runs_nothing(tmp_path: Path) -> None:
    calls = tmp_path / "calls"

    @step
    def work(n: int) -> int:
        note(calls, n)
        return n

    @step
    def last(n: int) -> int:
        return n

    @pipeline
    def flow(n: int) -> None:
        found = last(work(n))
        work(0)
        if found.load() > 100:
            work(1)

    flow(5)
    before = len(get_runs())
    assert [(each.name, each.action) for each in flow.plan(5)] == [
        ("work", "cached"),
        ("last", "cached"),
        ("work_2", "cached"),
    ]
    planned = {each.name: each.action for each in flow.plan(6)}
    assert planned == {"work": "runs", "last": "waits", "work_2": "cached", "...": "waits"}
    assert sorted(calls.read_text().split()) == ["0", "5"]
    assert len(get_runs()) == before


def test_runs_are_found_again_by_id_and_pipeline() -> None:
    @step
    def one() -> int:
        return 1

    @pipeline
    def flow() -> None:
        one()

    @pipeline(listed=False)
    def other() -> None:
        one()

    first, second = flow(), other()
    assert get_run(first.id).step("one").output.load() == 1
    assert [each.id for each in get_runs()] == [first.id]
    assert [each.id for each in get_runs("other", unlisted=True)] == [second.id]
    assert [each.id for each in flow.runs()] == [first.id]
    with pytest.raises(NotFound, match="epochal pipeline ls"):
        get_run("nothere")
    with pytest.raises(NotFound, match="has no step 'two'; it has one"):
        first.step("two")
    with pytest.raises(NotFound, match="no output 'x'; it has output"):
        _ = first.step("one").out.x


def test_streams_and_current_run_are_as_before_afterwards() -> None:
    before = sys.stdout, sys.stderr

    @step
    def one() -> int:
        print("hello")
        return 1

    @pipeline
    def flow() -> None:
        one()

    flow()
    assert (sys.stdout, sys.stderr) == before
    assert not epochal.run
