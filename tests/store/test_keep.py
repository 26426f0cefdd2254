"""Model versions that people and foreign clients register survive the loss of the database."""

from __future__ import annotations

from epochal.domain.artifact import read_reference
from epochal.domain.models import ModelChanges, NewModel, NewModelVersion
from epochal.store import model_versions, models
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.recover import rebuild
from epochal.store.runs import delete_run
from tests.store.journals import Writing
from tests.store.objects import commit


def register(store, name, reference, **given):
    made = NewModelVersion(f"p/{reference}", **given)
    ref = read_reference(reference, "p")
    return model_versions.create_version(store, "local", name, made, ref, "ann", fresh=True)


def told(store, name):
    """Number, digest, tags, aliases and description of each version."""
    rows = models.get_model(store, "local", name).all_versions
    return {
        row.version: (row.digest, row.tags, row.aliases, row.description, row.state, row.run)
        for row in rows
    }


def test_registered_versions_come_back_with_their_numbers(home):
    """With the same content twice, another name, a version deleted and the run deleted."""
    w = Writing(home)
    commit(w, {"w": b"1"}, "net", kind="model")
    commit(w, {"w": b"2"}, "net", kind="model")
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        models.create_model(store, NewModel("first"), "ann")
        register(store, "first", "net:v0", tags={"k": "v"}, description="one")
        register(store, "first", "net:v0", aliases=["gone"])
        register(store, "first", "net:v1", aliases=["champion"])
        model_versions.delete_version(store, "local", "first", 2, "ann")
        models.update_model(store, "local", "first", ModelChanges(name="second"), "ann")
        models.create_model(store, NewModel("forgotten"), "ann")
        register(store, "forgotten", "net:v1")
        models.delete_model(store, "local", "forgotten")
        delete_run(store, w.uid)
        before = told(store, "second")
        assert sorted(before) == [1, 3]
    report = rebuild(home)
    assert report.problems == []
    with open_store(home) as store:
        assert told(store, "second") == before
        assert [row.name for row in models.list_models(store, "local", None).models] == ["second"]
        assert register(store, "second", "net:v1").version == 4


def test_a_version_that_was_there_already_is_written_down_once(home):
    w = Writing(home)
    commit(w, {"w": b"1"}, "net", kind="model")
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        models.create_model(store, NewModel("m"), "ann")
        ref, given = read_reference("net:v0", "p"), NewModelVersion("p/net:v0")
        for _ in range(3):
            model_versions.create_version(store, "local", "m", given, ref, "ann")
        assert len(list((home / "kept").glob("*.records"))) == 1
        assert sorted(told(store, "m")) == [1]
