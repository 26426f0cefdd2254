"""What every executor has to do: one suite for threads, processes, Ray and jobs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import epochal
from epochal.errors import NotFound, StepFailed
from epochal.journal.home import find_home
from epochal.pipelines import Pipeline, get_runs, pipeline
from epochal.pipelines.components import ORCHESTRATOR, register
from epochal.pipelines.profile import Stack
from epochal.pipelines.stacks import register_stack
from tests.pipelines import elsewhere

EXECUTORS = ["thread", "process", "ray", "slurm"]
KILLING = ["process", "ray", "slurm"]
STORE_BYTES = 80 * 1024 * 1024


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A small cluster of Ray on this machine, for this module."""
    ray: Any = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            num_cpus=2,
            object_store_memory=STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            _temp_dir=tempfile.mkdtemp(prefix="ray-"),
        )
        yield
        ray.shutdown()


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> str:
    return usable(request)


@pytest.fixture(params=KILLING)
def killing(request: pytest.FixtureRequest) -> str:
    """An executor that can end what it runs."""
    return usable(request)


def usable(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "slurm":
        pytest.importorskip("submitit")
    if name == "ray":
        request.getfixturevalue("cluster")
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


FLAVORS = {"thread": "local", "process": "processes", "ray": "ray", "slurm": "slurm"}
PROGRAMS = {"process": "worker.py", "ray": "default_worker.py", "slurm": "_submit.py"}


def test_the_orchestrator_of_the_stack_in_use_says_where_steps_run(executor: str) -> None:
    """Its settings reach the executor; what a step or pipeline says itself wins."""
    settings = {"partition": "none"} if executor == "slurm" else {"parallel": "2"}
    home = find_home()
    register(home, ORCHESTRATOR, "place", FLAVORS[executor], settings)
    register_stack(home, "mine", Stack(orchestrator="place"), activate=True)
    run = flow_of(elsewhere.program)()
    here = Path(sys.argv[0]).name
    assert run.step("program").output.load() == PROGRAMS.get(executor, here)
    assert run.began.options["stack"] == "mine"
    assert flow_of(elsewhere.program, executor="thread")().step("program").output.load() == here
    plain = flow_of(elsewhere.program).with_options(stack="default")()
    assert plain.step("program").output.load() == here


def test_a_stack_that_is_not_there_is_refused_before_anything_runs() -> None:
    with pytest.raises(NotFound, match=r"no stack 'defaults'; did you mean 'default'\?"):
        flow_of(elsewhere.program).with_options(stack="defaults")()
    assert get_runs("flow") == []


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


def test_what_takes_too_long_is_killed(killing: str) -> None:
    with pytest.raises(StepFailed, match=r"took longer than 2 s and was killed"):
        flow_of(elsewhere.sleeps, executor=killing, timeout=2)()


def test_a_worker_that_dies_fails_its_step_and_the_run_is_resumed(
    killing: str, tmp_path: Path
) -> None:
    """What had finished stays; the run of the step says that it crashed."""

    @pipeline(name="flow", cache=False)
    def flow() -> None:
        two = elsewhere.second(1)
        elsewhere.lives_later.with_options(executor=killing)(two, str(tmp_path / "later"))

    with pytest.raises(StepFailed, match=r"died by signal SIGKILL|ended without a result") as died:
        flow()
    failed: Any = died.value.run
    assert [each.state for each in failed.steps.values()] == ["finished", "failed"]
    crashed = failed.step("lives_later").run_id
    assert {each.id: each.state for each in epochal.runs("flow")}[crashed] == "crashed"
    (tmp_path / "later").touch()
    resumed = flow.resume(failed.id)
    assert [each.state for each in resumed.steps.values()] == ["cached", "finished"]
    assert resumed.step("lives_later").output.load() == 2


def test_independent_steps_run_side_by_side(executor: str, tmp_path: Path) -> None:
    """Each of two steps waits for the other one."""

    @pipeline(name="flow", cache=False, executor=executor, parallel=2)
    def flow() -> None:
        elsewhere.meets.map(str(tmp_path), me=[0, 1])

    assert [each.state for each in flow().steps.values()] == ["finished", "finished"]


def test_without_a_cluster_ray_says_how_to_get_one(home: Path) -> None:
    """In a process of its own, which is connected to none."""
    pytest.importorskip("ray")
    source = """
    from epochal.pipelines import pipeline
    from tests.pipelines import elsewhere

    @pipeline(name="flow", cache=False)
    def flow():
        elsewhere.add.with_options(executor="ray")(1)

    flow()
    """
    nowhere = {"RAY_ADDRESS": "127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-c", dedent(source)],
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "ray start --head" in done.stderr
    assert "step 'add' failed" in done.stderr
