"""ZenML's words for steps and pipelines, of 2022 and of today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from epochal.errors import InvalidInput, StepFailed
from epochal.pipelines import get_runs
from epochal.pipelines.opening import pipeline_of_run
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


@old_steps.step
def counted(n: int = 1) -> int:
    return n


@old_steps.step(enable_cache=False)
def judged(n: int, sign: str = "") -> int:
    if not Path(sign).exists():
        raise ValueError("not yet")
    return n


@old_pipelines.pipeline
def judging(one: Any, two: Any) -> None:
    two(one())


def test_a_run_of_a_pipeline_of_2022_is_resumed_by_its_id(tmp_path: Path) -> None:
    """Its step instances are made anew from what was written down of them."""
    sign = tmp_path / "sign"
    with pytest.raises(StepFailed) as failed:
        judging(one=counted(n=5), two=judged(sign=str(sign))).run()
    sign.touch()
    run: Any = failed.value.run
    resumed = pipeline_of_run(run.id).resume(run.id)
    assert [each.state for each in resumed.steps.values()] == ["cached", "finished"]
    assert resumed.step("judged").output.load() == 5


def test_an_instance_that_was_configured_cannot_be_resumed_by_id_and_says_what_to_do() -> None:
    steps = counted(), judged(sign="/").configure(enable_cache=True)
    run = judging(*steps).run()
    with pytest.raises(InvalidInput, match="call the pipeline with them again"):
        judging.resume(run.id)


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
