"""A run with everything that one can have moves wholly or not at all, whatever cuts it short."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from epochal.domain.names import run_uid
from epochal.domain.view import RunChanges, RunQuery
from epochal.errors import CorruptFile, StorageFull
from epochal.store.durable import Disk
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.recover import rebuild
from epochal.store.runs import delete_run, get_run, list_projects, update_run
from epochal.store.search import query_runs
from tests.api.recorded import record
from tests.store.journals import Writing, lose
from tests.store.moving import moved, picture

MANY = """
import math, sys
import epochal
quiet = epochal.Settings(system_interval=0, silent=True)
with epochal.init(project="p", id="native", name="one", tags=["a"], notes="note", group="g",
                  job_type="train", config={"lr": 0.1, "deep": {"x": [1]}}, settings=quiet) as run:
    run.define_metric("loss", summary="min")
    for step in range(2000):
        run.log({"loss": math.nan if step == 77 else 1 / (step + 1), "n": 2**53 + step}, step=step)
        if step % 500 == 0:
            print(f"line {step}", flush=True)
    run.log({"word": "text"}, step=2000)
    run.summary["best"] = 0.5
    run.alert("hot", "it is hot")
with epochal.init(project="p", id="native", resume="must", settings=quiet) as run:
    run.log({"loss": 5.0})
    print("again", file=sys.stderr, flush=True)
"""


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a run as our own client leaves it; no test may change it."""
    home = tmp_path_factory.mktemp("native") / "home"
    home.mkdir(mode=0o700)
    record(home, MANY)
    machine = Writing(home, "native", start_us=time.time_ns() // 1000, primary=False)
    machine.rows([0, 1, 2], [{"system/cpu": 0.5 * step} for step in range(3)])
    machine.finish(None)
    with open_store(home) as store:
        ingest_home(store)
    return home


@pytest.fixture
def native(pristine: Path, home: Path) -> Path:
    """A copy of it."""
    home.rmdir()
    shutil.copytree(pristine, home)
    return home


def test_everything_that_a_run_is_stands_in_the_other_project(native: Path) -> None:
    """Series bit for bit, console, system metrics, config, summary, tags, notes, alerts."""
    old = run_uid("local", "p", "native")
    with open_store(native) as store:
        update_run(store, old, RunChanges(notes="by hand", tags=["b", "c"], name="two"))
        before = picture(store, old)
        assert any(name.startswith("system/") for name in before)
        new = moved(store, "native")
        assert new == run_uid("local", "q", "native")
        assert picture(store, new) == before
        assert picture(store, old) == before
        assert get_run(store, old).archived
        assert not get_run(store, new).archived
        assert [row.uid for row in query_runs(store, RunQuery("q")).runs] == [new]
        assert query_runs(store, RunQuery("p")).runs == []
        went = get_run(store, old).moved_to
        assert went is not None
        assert (went.project, went.id, went.uid) == ("q", "native", new)
    lose(native)
    with open_store(native) as store:
        ingest_home(store)
        assert picture(store, new) == before  # what was edited by hand is in the copy's facts
        assert get_run(store, old).archived
    assert rebuild(native).problems == []


def test_a_damaged_file_ends_the_move_and_changes_nothing(native: Path) -> None:
    old = run_uid("local", "p", "native")
    [segment, *_] = sorted((native / "runs" / old).glob("*.eps"))
    segment.write_bytes(segment.read_bytes()[:-100])
    with open_store(native) as store:
        with pytest.raises(CorruptFile):
            moved(store, "native")
        assert [row.name for row in list_projects(store)] == ["p"]
        assert not get_run(store, old).archived
    assert os.listdir(native / "runs") == [old]


@pytest.mark.parametrize("fails", range(8))
def test_a_full_disk_ends_the_move_and_changes_nothing(native: Path, fails: int) -> None:
    """Whichever write finds no room; the next call goes well."""

    class Full(Disk):
        left = fails

        def write(self, descriptor: int, data: memoryview) -> int:
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.ENOSPC, "full")
            return super().write(descriptor, data)

    old = run_uid("local", "p", "native")
    with open_store(native) as store:
        before = picture(store, old)
        sound, store.disk = store.disk, Full()
        try:
            new = moved(store, "native")
        except StorageFull:
            assert [row.name for row in list_projects(store)] == ["p"]
            assert not get_run(store, old).archived
            assert not (native / "runs" / run_uid("local", "q", "native")).exists()
        store.disk = sound
        new = moved(store, "native")
        assert picture(store, new) == before


KILL = """
import os, signal, sys
from pathlib import Path
from epochal.domain.moving import MoveTo
from epochal.store import admit, arrivals, moves
from epochal.store.owner import open_store
home, uid, where = sys.argv[1:]
module, name = {"copied": (arrivals, "take_places"), "placed": (moves, "_show"),
                "shown": (arrivals, "arrived"), "arrived": (moves, "_lead_children"),
                "inside": (admit, "write_resumes")}[where]
setattr(module, name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
with open_store(Path(home)) as store:
    moves.move_run(store, uid, MoveTo("q"))
"""


@pytest.mark.parametrize("lost", [False, True], ids=["database", "no-database"])
@pytest.mark.parametrize("where", ["copied", "placed", "inside", "shown", "arrived"])
def test_a_move_that_is_killed_leaves_the_run_or_both_and_can_be_ended(
    native: Path, where: str, lost: bool
) -> None:
    """Never a part of the new run; not even for who makes the database anew."""
    old, new = run_uid("local", "p", "native"), run_uid("local", "q", "native")
    with open_store(native) as store:
        before = picture(store, old)
    done = subprocess.run(
        [sys.executable, "-c", KILL, str(native), old, where], check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    if lost:
        lose(native)
    with open_store(native) as store:
        ingest_home(store)
        assert not get_run(store, old).archived
        assert picture(store, old) == before
        there = (
            [row.uid for row in query_runs(store, RunQuery("q")).runs]
            if where in {"arrived", *(() if lost else ("shown",))}
            else []
        )
        for uid in there:
            assert picture(store, uid) == before
        assert [row.name for row in list_projects(store)].count("q") == len(there)
        assert moved(store, "native") == new
        assert picture(store, new) == before
        assert get_run(store, old).archived
        assert not [name for name in os.listdir(native / "runs") if name.startswith(".")]
        assert not (native / "runs" / new / "arriving").exists()


def test_segments_share_their_bytes(native: Path) -> None:
    """A copy costs next to nothing, and deleting one of the two leaves the other whole."""
    old = run_uid("local", "p", "native")
    with open_store(native) as store:
        before = picture(store, old)
        new = moved(store, "native")
        for path in (native / "runs" / new).glob("*.eps"):
            assert path.stat().st_nlink == 2
        delete_run(store, old)
        assert picture(store, new) == before


def test_a_file_system_without_hard_links_takes_a_copy(
    native: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    with open_store(native) as store:
        before = picture(store, run_uid("local", "p", "native"))
        assert picture(store, moved(store, "native")) == before
