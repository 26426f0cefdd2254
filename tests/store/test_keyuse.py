"""Keys that a project uses: what every run has is remembered, and read again where runs change."""

from __future__ import annotations

import pytest

from epochal.domain.moving import MoveTo
from epochal.domain.record import Config, Labels, Summary
from epochal.domain.view import KeyUse, RunChanges
from epochal.store import keyuse
from epochal.store.ingest import ingest_home
from epochal.store.moves import move_run
from epochal.store.remembered import Remembered
from epochal.store.runs import delete_run, delete_runs, project_keys, update_runs
from tests.store.journals import Writing


def uses(store, project="p") -> dict[str, int]:
    keys = project_keys(store, "local", project)
    return {use.key: use.runs for use in keys.metrics + keys.config + keys.tags + keys.summary}


@pytest.mark.parametrize("most", [keyuse.MOST_KEPT, 0], ids=["remembered", "too-much"])
def test_every_way_to_change_them_is_seen_at_once(store, monkeypatch, most):
    monkeypatch.setattr(keyuse, "MOST_KEPT", most)
    first, second = Writing(store.home, "a"), Writing(store.home, "b")
    for w in (first, second):
        w.line(0, 1)
    ingest_home(store)
    assert uses(store) == {"loss": 2}
    first.fact(Config(first.now, {"lr": 1}))
    ingest_home(store)
    assert uses(store) == {"loss": 2, "lr": 1}
    second.fact(Summary(second.now, {"note": "x"}))
    second.fact(Labels(second.now, {"team": "a"}))
    ingest_home(store)
    assert uses(store) == {"loss": 2, "lr": 1, "note": 1, "team": 1}
    for w in (first, second):
        w.finish()
    ingest_home(store)
    Writing(store.home, "c", project="elsewhere").line(0, 1)
    ingest_home(store)
    assert uses(store, "elsewhere") == {"loss": 1}
    move_run(store, second.uid, MoveTo("elsewhere"))
    assert uses(store, "elsewhere") == {"loss": 2, "note": 1, "team": 1}
    delete_run(store, first.uid)
    assert uses(store) == {"loss": 1, "note": 1, "team": 1}  # What was moved is archived here.


def test_a_project_that_rests_is_not_counted_again(store, statements):
    w = Writing(store.home, "a")
    w.line(0, 1)
    ingest_home(store)
    found = uses(store)
    assert any("FROM latest" in statement for statement in statements)
    statements.clear()
    assert uses(store) == found
    assert not any("FROM latest" in statement for statement in statements)


def test_only_runs_that_changed_are_read_again(store, monkeypatch):
    """Also where thousands change what they are called; keys that they have are not names."""
    runs = [Writing(store.home, f"r{number}") for number in range(4)]
    for number, w in enumerate(runs):
        w.line(0, 1)
        w.fact(Config(w.now, {"lr": number, "sort": "a" if number else 1, "none": None}))
        w.finish()
    ingest_home(store)
    read = []
    reading = keyuse._read

    def seen(*given):
        found = reading(*given)
        read.append(len(found))
        return found

    monkeypatch.setattr(keyuse, "_read", seen)
    found = project_keys(store, "local", "p")
    assert found.config == [
        KeyUse("lr", 4, "number"), KeyUse("none", 4, "text"), KeyUse("sort", 4, "mixed")
    ]  # fmt: skip
    update_runs(store, [runs[1].uid, runs[2].uid], RunChanges(add_tags=["x"]))
    assert project_keys(store, "local", "p") == found
    late = Writing(store.home, "late")
    late.fact(Summary(late.now, {"best": 1.0}))
    ingest_home(store)
    assert project_keys(store, "local", "p").summary == [KeyUse("best", 1, "number")]
    assert read == [4, 2, 1]


def test_runs_that_are_gone_are_not_counted_where_others_came(store):
    """As many as there were, with the row ids that are free again."""
    first = [Writing(store.home, id) for id in "ab"]
    for w in first:
        w.fact(Config(w.now, {"old": 1}))
        w.finish()
    ingest_home(store)
    assert uses(store) == {"old": 2}
    assert delete_runs(store, [first[1].uid]) == {}
    w = Writing(store.home, "c")
    w.fact(Config(w.now, {"new": 1}))
    w.finish()
    ingest_home(store)
    assert uses(store) == {"old": 1, "new": 1}
    assert delete_runs(store, [first[0].uid]) == {}
    assert uses(store) == {"new": 1}


def test_what_was_computed_longest_ago_is_forgotten_first():
    known: Remembered[str] = Remembered()
    for project in range(40):
        known.put(project, 1, str(project))
    assert known.get(39, 1) == "39"
    assert known.get(0, 1) is None
    assert known.get(39, 2) is None
    assert known.last(39) == (1, "39")
    assert known.last(0) is None
