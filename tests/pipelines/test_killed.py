"""Whatever ends a driver, its run says so, and what was finished stays finished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

import epochal
from epochal.errors import Conflict, InvalidInput
from epochal.journal import liveness
from epochal.journal.home import find_home
from epochal.pipelines import PipelineRun, get_run, get_runs, ledger, pipeline, step
from epochal.pipelines.named import open_definitions
from tests.pipelines.test_processes import is_gone

DEADLINE_S = 60.0
SCRIPT = """
import os, sys, time
from pathlib import Path
from epochal.pipelines import pipeline, step

MARKS = Path({marks!r})

@step(cache=False)
def first() -> int:
    with (MARKS / "first").open("a") as file:
        file.write("x")
    return 1

@step(cache=False{options})
def second(n: int) -> int:
    (MARKS / "pid").write_text(str(os.getpid()))
    while not (MARKS / "go on").exists():
        time.sleep(0.02)
    return n + {plus}

@pipeline
def flow(n: int = 5):
    second(first())

flow(n=6)
"""


def write_script(folder: Path, *, options: str = "", plus: int = 1) -> Path:
    path = folder / "job.py"
    path.write_text(dedent(SCRIPT).format(marks=str(folder), options=options, plus=plus))
    return path


def start(script: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert process.poll() is None, process.stderr and process.stderr.read().decode()
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def resume(script: Path, run_id: str) -> PipelineRun:
    module = open_definitions(str(script))
    resumed: PipelineRun = module.flow.resume(run_id)
    return resumed


@pytest.fixture(autouse=True)
def _forget_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a script of its own, under the same name."""
    from epochal.pipelines import named

    monkeypatch.setattr(named, "_scripts", {})


@pytest.mark.parametrize("options", ["", ", executor='process'"], ids=["thread", "process"])
def test_a_killed_driver_leaves_a_run_that_says_so_and_resumes(
    tmp_path: Path, options: str
) -> None:
    """SIGKILL in the middle of a step: no step runs twice that had finished, no worker stays."""
    script = write_script(tmp_path, options=options)
    process = start(script)
    wait_until((tmp_path / "pid").exists, process)
    (run,) = get_runs()
    assert (run.state, run.step("second").state) == ("running", "running")
    with pytest.raises(Conflict, match="is still running"):
        resume(script, run.id)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (run.state, run.step("second").state) == ("crashed", "crashed")
    assert run.step("first").state == "finished"
    worker = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + DEADLINE_S
    while not is_gone(worker):
        assert time.monotonic() < deadline, "the worker outlives its driver"
        time.sleep(0.02)
    tracked = {each.name: each.state for each in epochal.runs("flow")}
    assert tracked["first"] == "finished"
    assert tracked["second"] == "crashed"
    (tmp_path / "go on").touch()
    resumed = resume(script, run.id)
    assert resumed.state == "finished"
    assert resumed.began.resumed_from == run.id
    assert resumed.step("second").output.load() == 2
    assert (tmp_path / "first").read_text() == "x"
    assert get_run(run.id).state == "crashed"


def test_a_step_that_changed_since_runs_again_and_the_others_do_not(tmp_path: Path) -> None:
    process = start(write_script(tmp_path))
    wait_until((tmp_path / "pid").exists, process)
    process.kill()
    process.wait()
    (run,) = get_runs()
    (tmp_path / "go on").touch()
    resumed = resume(write_script(tmp_path, plus=100), run.id)
    assert resumed.step("second").output.load() == 101
    assert (tmp_path / "first").read_text() == "x"


def test_ctrl_c_leaves_a_killed_run_that_resumes(tmp_path: Path) -> None:
    script = write_script(tmp_path, options=", executor='process'")
    process = start(script)
    wait_until((tmp_path / "pid").exists, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode in (-signal.SIGINT, 130)
    assert b"KeyboardInterrupt" in errors
    (run,) = get_runs()
    assert run.state == "killed"
    (tmp_path / "go on").touch()
    assert resume(script, run.id).step("second").output.load() == 2
    assert (tmp_path / "first").read_text() == "x"


def test_a_run_of_another_pipeline_is_not_resumed() -> None:
    @step
    def one() -> int:
        return 1

    @pipeline
    def flow() -> None:
        one()

    @pipeline
    def other() -> None:
        one()

    with pytest.raises(InvalidInput, match="is of 'flow', and this is pipeline 'other'"):
        other.resume(flow().id)


def test_two_cannot_resume_one_run_at_the_same_time() -> None:
    """The second is told while the first is at it, and may afterwards."""

    @step
    def one() -> int:
        return 1

    @pipeline
    def flow() -> None:
        one()

    run = flow()
    descriptor = os.open(ledger.find(find_home(), run.id), os.O_RDONLY)
    try:
        liveness.hold(descriptor)
        with pytest.raises(Conflict, match="somebody resumes it already"):
            flow.resume(run.id)
    finally:
        os.close(descriptor)
    assert flow.resume(run.id).state == "finished"


def test_a_torn_last_line_is_not_read() -> None:
    """Power loss may leave half a line; the rest is read as ever."""

    @step
    def one() -> int:
        return 1

    @pipeline
    def flow() -> None:
        one()

    run = flow()
    path = ledger.find(find_home(), run.id)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b'{"type":"over"') + 10])
    assert run.state == "crashed"
    assert run.step("one").output.load() == 1


LIMITED = """
import resource, sys
import numpy
from epochal.pipelines import pipeline, step

@step
def small() -> int:
    return 1

@step
def large(n: int) -> numpy.ndarray:
    return numpy.zeros(2_000_000)

@pipeline
def flow():
    large(small())

if __name__ == "__main__":
    if len(sys.argv) > 1:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, resource.RLIM_INFINITY))
    flow()
"""


def test_an_output_that_finds_no_room_fails_its_step_by_name(tmp_path: Path) -> None:
    """What was finished stays finished; with room the run goes on."""
    script = tmp_path / "job.py"
    script.write_text(LIMITED)
    command = [sys.executable, str(script)]
    done = subprocess.run([*command, "limited"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "step 'large' failed: output 'output' could not be stored" in done.stderr
    subprocess.run(command, check=True, capture_output=True)
    newest, failed = get_runs()
    assert failed.state == "failed"
    assert {name: each.state for name, each in newest.steps.items()} == {
        "small": "cached",
        "large": "finished",
    }


SHORT = """
import resource, signal, sys
from epochal.pipelines import pipeline, step

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

@step
def small(n: int) -> int:
    return n

@pipeline
def flow(count: int = 1):
    for n in range(count):
        small(n)

if __name__ == "__main__":
    flow()
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
    flow(200)
"""


@pytest.mark.parametrize("room", [100, 20_000])
def test_a_run_whose_record_finds_no_room_says_so_and_tears_nothing(
    tmp_path: Path, room: int
) -> None:
    """At its first line as well as in the middle of it; what is recorded is whole lines."""
    script = tmp_path / "job.py"
    script.write_text(SHORT)
    command = [sys.executable, str(script), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert f"there is no room left for {ledger.runs_folder(find_home())}" in done.stderr
    data = ledger.all_paths(find_home())[0].read_bytes()
    assert data == b"" or data.endswith(b"\n")
    assert {run.state for run in get_runs()} <= {"finished", "failed", "crashed"}
