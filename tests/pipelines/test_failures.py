"""Failures, retries and resources: what still runs, and what the run says."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.errors import InvalidInput, StepFailed
from epochal.pipelines import (
    current_step,
    pipeline,
    step,
)


def note(path: Path, text: object) -> None:
    """Write down that a step ran, where its key does not see it."""
    with path.open("a") as file:
        file.write(f"{text}\n")


def test_a_failed_step_fails_the_run_with_its_own_exception_behind() -> None:
    @step
    def broken() -> int:
        raise ValueError("no such luck")

    @step
    def after(n: int) -> int:
        return n

    @pipeline
    def flow() -> None:
        after(broken())

    with pytest.raises(
        StepFailed, match="step 'broken' failed: ValueError: no such luck"
    ) as caught:
        flow()
    assert isinstance(caught.value.__cause__, ValueError)
    run: Any = caught.value.run
    assert run.state == "failed"
    assert {name: each.state for name, each in run.steps.items()} == {
        "broken": "failed",
        "after": "skipped",
    }


def test_continue_runs_what_does_not_need_the_failed_step() -> None:
    @step
    def broken() -> int:
        raise ValueError("x")

    @step
    def good(n: int) -> int:
        return n

    @pipeline(on_error="continue", parallel=1)
    def flow() -> None:
        bad = broken()
        good(1)
        good(bad)

    with pytest.raises(StepFailed) as caught:
        flow()
    run: Any = caught.value.run
    states = {name: each.state for name, each in run.steps.items()}
    assert states == {"broken": "failed", "good": "finished", "good_2": "skipped"}
    assert "needs 'broken'" in run.step("good_2").error


def test_stop_starts_nothing_new() -> None:
    @step
    def broken() -> int:
        raise ValueError("x")

    @step
    def good(n: int) -> int:
        return n

    @pipeline(on_error="stop", parallel=1)
    def flow() -> None:
        broken()
        for n in range(3):
            good(n)

    with pytest.raises(StepFailed) as caught:
        flow()
    run: Any = caught.value.run
    assert [each.state for each in run.steps.values()] == ["failed", *["skipped"] * 3]


def test_a_failure_can_be_caught_where_it_is_loaded() -> None:
    """With ``continue`` the pipeline's function may fall back to something else."""

    @step
    def broken() -> int:
        raise ValueError("x")

    @step
    def fallback() -> int:
        return 7

    @pipeline(on_error="continue")
    def flow() -> int:
        try:
            value: int = broken().load()
        except StepFailed:
            value = fallback().load()
        return value

    with pytest.raises(StepFailed) as caught:
        flow()
    run: Any = caught.value.run
    assert run.step("fallback").output.load() == 7


def test_a_failed_step_is_tried_again_and_each_attempt_is_a_run() -> None:
    tries: list[int] = []
    told: list[str] = []

    @step(
        retries=2,
        retry_delay=0,
        on_failure=lambda context, error: told.append(f"{context.attempt} {error}"),
        on_success=lambda context: told.append(f"{context.attempt} fine"),
    )
    def flaky() -> int:
        tries.append(current_step().attempt)
        if len(tries) < 3:
            raise OSError("busy")
        return len(tries)

    @pipeline
    def flow() -> None:
        flaky()

    run = flow()
    assert tries == [1, 2, 3]
    assert told == ["1 busy", "2 busy", "3 fine"]
    found = {each.name: each.state for each in epochal.runs("flow")}
    assert found["flaky"] == found["flaky (attempt 2)"] == "failed"
    assert found["flaky (attempt 3)"] == "finished"
    assert run.step("flaky").attempts == 3


def test_only_the_exceptions_named_are_worth_a_retry() -> None:
    tries: list[int] = []

    @step(retries=5, retry_delay=0, retry_on=OSError)
    def work() -> int:
        tries.append(1)
        raise ValueError("not that one")

    @pipeline
    def flow() -> None:
        work()

    with pytest.raises(StepFailed):
        flow()
    assert len(tries) == 1


def test_what_finished_before_a_failure_stays_finished(tmp_path: Path) -> None:
    """The next run goes on there, without being told to."""
    calls = tmp_path / "calls"
    broken = tmp_path / "broken"
    broken.touch()

    @step
    def first() -> int:
        note(calls, "first")
        return 1

    @step(cache=False, version="1")
    def second(n: int) -> int:
        note(calls, "second")
        if broken.exists():
            raise ValueError("x")
        return n

    @pipeline
    def flow() -> None:
        second(first())

    with pytest.raises(StepFailed):
        flow()
    broken.unlink()
    assert flow().state == "finished"
    assert calls.read_text().split() == ["first", "second", "second"]


def test_a_needed_resource_that_is_not_there_is_refused() -> None:
    @step(resources={"gpu": 2})
    def work() -> int:
        return 1

    @pipeline(resources={"gpu": 1})
    def flow() -> None:
        work()

    with pytest.raises(InvalidInput, match="step 'work' needs 2 gpu, and the pipeline has 1"):
        flow()


def test_resources_limit_what_runs_at_the_same_time() -> None:
    """One token: never two at once, though there are threads for all."""
    running: list[int] = []
    most: list[int] = []

    @step(resources={"gpu": 1})
    def work(n: int) -> int:
        running.append(n)
        most.append(len(running))
        time.sleep(0)
        running.remove(n)
        return n

    @pipeline(resources={"gpu": 1}, parallel=8, cache=False)
    def flow() -> None:
        work.map(range(8))

    flow()
    assert max(most) == 1
