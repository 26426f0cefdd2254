"""Many runs moved at once: each wholly or not at all, and those that refuse keep no other back."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from epochal.domain.moving import PARENT, MoveTo
from epochal.domain.names import run_uid
from epochal.domain.record import Cut, Labels
from epochal.domain.view import RunChanges, RunQuery
from epochal.errors import Conflict, CorruptFile, InvalidInput, NotFound, StorageFull
from epochal.store import moves
from epochal.store.durable import Disk
from epochal.store.enroll import last_revision
from epochal.store.ingest import ingest_home
from epochal.store.moves import move_run, move_runs
from epochal.store.owner import Store, open_store
from epochal.store.recover import rebuild
from epochal.store.runs import get_run, list_projects, update_runs
from epochal.store.search import query_runs
from tests.store.journals import Writing, lose
from tests.store.moving import labels_of, picture, small

NOBODY = "0" * 32


def there(uids: Sequence[str], ids: Sequence[str], project: str = "q") -> dict[str, str]:
    return dict(zip(uids, (run_uid("local", project, id) for id in ids), strict=True))


def native(home: Path, id: str, project: str = "p") -> Writing:
    """A run whose journal is given up: segments and an archive, of two writers, with a cut."""
    first = Writing(home, id, project=project)
    first.line(0, 30)
    first.print(0, id, "two")
    first.finish()
    again = Writing(home, id, project=project, second=100, resumed=True)
    again.fact(Cut(25, again.now))
    again.rows([25, 26], [{"loss": float("nan"), "more": step} for step in range(2)])
    again.finish()
    return first


def names(store: Store, project: str) -> list[str]:
    try:
        return sorted(row.id for row in query_runs(store, RunQuery(project)).runs)
    except NotFound:
        return []


def test_all_that_runs_are_goes_in_one_transaction_before_they_are_archived(home: Path) -> None:
    runs = [native(home, "a"), small(home, "b"), native(home, "c")]
    uids = [run.uid for run in runs]
    with open_store(home) as store:
        ingest_home(store)
        update_runs(store, uids[:2], RunChanges(notes="by hand", tags=["x"]))
        before = [picture(store, uid) for uid in uids]
        store.take_news()
        with store.database.read() as connection:
            revision = last_revision(connection)
        moved, refused = move_runs(store, [*uids, uids[0]], MoveTo("q"))
        assert (moved, refused) == (there(uids, "abc"), {})
        plain = [
            {name: text for name, text in seen.items() if name != "labels"} for seen in before
        ]
        for uid, seen in zip(moved.values(), plain, strict=True):
            after = picture(store, uid)
            assert {name: text for name, text in after.items() if name != "labels"} == seen
            last = get_run(store, uid)
            assert (last.last_step, last.notes) == (
                26 if last.id != "b" else 19,
                "" if last.id == "c" else "by hand",
            )
        news = store.take_news()
        assert [change.uid for change in news] == [*moved.values(), *uids]
        assert {change.rev for change in news} == {revision + 1, revision + 2}
        assert names(store, "q") == ["a", "b", "c"]
        assert names(store, "p") == []
    lose(home)
    with open_store(home) as store:
        ingest_home(store)
        for uid, seen in zip(moved.values(), plain, strict=True):
            after = picture(store, uid)
            assert {name: text for name, text in after.items() if name != "labels"} == seen
    assert rebuild(home).problems == []


def test_each_that_refuses_tells_its_own_reason_and_the_others_go(home: Path) -> None:
    runs = {id: native(home, id) for id in ("a", "b", "damaged", "taken", "aside", "z")}
    native(home, "taken", project="q")
    same = native(home, "a", project="other")
    busy = Writing(home, "busy")
    busy.line(0, 3)
    uid = {id: run.uid for id, run in runs.items()}
    with open_store(home) as store:
        ingest_home(store)
        update_runs(store, [uid["aside"]], RunChanges(archived=True))
        [segment, *_] = sorted((home / "runs" / uid["damaged"]).glob("*.eps"))
        data = bytearray(segment.read_bytes())
        data[20] ^= 1  # within a block, which nobody needs to know what the segment holds
        segment.write_bytes(data)
        wish = [uid["a"], NOBODY, uid["damaged"], busy.uid, "../..", same.uid, uid["taken"]]
        moved, refused = move_runs(store, [*wish, uid["b"], uid["aside"], uid["z"]], MoveTo("q"))
        assert moved == there([uid["a"], uid["b"], uid["z"]], ["a", "b", "z"])
        kinds = {who: type(error) for who, error in refused.items()}
        assert kinds == {
            NOBODY: NotFound, uid["damaged"]: CorruptFile, busy.uid: Conflict,
            "../..": InvalidInput, same.uid: Conflict, uid["taken"]: Conflict,
            uid["aside"]: Conflict,
        }  # fmt: skip
        assert "has a run with the id 'a' already" in refused[same.uid].message
        for who, error in refused.items():  # what each alone would have got
            with pytest.raises(type(error)) as alone:
                move_run(store, who, MoveTo("q"))
            assert alone.value.code == error.code
        assert names(store, "p") == ["busy", "damaged", "taken"]
        assert names(store, "q") == ["a", "b", "taken", "z"]
        assert names(store, "other") == ["a"]
    assert not [name for name in os.listdir(home / "runs") if name.startswith(".")]


def test_parent_and_child_that_go_together_stay_together(home: Path) -> None:
    """Also one that went before; no run that came says anything of the place it was."""
    parent = small(home, "parent")
    ids = ["early", "child", "late"]
    for id in ids:
        below = small(home, id, second=50)
        again = Writing(home, id, second=90, resumed=True)
        again.fact(Labels(again.now, {PARENT: parent.uid}))
        again.finish()
        assert again.uid == below.uid
    uids = there([run_uid("local", "p", id) for id in ids], ids)
    with open_store(home) as store:
        ingest_home(store)
        early, child, late = uids
        assert move_runs(store, [early], MoveTo("q"))[1] == {}
        assert move_runs(store, [child, parent.uid], MoveTo("q"))[1] == {}
        assert move_runs(store, [late], MoveTo("q"))[1] == {}
        above = run_uid("local", "q", "parent")
        assert [labels_of(store, uid)[PARENT] for uid in uids.values()] == [above] * 3
        extra = [len(list((home / "runs" / uid).glob("*.facts"))) for uid in uids.values()]
        assert extra == [4, 3, 3]  # only who went before its parent was told of it afterwards
    lose(home)
    with open_store(home) as store:
        ingest_home(store)
        assert [labels_of(store, uid)[PARENT] for uid in uids.values()] == [above] * 3


@pytest.mark.parametrize("once", [True, False], ids=["once", "from-then-on"])
@pytest.mark.parametrize("fails", [0, 4, 9, 11, 13])
def test_a_full_disk_leaves_each_run_whole_where_it_is_or_where_it_goes(
    home: Path, fails: int, once: bool
) -> None:
    """What fails for all together is tried with fewer, so that a moment costs no run its move."""

    class Full(Disk):
        left = fails

        def write(self, descriptor: int, data: memoryview) -> int:
            self.left -= 1
            if self.left == -1 or (self.left < -1 and not once):
                raise OSError(errno.ENOSPC, "full")
            return super().write(descriptor, data)

    uids = [native(home, id).uid for id in "abc"]
    with open_store(home) as store:
        ingest_home(store)
        before = [picture(store, uid) for uid in uids]
        sound, store.disk = store.disk, Full()
        moved, refused = move_runs(store, uids, MoveTo("q"))
        assert {type(error) for error in refused.values()} <= {StorageFull}
        assert sorted([*moved, *refused]) == sorted(uids)
        assert not (once and refused)
        assert names(store, "p") == [
            id for id, uid in zip("abc", uids, strict=True) if uid in refused
        ]
        assert names(store, "q") == [
            id for id, uid in zip("abc", uids, strict=True) if uid in moved
        ]
        store.disk = sound
        again, refused = move_runs(store, list(refused), MoveTo("q"))
        assert refused == {}
        for uid, seen in zip(uids, before, strict=True):
            assert picture(store, {**moved, **again}[uid]) == seen
        assert not [name for name in os.listdir(home / "runs") if name.startswith(".")]


KILL = """
import os, signal, sys
from pathlib import Path
from epochal.domain.moving import MoveTo
from epochal.store import admit, arrivals, moves
from epochal.store.owner import open_store
home, where, *uids = sys.argv[1:]
module, name = {"copying": (moves, "copy_files"), "placing": (os, "rename"),
                "inside": (admit, "write_resumes"), "arrived": (os, "unlink"),
                "archiving": (moves, "update_runs")}[where]
calls, real = 0, getattr(module, name)
def second(*given, **named):
    global calls
    calls += 1
    if calls == (1 if where in {"inside", "archiving"} else 2):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*given, **named)
with open_store(Path(home)) as store:
    setattr(module, name, second)
    moves.move_runs(store, uids, MoveTo("q"))
"""


@pytest.mark.parametrize("where", ["copying", "placing", "inside", "arrived", "archiving"])
def test_killed_in_the_middle_all_runs_are_where_they_were_or_in_both_places(
    home: Path, where: str
) -> None:
    """Then moving them again ends with all of them there."""
    uids = [native(home, id).uid for id in "abc"]
    with open_store(home) as store:
        ingest_home(store)
        before = [picture(store, uid) for uid in uids]
    command = [sys.executable, "-c", KILL, str(home), where, *uids]
    done = subprocess.run(command, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    with open_store(home) as store:
        ingest_home(store)
        assert names(store, "p") == ["a", "b", "c"]
        shown = [row.name for row in list_projects(store) if row.name == "q"]
        assert shown == (["q"] if where in {"arrived", "archiving"} else [])
        if shown:
            assert names(store, "q") == ["a", "b", "c"]
        moved, refused = move_runs(store, uids, MoveTo("q"))
        assert (moved, refused) == (there(uids, "abc"), {})
        assert [picture(store, uid) for uid in moved.values()] == before
        assert names(store, "p") == []
        assert not [name for name in os.listdir(home / "runs") if name.startswith(".")]
        assert not list((home / "runs").glob("*/arriving"))


def test_more_than_go_together_go_as_well(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "TOGETHER", 2)
    uids = [small(home, id).uid for id in "abcde"]
    with open_store(home) as store:
        ingest_home(store)
        assert move_runs(store, uids, MoveTo("q")) == (there(uids, "abcde"), {})
        assert names(store, "q") == ["a", "b", "c", "d", "e"]
