"""What people say of registered models survives the loss of the database."""

from __future__ import annotations

import pytest

from epochal.domain.artifact import read_reference
from epochal.domain.models import ModelChanges, ModelVersionChanges, NewModel, NewModelVersion
from epochal.domain.record import ModelLink
from epochal.errors import NotFound
from epochal.store import model_versions, models
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.recover import rebuild
from tests.store.journals import Writing, lose
from tests.store.objects import commit

SAID = ("description", "tags", "aliases", "latest", "created_us", "updated_us", "stages")
STANDS = (
    "version", "state", "stage", "aliases", "tags", "description", "artifact", "digest",
    "created_us", "updated_us", "run",
)  # fmt: skip


def link(w, name, manifest, **given):
    """A run registers a version of ``net``."""
    w.now += 1000
    w.fact(ModelLink(w.now, name, "local/p/net", manifest.digest, **given))


def register(store, name, reference, **given):
    made = NewModelVersion(f"p/{reference}", **given)
    ref = read_reference(reference, "p")
    return model_versions.create_version(store, "local", name, made, ref, "ann", fresh=True)


def change(store, name, number, **changes):
    model_versions.update_version(
        store, "local", name, number, ModelVersionChanges(**changes), "ann"
    )


def told(store):
    """Everything that is said of every model."""
    found = {}
    for one in models.list_models(store, "local", None).models:
        detail = models.get_model(store, "local", one.name)
        versions = sorted(detail.all_versions, key=lambda row: row.version)
        found[one.name] = (
            [getattr(one, name) for name in SAID],
            [[getattr(row, name) for name in STANDS] for row in versions],
        )
    return found


@pytest.fixture
def written(home):
    """A model of a run's journal and others of people, after much was said of them."""
    w = Writing(home)
    made = commit(w, {"w": b"1"}, "net", kind="model")
    link(w, "logged", made, aliases=["best"])
    made = commit(w, {"w": b"2"}, "net", kind="model")
    link(w, "logged", made, aliases=["best"])
    made = commit(w, {"w": b"3"}, "net", kind="model")
    link(w, "logged", made)
    link(w, "dropped", made)
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        change(store, "logged", 1, add_aliases=["champion", "best"], stage="production")
        change(store, "logged", 1, tags={"a": "1", "b": "2"}, description="the first")
        change(store, "logged", 1, tags={"b": None}, remove_aliases=["champion"])
        model_versions.delete_version(store, "local", "logged", 2, "ann")
        models.delete_model(store, "local", "dropped")
        models.create_model(store, NewModel("empty", description="none yet", tags={"t": "v"}), "a")
        models.create_model(store, NewModel("first"), "ann")
        register(store, "first", "net:v0", tags={"k": "v"}, aliases=["old"])
        register(store, "first", "net:v1")
        change(store, "first", 2, add_aliases=["old"], stage="staging", tags={"k": "w"})
        models.update_model(store, "local", "first", ModelChanges(name="second"), "ann")
        models.update_model(store, "local", "second", ModelChanges(description="renamed"), "ann")
        model_versions.delete_version(store, "local", "second", 1, "ann")
    return home


@pytest.mark.parametrize("lost", [rebuild, lose], ids=["rebuild", "lose"])
def test_aliases_stages_tags_and_deletions_come_back(written, lost):
    with open_store(written) as store:
        before = told(store)
    assert sorted(before) == ["empty", "logged", "second"]
    for _ in range(2):
        lost(written)
        with open_store(written) as store:
            assert told(store) == before
    with open_store(written) as store:
        assert register(store, "second", "net:v2").version == 3
        assert register(store, "logged", "net:v2").version == 4


def test_what_came_after_a_change_stays(written):
    """A run that registers later, from a journal that only the next server sees."""
    with open_store(written) as store:
        change(store, "logged", 3, add_aliases=["best", "mine"])
    w = Writing(written)
    made = commit(w, {"w": b"4"}, "net", kind="model")
    link(w, "logged", made, aliases=["late"])
    w.finish()
    with open_store(written) as store:
        ingest_home(store)
        before = told(store)["logged"]
    assert before[0][2] == {"best": 3, "late": 4, "mine": 3}
    rebuild(written)
    with open_store(written) as store:
        after = told(store)["logged"]
    assert after[1] == before[1]
    assert after[0][:4] == before[0][:4]


def test_a_damaged_book_costs_no_model(written):
    """The versions come back from their records, and the damage is told."""
    for path in (written / "kept").glob("*.model"):
        path.write_bytes(b"no book")
    assert rebuild(written).problems
    with open_store(written) as store:
        assert model_versions.get_version(store, "local", "logged", 1).aliases == []
        with pytest.raises(NotFound):
            models.get_model(store, "local", "empty")
