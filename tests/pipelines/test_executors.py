"""What every executor has to do: one suite for threads, processes and jobs."""

from __future__ import annotations

from typing import Any

import pytest

import epochal
from epochal.errors import StepFailed
from epochal.pipelines import Pipeline, pipeline
from tests.pipelines import elsewhere

EXECUTORS = ["thread", "process", "slurm"]
KILLING = ["process", "slurm"]


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> str:
    if request.param == "slurm":
        pytest.importorskip("submitit")
    name: str = request.param
    return name


def flow_of(step: Any, *args: Any, **options: Any) -> Pipeline:
    """A pipeline that calls one step, always anew."""

    @pipeline(name="flow", cache=False)
    def flow() -> None:
        step.with_options(**options)(*args)

    return flow


def test_values_prints_metrics_and_lineage_come_through(executor: str) -> None:
    """From one step to the next, by digest."""

    @pipeline(name="flow", cache=False)
    def flow() -> None:
        first = elsewhere.add.with_options(executor=executor)(1)
        elsewhere.add.with_options(executor=executor)(first.total, 10)

    run = flow()
    assert run.step("add_2").out.total.load() == 12
    tracked = {each.name: each for each in epochal.runs("flow")}
    assert list(tracked["add_2"].logs()) == ["adding 2 and 10"]
    assert tracked["add_2"].summary["total"] == 12
    version: Any = epochal.artifact(f"flow/total:{run.step('add').out.total.stored.digest}")
    assert [each.id for each in version.used_by()] == [run.step("add_2").run_id]


def test_a_step_that_raises_fails_with_its_error_and_traceback(executor: str) -> None:
    with pytest.raises(StepFailed, match="step 'raises' failed: ValueError: no such luck"):
        flow_of(elsewhere.raises, executor=executor)()
    tracked = {each.name: each for each in epochal.runs("flow")}
    assert tracked["raises"].state == "failed"
    assert "Traceback" in "\n".join(tracked["raises"].logs())


def test_a_failed_attempt_is_followed_by_another(executor: str) -> None:
    options = {"executor": executor, "retries": 1, "retry_delay": 0}
    run = flow_of(elsewhere.second_time, **options)()
    assert run.step("second_time").output.load() == 2


@pytest.mark.parametrize("executor", KILLING)
def test_what_takes_too_long_is_killed(executor: str) -> None:
    if executor == "slurm":
        pytest.importorskip("submitit")
    with pytest.raises(StepFailed, match=r"took longer than 2 s and was killed"):
        flow_of(elsewhere.sleeps, executor=executor, timeout=2)()


@pytest.mark.parametrize("executor", KILLING)
def test_a_worker_that_dies_fails_its_step(executor: str) -> None:
    if executor == "slurm":
        pytest.importorskip("submitit")
    with pytest.raises(StepFailed, match=r"died by signal SIGKILL|ended without a result"):
        flow_of(elsewhere.dies_once, executor=executor, retries=0)()
