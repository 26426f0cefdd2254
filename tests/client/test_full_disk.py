"""A home without room: what log() accepted is found elsewhere, all of it, in order."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from epochal.api import runs
from epochal.journal.home import run_directory

ROWS = 400_000
SCRIPT = """
import resource, signal, sys, time
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import epochal
quiet = {"console": False, "git": False, "environment": False, "system_interval": 0}
run = epochal.init(project="full", id="full", settings=quiet)
limit = 1_200_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
for step in range(int(sys.argv[1])):
    run.log({"a": step, "b": step / 7})
    if step == int(sys.argv[1]) // 2:
        time.sleep(float(sys.argv[2]))
run.finish()
"""


@pytest.mark.parametrize("pause", ["0", "3"], ids=["at the end", "in between"])
def test_nothing_that_was_accepted_is_lost_when_files_cannot_grow(
    tmp_path: Path, pause: str
) -> None:
    """A file size limit looks like a full disk; what waits in memory goes to further journals."""
    home, spare = tmp_path / "home", tmp_path / "spare"
    spare.mkdir()
    environment = {**os.environ, "EPOCHAL_HOME": str(home), "TMPDIR": str(spare)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(ROWS), pause],
        capture_output=True, text=True, timeout=120, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "had no room" in done.stderr
    elsewhere = next(iter(spare.glob("epochal-*")), None)
    if elsewhere is not None:  # as the message says: move the files into the run's directory
        for path in elsewhere.glob("runs/*/*.ej"):
            shutil.move(path, run_directory(home, path.parent.name) / path.name)
    [run] = runs("full", home=str(home))
    found = run.history(keys=["a", "b"], view="all")
    assert found["a"].tolist() == list(range(ROWS))
    assert found["b"].tolist() == [step / 7 for step in range(ROWS)]
    assert run.state == "finished"
