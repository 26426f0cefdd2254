"""Keys that a project uses are counted once for each revision, and anew when runs change."""

from __future__ import annotations

from epochal.domain.moving import MoveTo
from epochal.domain.record import Config, Labels, Summary
from epochal.store.ingest import ingest_home
from epochal.store.moves import move_run
from epochal.store.remembered import Remembered
from epochal.store.runs import delete_run, project_keys
from tests.store.journals import Writing


def uses(store, project="p") -> dict[str, int]:
    keys = project_keys(store, "local", project)
    return {use.key: use.runs for use in keys.metrics + keys.config + keys.tags + keys.summary}


def test_every_way_to_change_them_is_seen_at_once(store):
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


def test_what_was_computed_longest_ago_is_forgotten_first():
    known: Remembered[str] = Remembered()
    for project in range(40):
        known.put(project, 1, str(project))
    assert known.get(39, 1) == "39"
    assert known.get(0, 1) is None
    assert known.get(39, 2) is None
