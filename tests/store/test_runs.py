"""Single runs, projects and their keys.

Reading, changing, deleting, and words for what is not there.
"""

from __future__ import annotations

import pytest

from epochal.domain.record import Config, Definition, Labels, Summary
from epochal.domain.run import RunState
from epochal.domain.view import RunChanges, RunQuery
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.store.ingest import ingest_home
from epochal.store.runs import (
    delete_run,
    get_run,
    list_projects,
    project_keys,
    resolve_run,
    resume_state,
    update_run,
)
from epochal.store.search import query_runs
from tests.store.journals import Writing


def finished(store, *args, **more) -> Writing:
    w = Writing(store.home, *args, **more)
    w.line(0, 3)
    w.finish()
    return w


def test_projects_count_their_runs_and_the_newest_activity_comes_first(store):
    finished(store, "a", project="old", second=0)
    finished(store, "a", project="new", second=100)
    Writing(store.home, "b", project="old", second=10)
    ingest_home(store)
    rows = list_projects(store)
    assert [(row.name, row.runs, row.running) for row in rows] == [("new", 1, 0), ("old", 2, 1)]


def test_runs_of_a_project_are_colored_in_the_order_they_were_seen(store):
    for name in "abc":
        finished(store, name)
        ingest_home(store)
    page = query_runs(store, RunQuery("p", order=["color"]))
    assert [(row.id, row.color) for row in page.runs] == [("a", 0), ("b", 1), ("c", 2)]


def test_keys_of_a_project_come_with_their_kind_and_use(store):
    for name, lr in (("a", 0.1), ("b", "high")):
        w = Writing(store.home, name)
        w.fact(Config(w.now, {"lr": lr, "n": 1, "deep": {"s": "x"}}))
        w.fact(Summary(w.now, {"note": "x", "loss": 1}))
        w.fact(Labels(w.now, {"team": "a", "$client": "mlflow"}))
        w.line(0, 1)
    ingest_home(store)
    keys = project_keys(store, "local", "p")
    assert [(k.key, k.runs) for k in keys.metrics] == [("loss", 2)]
    assert [(k.key, k.runs, k.kind) for k in keys.config] == [
        ("deep.s", 2, "text"), ("lr", 2, "mixed"), ("n", 2, "number"),
    ]  # fmt: skip
    assert [(k.key, k.kind) for k in keys.summary] == [("note", "text")]
    assert [(k.key, k.runs) for k in keys.tags] == [("team", 2)]
    with pytest.raises(NotFound, match="did you mean 'p'"):
        project_keys(store, "local", "pp")


def test_the_newest_word_of_a_project_about_an_axis_counts(store):
    for second, axis in enumerate(("epoch", "batch", None)):
        w = Writing(store.home, f"r{second}", second=second)
        w.fact(Definition(w.now, "val/*", axis))
        w.fact(Definition(w.now, "lr", None, ["min"]))
        w.line(0, 1)
    w = Writing(store.home, "elsewhere", project="other")
    w.fact(Definition(w.now, "train/*", "epoch"))
    w.line(0, 1)
    ingest_home(store)
    assert project_keys(store, "local", "p").axes == {"val/*": "batch"}


def test_a_run_is_found_by_its_id_or_a_similar_one_is_named(store):
    w = finished(store, "baseline")
    ingest_home(store)
    assert resolve_run(store, "local", "p", "baseline") == w.uid
    with pytest.raises(NotFound, match="did you mean 'baseline'"):
        resolve_run(store, "local", "p", "basline")
    with pytest.raises(NotFound, match="no project"):
        resolve_run(store, "someone", "p", "baseline")
    with pytest.raises(NotFound):
        get_run(store, "0" * 32)


def test_attributes_change_and_the_rest_stays(store):
    w = finished(store)
    ingest_home(store)
    before = get_run(store, w.uid)
    row = update_run(
        store,
        w.uid,
        RunChanges(name=" New ", tags=["x", "y", "x"], notes="n\0", group="", color=7),
    )
    assert (row.name, row.tags, row.notes, row.group, row.color) == (
        "New",
        ["x", "y"],
        "n\ufffd",
        "",
        7,
    )
    assert (row.state, row.created_us) == (before.state, before.created_us)
    assert query_runs(store, RunQuery("p", where='"y" in tags')).matched == 1
    update_run(store, w.uid, RunChanges(tags=[]))
    assert query_runs(store, RunQuery("p", where='"y" in tags')).matched == 0


def test_notes_that_somebody_else_changed_are_not_written_over(store):
    """Whoever says what they were is refused when they are not that."""
    w = Writing(store.home)
    ingest_home(store)
    update_run(store, w.uid, RunChanges(notes="mine", notes_were=""))
    with pytest.raises(Conflict, match="somebody changed the notes"):
        update_run(store, w.uid, RunChanges(notes="theirs", name="new", notes_were=""))
    assert (found := get_run(store, w.uid)).notes == "mine"
    assert found.name != "new"


def test_a_name_that_somebody_else_gave_is_not_written_over(store):
    """As with notes; the refusal tells what the run is called by now."""
    w = Writing(store.home)
    ingest_home(store)
    before = get_run(store, w.uid).name
    update_run(store, w.uid, RunChanges(name="mine", name_were=before))
    with pytest.raises(Conflict, match="somebody renamed the run to 'mine'"):
        update_run(store, w.uid, RunChanges(name="theirs", notes="n", name_were=before))
    assert (get_run(store, w.uid).name, get_run(store, w.uid).notes) == ("mine", "")


def test_tags_that_two_people_add_are_all_there(store):
    """Each says what to add or to take away, and knows nothing of the other."""
    w = Writing(store.home)
    ingest_home(store)
    update_run(store, w.uid, RunChanges(tags=["old", "stays"]))
    update_run(store, w.uid, RunChanges(add_tags=["mine", "stays"]))
    update_run(store, w.uid, RunChanges(add_tags=["theirs"], remove_tags=["old", "unknown"]))
    assert get_run(store, w.uid).tags == ["stays", "mine", "theirs"]
    assert query_runs(store, RunQuery("p", where='"old" in tags')).matched == 0
    same = update_run(store, w.uid, RunChanges(add_tags=["mine"]))
    assert same.tags == ["stays", "mine", "theirs"]
    with pytest.raises(InvalidInput, match="send either it"):
        update_run(store, w.uid, RunChanges(tags=[], add_tags=["x"]))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * 257},
        {"name": "a\nb"},
        {"tags": [""]},
        {"tags": ["x"] * 1001},
        {"notes": "x" * 70_000},
        {"color": -1},
        {"group": "\x00"},
    ],
)
def test_an_attribute_that_cannot_be_is_refused_and_changes_nothing(store, changes):
    w = finished(store)
    ingest_home(store)
    before = get_run(store, w.uid)
    with pytest.raises(InvalidInput):
        update_run(store, w.uid, RunChanges(**{"job_type": "changed", **changes}))
    assert get_run(store, w.uid) == before


def test_resume_state_tells_what_a_new_writer_needs(store):
    w = Writing(store.home)
    w.fact(Config(w.now, {"lr": 0.1}))
    w.line(0, 5)
    ingest_home(store)
    state = resume_state(store, w.uid)
    assert (state.exists, state.state, state.last_step, state.config) == (
        True,
        RunState.RUNNING,
        4,
        {"lr": 0.1},
    )
    assert state.summary == {"loss": 0.5}
    assert resume_state(store, "0" * 32).exists is False


def test_a_deleted_run_is_gone_with_its_files_and_others_stay(store):
    w, other = finished(store, "a"), finished(store, "b")
    ingest_home(store)
    delete_run(store, w.uid)
    assert not w.directory.exists()
    with pytest.raises(NotFound):
        get_run(store, w.uid)
    assert get_run(store, other.uid).metrics[0].count == 3
    ingest_home(store)
    assert query_runs(store, RunQuery("p")).total == 1
    delete_run(store, other.uid)
    assert list_projects(store) == []
    with store.database.read() as connection:
        for table in ("run", "journal", "segment", "latest", "param", "tag", "console", "project"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0, (
                table
            )


def test_a_run_that_is_being_written_is_not_deleted(store):
    w = Writing(store.home)
    w.line(0, 3)
    ingest_home(store)
    with pytest.raises(Conflict, match="stop it first"):
        delete_run(store, w.uid)
    assert get_run(store, w.uid).metrics[0].count == 3
    w.die()
    delete_run(store, w.uid)
    with pytest.raises(InvalidInput):
        delete_run(store, "../..")


def test_names_that_look_like_code_or_paths_are_only_names(store):
    for name in ("'; DROP TABLE run; --", "..", "<script>", "é\u202e", "%_"):
        w = Writing(store.home, name, project=name, entity=name)
        w.fact(Config(w.now, {name: name}))
        w.row(0, **{name: 1.0})
        w.finish()
    assert ingest_home(store).problems == []
    for row in list_projects(store):
        page = query_runs(store, RunQuery(row.name, entity=row.entity))
        assert [run.id for run in page.runs] == [row.name]
    assert len(list_projects(store)) == 5
