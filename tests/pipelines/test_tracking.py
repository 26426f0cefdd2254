"""Each pipeline run and each step run is a tracked run, with lineage from step to step."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any

import pytest

import epochal
from epochal.errors import StepFailed
from epochal.journal.home import find_home
from epochal.pipelines import current_step, pipeline, step

DEADLINE_S = 30.0


def runs_of(project: str) -> dict[str, Any]:
    return {run.name: run for run in epochal.runs(project)}


def test_a_pipeline_run_and_its_steps_are_runs_of_one_group() -> None:
    @step
    def load(rows: int) -> Annotated[list[int], "rows"]:
        return list(range(rows))

    @step
    def fit(rows: list[int], lr: float = 0.5) -> Annotated[float, "loss"]:
        for index in range(3):
            epochal.log({"loss": lr / (index + 1)})
        current_step().add_metadata({"best": 0.25})
        return lr

    @pipeline(tags=["nightly"])
    def training(rows: int = 3) -> None:
        fit(load(rows))

    run = training()
    found = runs_of("training")
    whole, loaded, fitted = found[f"training-{run.id}"], found["load"], found["fit"]
    assert {each.group for each in found.values()} == {run.id}
    assert (whole.job_type, loaded.job_type, fitted.job_type) == ("pipeline", "load", "fit")
    assert whole.tags == ["nightly"]
    assert whole.config == {"rows": 3}
    assert whole.summary["steps/finished"] == 2
    assert fitted.config == {"lr": 0.5}
    assert fitted.summary["best"] == 0.25
    assert [row["loss"] for row in fitted.history()] == [0.5, 0.25, 0.5 / 3]
    assert {each.state for each in found.values()} == {"finished"}
    assert fitted.id == run.step("fit").run_id


def test_outputs_are_artifacts_and_inputs_are_lineage() -> None:
    @step
    def load() -> Annotated[list[int], "rows"]:
        return [1, 2]

    @step
    def fit(rows: list[int]) -> int:
        return len(rows)

    @pipeline
    def training() -> None:
        fit(load())

    run = training()
    version: Any = epochal.artifact("training/rows:latest")
    assert version.digest == run.step("load").out.rows.stored.digest
    assert version.metadata["step"] == "load"
    assert [user.id for user in version.used_by()] == [run.step("fit").run_id]
    assert version.run.id == run.step("load").run_id
    made: Any = epochal.artifact("training/fit.output:latest").run
    assert made.id == run.step("fit").run_id


def test_what_steps_print_is_told_apart_though_they_overlap() -> None:
    """Two steps print in turns; each log has its own lines, in order, and so has the pipeline."""
    turns = threading.Barrier(2, timeout=DEADLINE_S)

    @step
    def talk(name: str) -> None:
        for index in range(3):
            turns.wait()
            print(f"{name} {index}")
            print(f"{name} error", file=sys.stderr)

    @pipeline(cache=False)
    def chat() -> None:
        print("the pipeline itself")
        talk("a")
        talk("b")

    run = chat()
    found = runs_of("chat")
    for name, which in (("a", "talk"), ("b", "talk_2")):
        lines = list(found[which].logs())
        assert [line for line in lines if "error" not in line] == [f"{name} {i}" for i in range(3)]
        assert lines.count(f"{name} error") == 3
    assert list(found[f"chat-{run.id}"].logs()) == ["the pipeline itself"]


def test_a_failed_step_keeps_its_traceback() -> None:
    @step
    def broken() -> int:
        raise ValueError("no such luck")

    @pipeline
    def flow() -> None:
        broken()

    with pytest.raises(StepFailed):
        flow()
    run = runs_of("flow")["broken"]
    assert run.state == "failed"
    text = "\n".join(run.logs())
    assert "Traceback" in text
    assert 'raise ValueError("no such luck")' in text


def test_overlapping_steps_log_to_their_own_runs() -> None:
    turns = threading.Barrier(2, timeout=DEADLINE_S)

    @step
    def count(start: int) -> None:
        for index in range(5):
            turns.wait()
            epochal.log({"value": start + index})

    @pipeline(cache=False)
    def flow() -> None:
        count(0)
        count(100)

    flow()
    found = runs_of("flow")
    assert [row["value"] for row in found["count"].history()] == [0, 1, 2, 3, 4]
    assert [row["value"] for row in found["count_2"].history()] == [100, 101, 102, 103, 104]


def test_a_run_of_the_user_stays_the_current_one_around_a_pipeline() -> None:
    @step
    def inner() -> str:
        return str(epochal.run.id)

    @pipeline(cache=False)
    def flow() -> None:
        inner()

    with epochal.init(project="mine", settings={"console": False, "silent": True}) as mine:
        run = flow()
        assert run.step("inner").output.load() == run.step("inner").run_id
        assert epochal.run.id == mine.id


def test_init_inside_of_a_step_gives_the_run_of_the_step() -> None:
    """So loggers of other libraries write where the step does."""

    @step
    def work() -> str:
        with pytest.warns(UserWarning, match="is live; it is returned"):
            run = epochal.init(project="elsewhere")
        return run.id

    @pipeline
    def flow() -> None:
        work()

    run = flow()
    assert run.step("work").output.load() == run.step("work").run_id


def test_a_cached_step_makes_no_run_and_names_the_one_that_did_the_work() -> None:
    @step
    def work() -> int:
        return 1

    @pipeline
    def flow() -> None:
        work()

    first, second = flow(), flow()
    assert second.step("work").run_id == first.step("work").run_id
    assert sorted(run.job_type for run in epochal.runs("flow")) == ["pipeline", "pipeline", "work"]


def test_the_surroundings_are_recorded_where_a_step_had_to_work() -> None:
    """Host and command line are in the run; one that was all cached did not read them."""

    @step
    def work() -> int:
        return 1

    @pipeline
    def flow() -> None:
        work()

    first, second = flow(), flow()
    found = runs_of("flow")
    assert found[f"flow-{first.id}"].environment["python"]
    assert "python" not in found[f"flow-{second.id}"].environment


def test_the_code_of_a_step_is_a_file_of_its_run() -> None:
    @step
    def work() -> int:
        return 1

    @pipeline
    def flow() -> None:
        work()

    flow()
    assert [file.path for file in runs_of("flow")["work"].files()] == ["pipeline/code.json"]


def test_three_processes_with_twenty_steps_each_make_sixty_versions(tmp_path: Path) -> None:
    """One artifact name, three drivers at once: every version once, each with its own value."""
    source = """
    import sys
    from typing import Annotated
    from epochal.pipelines import pipeline, step

    @step
    def make(n: int) -> Annotated[int, "shared"]:
        return n

    @pipeline(name="crowd")
    def flow(first: int):
        make.map(range(first, first + 20))

    if __name__ == "__main__":
        flow(int(sys.argv[1]))
    """
    script = tmp_path / "crowd.py"
    script.write_text(dedent(source))
    started = [
        subprocess.Popen([sys.executable, str(script), str(first)], stderr=subprocess.PIPE)
        for first in (0, 100, 200)
    ]
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    (artifact,) = [one for one in epochal.artifacts("crowd") if one.name == "shared"]
    versions = artifact.versions()
    assert sorted(version.number for version in versions) == list(range(1, 61))
    values = {int(version.get_path("value.json").read()) for version in versions}
    assert values == {*range(20), *range(100, 120), *range(200, 220)}


def test_garbage_collection_keeps_what_the_cache_needs() -> None:
    """Old blobs of outputs, of values given by the pipeline's function and of code all stay."""
    numpy = pytest.importorskip("numpy")

    @step
    def total(values: Any) -> Any:
        return values * 2

    @pipeline
    def flow() -> None:
        total(numpy.arange(3))

    first = flow()
    home = find_home()
    old = time.time() - 1_000_000
    for path in (home / "blobs").rglob("*"):
        if path.is_file():
            os.utime(path, (old, old))
    report = epochal.connect(home=home).collect(dry_run=False)
    assert report.blobs == 0
    again = flow()
    assert again.step("total").state == "cached"
    assert again.step("total").output.load().tolist() == [0, 2, 4]
    assert "same key" in again.why_ran("total")
    assert first.step("total").course.facts.table
