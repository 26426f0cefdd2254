"""What foreign clients said of experiments outlives the database."""

from __future__ import annotations

import pytest

from epochal.store import experiments
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.recover import rebuild
from epochal.store.runs import get_run
from tests.store.journals import Writing, lose


@pytest.mark.parametrize("lost", [rebuild, lose], ids=["rebuild", "lose"])
def test_names_tags_and_deletions_come_back(home, lost):
    """Also of experiments without runs; runs of a deleted one are archived again."""
    gone = Writing(home, "g", project="gone")
    kept = Writing(home, "k", project="kept")
    for writer in (gone, kept):
        writer.finish()
    with open_store(home) as store:
        ingest_home(store)
        empty = experiments.create_experiment(store, "empty", {"a": "1", "b": "2"})
        experiments.tag_experiment(store, empty.id, {"a": "x\ud800"}, removed=("b",))
        ids = {one.name: one.id for one in experiments.list_experiments(store)}
        experiments.rename_experiment(store, ids["kept"], "another name")
        experiments.archive_experiment(store, ids["gone"], deleted=True)
        before = experiments.list_experiments(store)
        assert {one.name: one.tags for one in before}["empty"].keys() == {"a"}
    for _ in range(2):
        lost(home)
        with open_store(home) as store:
            ingest_home(store)
            told = {one.id: one for one in experiments.list_experiments(store)}
            assert told == {one.id: one for one in before}
            assert get_run(store, gone.uid).archived
            assert not get_run(store, kept.uid).archived


def test_a_damaged_file_costs_no_other_experiment(home):
    with open_store(home) as store:
        experiments.create_experiment(store, "one", {})
        experiments.create_experiment(store, "two", {})
    files = sorted((home / "kept").glob("*.experiment"))
    assert len(files) == 2
    files[0].write_bytes(b"none")
    assert len(rebuild(home).problems) == 1
    with open_store(home) as store:
        names = {found.name for found in experiments.list_experiments(store)}
        assert len(names & {"one", "two"}) == 1
