"""Moving a run: everything that it is stands in the other project, and nothing is ever lost."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from epochal.domain.alert import Rule, When
from epochal.domain.artifact import read_reference
from epochal.domain.moving import PARENT, MoveTo
from epochal.domain.names import run_uid
from epochal.domain.record import Event, Labels
from epochal.domain.view import RunChanges
from epochal.errors import Conflict, NotFound
from epochal.store.ingest import ingest_home
from epochal.store.lineage import version_detail
from epochal.store.moves import move_run
from epochal.store.occasions import find_occasions
from epochal.store.owner import Store, open_store
from epochal.store.runs import delete_run, get_run, list_projects, resolve_run, update_run
from tests.api.things import record_things
from tests.store.journals import Writing, lose
from tests.store.moving import labels_of, moved, picture, small


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
