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

ROWS = 300_000
SCRIPT = """
import resource, signal, sys, threading, time
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import epochal
from epochal.client import rescue, session
begun, real = threading.Event(), rescue.rescue
when = sys.argv[2]
def watched(old, fresh):
    begun.set()
    if when == "meanwhile":
        time.sleep(0.5)
    return real(old, fresh)
rescue.rescue = watched
if when == "meanwhile":
    session.STOP_S = 0.05
quiet = {"console": False, "git": False, "environment": False, "system_interval": 0}
run = epochal.init(project="full", id="full", settings=quiet)
limit = 1_200_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
for step in range(int(sys.argv[1])):
    run.log({"a": step, "b": step / 7})
    if when == "before" and step == 250_000:
        assert begun.wait(60)
if when == "meanwhile":
    assert begun.wait(60)
run.finish()
"""


@pytest.mark.parametrize("when", ["at the end", "before", "meanwhile"])
def test_nothing_that_was_accepted_is_lost_when_files_cannot_grow(
    tmp_path: Path, when: str
) -> None:
    """A file size limit looks like a full disk; what waits in memory goes to further journals,
    when the run ends, before it does, and while it does.
    """
    home, spare = tmp_path / "home", tmp_path / "spare"
    spare.mkdir()
    environment = {**os.environ, "EPOCHAL_HOME": str(home), "TMPDIR": str(spare)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(ROWS), when],
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
