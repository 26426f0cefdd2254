"""Many runs at once: changed or deleted together, those that refuse told and left as they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from epochal.domain.names import run_uid
from epochal.domain.view import RunChanges, RunQuery, RunRow
from epochal.errors import Conflict, InvalidInput, NotFound, StorageFull
from epochal.store import archived
from epochal.store.durable import Disk
from epochal.store.enroll import last_revision
from epochal.store.facts import MAX_TAGS
from epochal.store.ingest import ingest_home
from epochal.store.owner import Store
from epochal.store.preferences import name_of_run, read_preference, write_preference
from epochal.store.runs import delete_runs, get_run, list_projects, update_run, update_runs
from epochal.store.search import query_runs
from tests.store.journals import Writing
from tests.store.objects import commit

NOBODY = "0" * 32


def filled(store: Store, *names: str, project: str = "p") -> list[str]:
    for name in names:
        w = Writing(store.home, name, project=project)
        w.line(0, 3)
        w.finish()
    ingest_home(store)
    store.take_news()
    return [run_uid("local", project, name) for name in names]


def rows(store: Store) -> dict[str, RunRow]:
    return {row.id: row for row in query_runs(store, RunQuery("p", archived=True)).runs}


def marked(store: Store, uids: list[str]) -> list[bool]:
    return [archived.is_marked(store.home / "runs" / uid) for uid in uids]


def commits(store: Store) -> int:
    """The revision: one for each transaction that changes runs."""
    with store.database.read() as connection:
        return last_revision(connection)


def test_all_change_in_one_transaction_and_each_is_announced(store: Store) -> None:
    uids = filled(store, "a", "b", "c")
    update_run(store, uids[1], RunChanges(tags=["old", "mine"]))
    store.take_news()
    heard: list[tuple[str, bool | None]] = []
    store.changed.append(lambda row, changes: heard.append((row.uid, changes.archived)))
    before = commits(store)
    wish = RunChanges(archived=True, add_tags=["new"], remove_tags=["old"])
    assert update_runs(store, [*uids[:2], uids[0]], wish) == {}
    assert commits(store) == before + 1
    found = rows(store)
    assert [found[id].archived for id in "abc"] == [True, True, False]
    assert [found[id].tags for id in "abc"] == [["new"], ["mine", "new"], []]
    assert marked(store, uids) == [True, True, False]
    news = store.take_news()
    assert [(change.uid, change.what) for change in news] == [(uid, ["facts"]) for uid in uids[:2]]
    assert {change.rev for change in news} == {before + 1}
    assert heard == [(uid, True) for uid in uids[:2]]
    assert update_runs(store, uids, RunChanges(archived=False)) == {}
    assert marked(store, uids) == [False, False, False]


def test_runs_that_refuse_are_told_and_keep_no_other_from_changing(store: Store) -> None:
    uids = filled(store, "a", "b", "c")
    update_run(store, uids[1], RunChanges(tags=[f"t{i}" for i in range(MAX_TAGS)]))
    update_run(store, uids[2], RunChanges(notes="theirs"))
    wish = RunChanges(notes="mine", notes_were="", add_tags=["one more"])
    refused = update_runs(store, [NOBODY, "../..", *uids], wish)
    kinds = {uid: type(error) for uid, error in refused.items()}
    assert kinds == {
        NOBODY: NotFound,
        "../..": InvalidInput,
        uids[1]: InvalidInput,
        uids[2]: Conflict,
    }
    assert "1001" in refused[uids[1]].message
    found = rows(store)
    assert [found[id].notes for id in "abc"] == ["mine", "", "theirs"]
    assert [len(found[id].tags) for id in "abc"] == [1, MAX_TAGS, 0]


def test_what_no_run_can_have_changes_none(store: Store) -> None:
    uids = filled(store, "a", "b")
    for wish in (RunChanges(color=-1, name="x"), RunChanges(tags=[], add_tags=["x"], name="x")):
        with pytest.raises(InvalidInput):
            update_runs(store, uids, wish)
    assert {row.name for row in rows(store).values()} == {"a", "b"}
    assert store.take_news() == []


def test_runs_that_have_the_tags_already_are_done_without_a_change(store: Store) -> None:
    uids = filled(store, "a", "b")
    update_run(store, uids[0], RunChanges(tags=["x"]))
    store.take_news()
    assert update_runs(store, uids, RunChanges(add_tags=["x"])) == {}
    assert [change.uid for change in store.take_news()] == uids[1:]


class Full(Disk):
    """Makes three files, then there is no room."""

    made = 0

    def create(self, path: Path) -> int:
        self.made += 1
        if self.made > 3:
            raise OSError(28, os.strerror(28))
        return super().create(path)


def test_a_full_disk_archives_none_and_leaves_no_mark(store: Store) -> None:
    """Else a database that is made anew would archive some of them."""
    uids = filled(store, *"abcdef")
    update_run(store, uids[5], RunChanges(archived=True))
    store.disk = Full()
    with pytest.raises(StorageFull):
        update_runs(store, uids, RunChanges(archived=True))
    assert [rows(store)[id].archived for id in "abcdef"] == [False] * 5 + [True]
    assert marked(store, uids) == [False] * 5 + [True]
    store.disk = Disk()
    assert update_runs(store, uids, RunChanges(archived=True)) == {}
    assert all(marked(store, uids))


def test_many_runs_go_for_good_and_what_refuses_stays(store: Store) -> None:
    uids = filled(store, "a", "b", "c")
    other = filled(store, "x", project="q")
    busy = Writing(store.home, "busy")
    busy.line(0, 2)
    ingest_home(store)
    store.take_news()
    write_preference(store, "local", "p", name_of_run("off", uids[0]), b"1")
    write_preference(store, "local", "p", name_of_run("off", uids[2]), b"1")
    refused = delete_runs(store, [uids[0], NOBODY, busy.uid, uids[1], other[0], ".."])
    kinds = {uid: type(error) for uid, error in refused.items()}
    assert kinds == {NOBODY: NotFound, busy.uid: Conflict, "..": InvalidInput}
    assert sorted(rows(store)) == ["busy", "c"]
    assert [row.name for row in list_projects(store)] == ["p"]
    news = store.take_news()
    assert [(change.uid, change.what) for change in news] == [
        (uid, ["deleted"]) for uid in (uids[0], uids[1], other[0])
    ]
    assert sorted(path.name for path in (store.home / "runs").iterdir()) == sorted(
        [uids[2], busy.uid]
    )
    assert read_preference(store, "local", "p", name_of_run("off", uids[0])) is None
    assert read_preference(store, "local", "p", name_of_run("off", uids[2])) == b"1"
    busy.finish()


def test_versions_of_runs_that_went_together_survive_the_database(store: Store) -> None:
    uids = []
    for name in "ab":
        w = Writing(store.home, name)
        commit(w, {"w": name.encode()}, f"data-{name}")
        w.finish()
        uids.append(w.uid)
    filled(store, "c")
    ingest_home(store)
    assert delete_runs(store, [*uids, run_uid("local", "p", "c")]) == {}
    kept = sorted(path.name for path in (store.home / "kept").iterdir())
    assert kept == sorted(f"{uid}.records" for uid in uids)
    with pytest.raises(NotFound):
        get_run(store, uids[0])


def test_files_that_cannot_be_taken_away_keep_their_run(store: Store, monkeypatch: Any) -> None:
    uids = filled(store, "a", "b")
    rename = os.rename

    def stubborn(source: Any, target: Any) -> None:
        if Path(source).name == uids[0]:
            raise PermissionError(13, "Permission denied")
        rename(source, target)

    monkeypatch.setattr(os, "rename", stubborn)
    refused = delete_runs(store, uids)
    assert list(refused) == uids[:1]
    assert "Permission denied" in refused[uids[0]].message
    assert list(rows(store)) == ["a"]
