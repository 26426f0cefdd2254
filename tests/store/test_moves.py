"""Moving a run: everything that it is stands in the other project, and nothing is ever lost."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from epochal.domain.alert import Rule, When
from epochal.domain.artifact import read_reference
from epochal.domain.moving import CAME, PARENT, MoveTo
from epochal.domain.names import run_uid
from epochal.domain.objects import MediaQuery
from epochal.domain.record import Config, Event, Labels, Told
from epochal.domain.view import RunChanges, RunQuery
from epochal.errors import Conflict, CorruptFile, NotFound, StorageFull
from epochal.store import media
from epochal.store.durable import Disk
from epochal.store.files import list_files
from epochal.store.ingest import ingest_home
from epochal.store.labels import read_labels
from epochal.store.lineage import version_detail
from epochal.store.logs import read_logs
from epochal.store.moves import move_run
from epochal.store.occasions import find_occasions
from epochal.store.owner import Store, open_store
from epochal.store.recover import rebuild
from epochal.store.rows import find_run_id
from epochal.store.runs import delete_run, get_run, list_projects, resolve_run, update_run
from epochal.store.search import query_runs
from epochal.store.series import series_points
from tests.api.recorded import record
from tests.api.things import record_things
from tests.store.journals import Writing, lose

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


def labels_of(store: Store, uid: str) -> dict[str, str]:
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        return read_labels(connection, [run_id]).get(run_id, {})


def picture(store: Store, uid: str) -> dict[str, object]:
    """All that a run is, without what its place decides and what the move adds."""
    run = get_run(store, uid)
    plain = msgspec.structs.replace(
        run, uid="", project="", entity="", id="", color=0, archived=False, moved_to=None,
        updated_us=0, events=[e for e in run.events if not e.title.startswith("Moved from")],
        labels={}, writers=[msgspec.structs.replace(w, offset=0) for w in run.writers if w.pid],
    )  # fmt: skip
    seen: dict[str, object] = {"detail": msgspec.msgpack.encode(plain)}
    for metric in run.metrics:
        for view in ("all", "last"):
            points = series_points(store, uid, metric.key, view)
            seen[f"{metric.key} {view}"] = (
                points.step.tobytes(), points.value.tobytes(), points.wall_us.tobytes()
            )  # fmt: skip
    seen["console"] = read_logs(store, uid, limit=5000).lines
    seen["files"] = list_files(store, uid).files
    entries = media.query_media(store, MediaQuery([uid])).entries
    seen["media"] = [msgspec.structs.replace(entry, run="") for entry in entries]
    own = labels_of(store, uid)
    seen["labels"] = {name: text for name, text in own.items() if not name.startswith(CAME)}
    return seen


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


def moved(store: Store, id: str, project: str = "q", new: str = "") -> str:
    return move_run(store, run_uid("local", "p", id), MoveTo(project, id=new)).uid


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


def small(home: Path, id: str = "a", project: str = "p", **header: Any) -> Writing:
    """A run of a foreign client that ended with few records, so that its journal rests."""
    run = Writing(home, id, project=project, **header)
    run.fact(Told(run.now, "running"))
    run.fact(Labels(run.now, {"team": "red", "$client": "mlflow", "about": f"runs:/{run.uid}/m"}))
    run.fact(Config(run.now, {"lr": 0.1}))
    run.line(0, 20)
    run.print(0, "one", "two")
    run.finish("failed", 3)
    return run


def test_a_journal_that_rests_moves_as_well(home: Path) -> None:
    """The copy holds no journal; labels that name the run name it by its new uid."""
    run = small(home)
    with open_store(home) as store:
        ingest_home(store)
        before = picture(store, run.uid)
        new = moved(store, "a")
        after = picture(store, new)
        assert after.pop("labels") == {
            "team": "red",
            "$client": "mlflow",
            "about": f"runs:/{new}/m",
        }
        assert before.pop("labels") != after
        assert after == before
    assert not list((home / "runs" / new).glob("*.ej"))
    assert list((home / "runs" / run.uid).glob("*.ej"))


def test_media_files_and_lineage_move_and_versions_stay(home: Path) -> None:
    """A version keeps its name and its first maker; the new run is one of its makers."""
    home.rmdir()
    record_things(home)
    ref = read_reference("shop/digits:v0", "", "local")
    with open_store(home) as store:
        old, user = (run_uid("local", "shop", id) for id in ("maker", "user"))
        before = picture(store, old)
        assert before["files"]
        assert before["media"]
        new = move_run(store, old, MoveTo("mall")).uid
        used = move_run(store, user, MoveTo("mall")).uid
        assert picture(store, new) == before
        detail = version_detail(store, ref)
        assert [run.uid for run in detail.producers] == [old, new]
        assert {use.run.uid for use in detail.users} == {user, used}
        delete_run(store, old, versions=True)  # of what it made alone, which is nothing now
        assert [run.uid for run in version_detail(store, ref).producers] == [old, new]
    lose(home)
    with open_store(home) as store:
        ingest_home(store)
        assert picture(store, new) == before
        detail = version_detail(store, ref)
        assert (detail.version, [run.uid for run in detail.producers]) == (0, [old, new])
        assert version_detail(store, read_reference("shop/digits:v1", "", "local")).version == 1
        with pytest.raises(NotFound):
            version_detail(store, read_reference("shop/digits:v2", "", "local"))


def test_an_address_at_which_nothing_is_any_more_leads_on(home: Path) -> None:
    """Also after two moves, when what lay there was deleted for good and the database lost."""
    small(home)
    with open_store(home) as store:
        ingest_home(store)
        first = moved(store, "a")
        last = move_run(store, first, MoveTo("r", id="b")).uid
        old = run_uid("local", "p", "a")
        went = get_run(store, old).moved_to
        assert went is not None
        assert went.uid == last
        delete_run(store, old)
        delete_run(store, first)
        assert [row.name for row in list_projects(store)] == ["r"]
    lose(home)
    with open_store(home) as store:
        ingest_home(store)
        assert resolve_run(store, "local", "p", "a") == last
        assert resolve_run(store, "local", "q", "a") == last
        assert get_run(store, old).uid == last
        with pytest.raises(NotFound):
            resolve_run(store, "local", "p", "b")


def test_a_run_that_goes_on_is_refused(home: Path) -> None:
    run = Writing(home, "a")
    run.line(0, 10)
    with open_store(home) as store:
        ingest_home(store)
        with pytest.raises(Conflict, match="is running; it can be moved when it has ended"):
            moved(store, "a")
        run.finish()
        assert get_run(store, moved(store, "a")).metrics[0].count == 10


def test_an_id_that_is_taken_is_refused_and_another_one_is_not(home: Path) -> None:
    small(home)
    other = small(home, project="q")
    with open_store(home) as store:
        ingest_home(store)
        with pytest.raises(Conflict, match="'q' has a run with the id 'a' already; give this"):
            moved(store, "a")
        assert not get_run(store, run_uid("local", "p", "a")).archived
        assert get_run(store, other.uid).moved_to is None
        assert moved(store, "a", new="a2") == run_uid("local", "q", "a2")
        with pytest.raises(Conflict, match="is in project 'q' already"):
            move_run(store, other.uid, MoveTo("q"))


def test_moving_twice_is_moving_once(home: Path) -> None:
    run = small(home)
    with open_store(home) as store:
        ingest_home(store)
        new = moved(store, "a")
        names = sorted(os.listdir(home / "runs" / new))
        assert moved(store, "a") == new
        assert sorted(os.listdir(home / "runs" / new)) == names
        with pytest.raises(Conflict, match="is archived; restore it"):
            moved(store, "a", "elsewhere")
        update_run(store, run.uid, RunChanges(archived=False))
        again = Writing(home, "a", second=500, resumed=True)
        again.line(20, 5)
        again.finish()
        ingest_home(store)
        with pytest.raises(Conflict, match="a copy of this run as it was before"):
            moved(store, "a")
        assert not get_run(store, run.uid).archived


def test_the_way_back_is_told(home: Path) -> None:
    """What was there is not written over: it is there to be restored."""
    small(home)
    with open_store(home) as store:
        ingest_home(store)
        new = moved(store, "a")
        with pytest.raises(Conflict, match="Restore that one, or give this one another id"):
            move_run(store, new, MoveTo("p"))
        back = move_run(store, new, MoveTo("p", id="a-again")).uid
        assert picture(store, back)["detail"] == picture(store, new)["detail"]


def test_what_is_not_here_completely_stays(home: Path) -> None:
    """A journal that its server does not have yet, and one of which records cannot be read."""
    run = small(home)
    (run.directory / f"{run.writer}.unsent").touch()
    newer = Writing(home, "b")
    newer.journal.append(msgspec.msgpack.encode([-31, 1]))
    newer.finish()
    with open_store(home) as store:
        ingest_home(store)
        with pytest.raises(Conflict, match="`epochal sync` sends it"):
            moved(store, "a")
        with pytest.raises(Conflict, match="a newer Epochal wrote 1 records"):
            moved(store, "b")
        assert [row.name for row in list_projects(store)] == ["p"]


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
from epochal.store import arrivals, moves
from epochal.store.owner import open_store
home, uid, where = sys.argv[1:]
module, name = {"copied": (arrivals, "take_place"), "placed": (moves, "_show"),
                "shown": (arrivals, "arrived"), "arrived": (moves, "_lead_children"),
                "inside": (moves, "write_resumes")}[where]
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


@pytest.mark.parametrize("order", [("parent", "child"), ("child", "parent")], ids="-".join)
def test_a_run_below_another_stays_below_it(home: Path, order: tuple[str, str]) -> None:
    """Whichever of the two moves first, and when the database is lost."""
    parent = small(home, "parent")
    child = small(home, "child", second=50)
    again = Writing(home, "child", second=90, resumed=True)
    again.fact(Labels(again.now, {PARENT: parent.uid}))
    again.finish()
    with open_store(home) as store:
        ingest_home(store)
        for id in order:
            moved(store, id)
        above = run_uid("local", "q", "parent")
        below = run_uid("local", "q", "child")
        assert labels_of(store, below)[PARENT] == above
        assert labels_of(store, child.uid)[PARENT] == parent.uid
    lose(home)
    with open_store(home) as store:
        ingest_home(store)
        assert labels_of(store, below)[PARENT] == above


def test_what_was_told_before_a_move_is_not_told_again(home: Path) -> None:
    """Rules of the other project hear of the run when something happens to it there."""
    small(home, start_us=time.time_ns() // 1000)
    given: dict[When, dict[str, Any]] = {
        When.FAILED: {}, When.ALERT: {}, When.THRESHOLD: {"key": "loss", "above": 1.0},
    }  # fmt: skip
    rules = [Rule(id=w.value, created_us=1, when=w, **more) for w, more in given.items()]

    def found(store: Store, project: str) -> list[str]:
        with store.database.read() as connection:
            return [
                rule.id
                for rule in rules
                if find_occasions(connection, rule, ("local", project), time.time_ns() // 1000)
            ]

    with open_store(home) as store:
        ingest_home(store)
        assert found(store, "p") == ["failed", "threshold"]
        new = moved(store, "a")
        assert found(store, "q") == []
        later = Writing(home, "a", project="q", start_us=time.time_ns() // 1000 + 10, resumed=True)
        assert later.uid == new
        later.fact(Event(later.now, "error", "hot"))
        later.finish("failed", 3)
        ingest_home(store)
        assert "alert" in found(store, "q")


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
