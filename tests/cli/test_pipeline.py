"""``epochal pipeline``: what a script can do, the command line can."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import Result, run_cli

SCRIPT = """
from pathlib import Path
from epochal.pipelines import pipeline, step

def helper(x):
    return x * 2

@step
def double(n: int) -> int:
    return helper(n)

@step(cache=False)
def check(n: int, limit: int) -> str:
    if n > limit and not Path("lenient").exists():
        raise ValueError(f"{n} is more than {limit}")
    return "fine"

@pipeline
def flow(n: int = 3, limit: int = 10):
    check(double(n), limit)

if __name__ == "__main__":
    raise SystemExit("this part does not run")
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script in an otherwise empty working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "job.py"
    path.write_text(dedent(SCRIPT))
    return path


def cli(*arguments: str) -> Result:
    """A command on the home of the test."""
    return run_cli(*arguments, home=Path(os.environ["EPOCHAL_HOME"]))


def show(*arguments: str) -> dict[str, str]:
    """States of the steps that a command shows."""
    done = cli("pipeline", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return {step["name"]: step["state"] for step in json.loads(done.stdout)["steps"]}


def newest() -> str:
    listed = json.loads(cli("pipeline", "ls", "--json").stdout)
    run_id: str = listed[0]["id"]
    return run_id


def test_a_pipeline_runs_with_parameters_and_is_listed_and_shown(script: Path) -> None:
    """From the file, by name or without; typed parameters; a second run is cached."""
    done = cli("pipeline", "run", "job.py:flow", "n=4", "limit=100")
    assert done.returncode == 0, done.stderr
    assert "finished" in done.stdout
    assert show("run", "job.py", "n=4", "limit=100") == {"double": "cached", "check": "finished"}
    listed = json.loads(cli("pipeline", "ls", "flow", "--json").stdout)
    assert [row["state"] for row in listed] == ["finished", "finished"]
    assert show("show", listed[1]["id"]) == {"double": "finished", "check": "finished"}
    assert show("run", "job.py", "n=4", "--no-cache") == {
        "double": "finished",
        "check": "finished",
    }


def test_a_plan_runs_nothing(script: Path) -> None:
    done = cli("pipeline", "run", "job.py", "--plan")
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [
        ["double", "runs"],
        ["check", "waits"],
    ]
    assert json.loads(cli("pipeline", "ls", "--json").stdout) == []


def test_why_shows_the_changed_line(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it was edited within the second, to the same size, and compiled code is kept."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    before = script.stat()
    assert cli("pipeline", "run", "job.py").returncode == 0
    script.write_text(script.read_text().replace("x * 2", "x * 3"))
    os.utime(script, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cli("pipeline", "run", "job.py").returncode == 0
    why = cli("pipeline", "why", newest(), "double").stdout
    assert "function job:helper changed" in why
    assert "+    return x * 3" in why


def test_a_failed_run_is_told_and_resumes(script: Path) -> None:
    """The error names the step; what finished is not run again."""
    done = cli("pipeline", "run", "job.py", "n=50")
    assert done.returncode == 1
    assert "step 'check' failed: ValueError: 100 is more than 10" in done.stderr
    failed = newest()
    Path("lenient").touch()
    assert show("resume", failed) == {"double": "cached", "check": "finished"}
    shown = json.loads(cli("pipeline", "show", newest(), "--json").stdout)
    assert shown["run"]["resumed_from"] == failed


def test_a_configuration_file_gives_parameters(script: Path) -> None:
    Path("flow.toml").write_text("[parameters]\nn = 50\n[steps.check.parameters]\n")
    done = cli("pipeline", "run", "job.py", "--config", "flow.toml")
    assert "100 is more than 10" in done.stderr
    done = cli("pipeline", "run", "job.py", "--config", "flow.toml", "limit=1000")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "none.py"], 4, "there is no Python file 'none.py'"),
        (["run", "no_such_module:flow"], 4, "there is no module 'no_such_module'"),
        (["run", "job.py:other"], 4, "has no pipeline 'other'; it has flow"),
        (["run", "job.py", "n"], 2, "a parameter looks like name=value"),
        (["run", "job.py", "m=1"], 2, "has no parameter 'm'; it has n, limit"),
        (["run", "job.py", "n=x"], 2, "parameter 'n' must be"),
        (["show", "nothere"], 4, "there is no pipeline run 'nothere'"),
        (["resume", "nothere"], 4, "there is no pipeline run 'nothere'"),
        (["gc", "--older-than", "soon"], 2, "--older-than is seconds"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_refused(
    script: Path, arguments: list[str], code: int, message: str
) -> None:
    done = cli("pipeline", *arguments)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr


def test_gc_removes_what_is_old_and_what_lost_its_outputs(script: Path) -> None:
    """A dry run removes nothing; outputs of tracked runs stay in any case."""
    assert cli("pipeline", "run", "job.py").returncode == 0
    home = Path(os.environ["EPOCHAL_HOME"])
    for path in (home / "pipelines").rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 100_000,) * 2)
    dry = json.loads(cli("pipeline", "gc", "--older-than", "1d", "--dry-run", "--json").stdout)
    assert (dry["entries"], dry["runs"]) == (2, 1)
    assert cli("pipeline", "gc", "--yes", "--json").returncode == 0
    assert show("run", "job.py")["double"] == "cached"
    assert cli("pipeline", "gc", "--older-than", "1d", "--yes").returncode == 0
    assert len(json.loads(cli("pipeline", "ls", "--json").stdout)) == 1
    assert "double.output" in cli("artifact", "ls").stdout


def test_two_runs_are_compared_step_by_step(script: Path) -> None:
    """With what differs, and the numbers that the steps logged."""
    logging = "epochal.log({'seen': n}); return helper(n)"
    code = script.read_text().replace("return helper(n)", logging)
    script.write_text(f"import epochal\n{code}")
    ids = []
    for n in (1, 2):
        assert cli("pipeline", "run", "job.py", f"n={n}").returncode == 0
        ids.append(newest())
    done = cli("pipeline", "compare", *ids)
    assert done.stdout.splitlines() == [
        "double: finished -> finished",
        "  parameter n: 1 -> 2",
        "  seen: 1 -> 2",
        "check: finished -> finished",
        "  input n: other content",
    ]
    found = json.loads(cli("pipeline", "compare", *ids, "--json").stdout)
    assert [each["name"] for each in found["steps"]] == ["double", "check"]
    assert found["metrics"]["double"] == {"seen": [1, 2]}
    assert "no step differs" in cli("pipeline", "compare", ids[0], ids[0]).stderr
    assert "the same" in cli("pipeline", "compare", ids[0], ids[0], "--all").stdout
