"""Steps in processes of their own: they overlap with others, can be killed, and may die."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.errors import InvalidInput, StepFailed
from epochal.pipelines import pipeline, step
from epochal.pipelines.named import find_definition
from tests.pipelines import elsewhere

DEADLINE_S = 30.0


def is_gone(pid: int) -> bool:
    """Whether a process has ended, also when nobody has asked for its exit code."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_steps_run_in_other_processes_and_are_tracked_alike() -> None:
    """Values, prints, metrics and lineage are those of any step."""
    run = elsewhere.everywhere()
    first, second = run.step("add"), run.step("add_2")
    assert run.step("here").output.load() == os.getpid()
    assert first.out.pid.load() != os.getpid()
    assert second.out.total.load() == 12
    tracked = {each.name: each for each in epochal.runs("everywhere")}
    assert list(tracked["add_2"].logs()) == ["adding 2 and 10"]
    assert tracked["add_2"].summary["total"] == 12
    assert tracked["add"].config == {"a": 1, "b": 1}


def test_a_step_that_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    """Each attempt, and the child of each; the error says after how long."""

    @pipeline
    def flow() -> None:
        elsewhere.too_long(str(tmp_path))

    with pytest.raises(StepFailed, match=r"longer than 3 s and was killed"):
        flow()
    for attempt in ("1", "2"):
        wait_until((tmp_path / attempt).exists)
        for pid in (tmp_path / attempt).read_text().split():
            wait_until(lambda pid=pid: is_gone(int(pid)))


def test_a_step_within_its_time_limit_is_left_alone() -> None:
    @pipeline
    def flow() -> None:
        elsewhere.in_time(3)

    assert flow().step("in_time").output.load() == 3


def test_a_worker_that_dies_fails_its_attempt_and_nothing_else() -> None:
    @pipeline(cache=False)
    def flow() -> None:
        elsewhere.dies_once()
        elsewhere.add(1)

    run = flow()
    assert run.step("dies_once").output.load() == 2
    assert run.step("add").state == "finished"
    tracked = {each.name: each.state for each in epochal.runs("flow")}
    assert tracked["dies_once"] == "crashed"
    assert tracked["dies_once (attempt 2)"] == "finished"


def test_an_exception_in_a_process_comes_back_as_text() -> None:
    @pipeline
    def flow() -> None:
        elsewhere.fails()

    with pytest.raises(StepFailed, match="step 'fails' failed: not like this"):
        flow()


def test_a_step_that_another_process_cannot_find_is_refused_with_the_way_out() -> None:
    @step(executor="process")
    def local() -> int:
        return 1

    @pipeline
    def flow() -> None:
        local()

    with pytest.raises(StepFailed, match="cannot run in a process, because it is defined inside"):
        flow()


def test_code_that_a_worker_does_not_have_is_never_run_in_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A function that was replaced in the driver: the worker has another, and that is said."""

    def replaced(folder: str) -> str:
        return "replaced"

    @pipeline(cache=False)
    def flow() -> None:
        elsewhere.uses_helper("x")

    assert flow().step("uses_helper").output.load() == "helped x"
    monkeypatch.setattr(elsewhere, "helper", replaced)
    with pytest.raises(StepFailed, match="is another than in the driver"):
        flow()


def test_a_module_that_calls_a_pipeline_when_imported_is_told_to_guard_it() -> None:
    """Only scripts are read up to there; a worker never runs a pipeline of its own."""
    with pytest.raises(InvalidInput, match="put the call below if __name__"):
        find_definition("tests.pipelines.unguarded:one")
