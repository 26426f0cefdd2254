"""``epochal sweep``: from a YAML file to the best trial, in a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import epochal
with epochal.init() as run:
    run.log({"loss": (run.config.x - 2) ** 2})
"""
CONFIG = """\
program: {program}
method: grid
metric: {{name: loss, goal: minimize}}
parameters:
  x: {{values: [1, 2, 5]}}
"""


def epochal(*arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "epochal", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == code, (result.stdout, result.stderr)
    return result.stdout if code == 0 else result.stderr


@pytest.fixture
def file(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    (tmp_path / "train.py").write_text(PROGRAM)
    path = tmp_path / "sweep.yaml"
    path.write_text(CONFIG.format(program=tmp_path / "train.py"))
    return path


def test_a_sweep_from_its_file_to_its_best_trial(file: Path) -> None:
    """Create, steer, run, list, show, best."""
    sweep_id = epochal("sweep", "create", str(file), "--project", "demo").strip()
    assert epochal("sweep", "pause", sweep_id) == f"{sweep_id} is paused\n"
    assert epochal("sweep", "resume", sweep_id) == f"{sweep_id} is running\n"
    epochal("sweep", "agent", sweep_id)
    listed = epochal("sweep", "ls", "demo").splitlines()[1].split()
    assert listed[:7] == [sweep_id, "demo", "grid", "finished", "3/3", "loss", "0"]
    shown = epochal("sweep", "show", sweep_id)
    assert [line.split()[1] for line in shown.splitlines()[-3:]] == ["finished"] * 3
    best = json.loads(epochal("sweep", "best", sweep_id, "--json"))
    assert best == {
        "number": 1,
        "value": 0.0,
        "config": {"x": 2},
        "run": f"{sweep_id}-1",
        "project": "demo",
        "repeats": [],
        "front": [],
    }
    assert epochal("sweep", "best", sweep_id).splitlines()[1:] == ["  x: 2"]
    said = epochal("sweep", "repeat", sweep_id, "--seeds", "2")
    assert said == f"{sweep_id} is running, 2 trials wait\n"
    epochal("sweep", "agent", sweep_id)
    assert epochal("sweep", "best", sweep_id).splitlines()[-1] == "again with 2 seeds: 0 ± 0"
    command = [sys.executable, "-m", "epochal", "sweep", "best", sweep_id]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stderr
    assert "may not use its seed" in said
    assert epochal("sweep", "stop", sweep_id, "--now") == f"{sweep_id} is cancelled\n"


def test_mistakes_in_the_file_are_shown_with_their_line(file: Path) -> None:
    """Exit code 2, and nothing was made."""
    file.write_text(file.read_text().replace("values", "valeus"))
    said = epochal("sweep", "create", str(file), code=2)
    assert "line 5: parameters.x.valeus: unknown key of a parameter" in said
    assert "did you mean 'values'?" in said
    assert "cannot be read" in epochal("sweep", "create", "nowhere.yaml", code=2)
    assert "no sweep 'nothing'" in epochal("sweep", "show", "nothing", code=4)
