"""ZenML's words for steps and pipelines, of 2022 and of today."""

from __future__ import annotations

from typing import Any

import pytest

from epochal.errors import InvalidInput, StepFailed
from epochal.pipelines import get_runs
from epochal.zenml import get_step_context, pipeline, step
from epochal.zenml import pipelines as old_pipelines
from epochal.zenml import steps as old_steps


def test_steps_of_today_are_called_in_the_pipeline() -> None:
    @step(enable_cache=False, enable_step_logs=True, settings={"docker": {}})
    def one(n: int) -> str:
        return f"{get_step_context().step_name} {n}"

    @pipeline(enable_cache=True, name="today")
    def flow() -> None:
        one(3)

    assert flow().step("one").output.load() == "one 3"
    assert flow().step("one").state == "finished"


def test_steps_of_2022_make_instances_that_a_pipeline_is_given() -> None:
    """Arguments may come with the instance; the plain function is ``entrypoint``."""

    @old_steps.step
    def first(n: int = 1) -> old_steps.Output(a=int, b=int):  # type: ignore[valid-type]
        return n, n + 1

    @old_steps.step
    def second(a: int, b: int, context: old_steps.StepContext) -> str:
        return f"{context.step_name} {a} {b}"

    @old_pipelines.pipeline(enable_cache=True)
    def flow(one: Any, two: Any) -> None:
        a, b = one()
        two(a, b)

    run = flow(one=first(n=5), two=second()).run()
    assert run.step("second").output.load() == "second 5 6"
    again = flow(first(n=5), second().configure(enable_cache=False)).run(unlisted=True)
    assert (again.step("first").state, again.step("second").state) == ("cached", "finished")
    assert [each.id for each in get_runs("flow")] == [run.id]
    assert first.entrypoint(2) == (2, 3)


def test_a_step_that_was_not_called_is_refused() -> None:
    @old_steps.step
    def first() -> int:
        return 1

    @old_pipelines.pipeline
    def flow(one: Any) -> None:
        one()

    with pytest.raises(InvalidInput, match=r"call it: first\(\)"):
        flow(one=first)


def test_retries_and_modes_are_translated() -> None:
    tries: list[int] = []

    @step(retry={"max_retries": 2, "delay": 0})
    def flaky() -> int:
        tries.append(1)
        raise ValueError("x")

    @step
    def other() -> int:
        return 1

    @pipeline(execution_mode="continue_on_failure")
    def flow() -> None:
        flaky()
        other()

    with pytest.raises(StepFailed) as caught:
        flow()
    run: Any = caught.value.run
    assert len(tries) == 3
    assert run.step("other").state == "finished"


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a step has no option 'speed'"):
        step(speed=1)
