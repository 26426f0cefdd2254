"""The registry: versions from 1, aliases and stages with history, resolved by name."""

from __future__ import annotations

import pytest

from epochal.domain.artifact import read_model_reference, read_reference
from epochal.domain.models import ModelChanges, ModelVersionChanges, NewModel, NewModelVersion
from epochal.domain.record import ModelLink
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.store import model_versions, models
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.runs import get_run
from epochal.store.uploads import note_arrivals
from tests.store.journals import Writing
from tests.store.objects import commit, forget


@pytest.fixture
def store(home):
    """Versions v0 and v1 of an artifact ``net``, and a model ``resnet`` made from v0."""
    w = Writing(home)
    first = commit(w, {"w": b"1"}, "net", kind="model")
    w.fact(ModelLink(w.now, "resnet", "local/p/net", first.digest, ["champion"], {"k": "v"}, "d"))
    w.fact(ModelLink(w.now, "resnet", "local/p/net", first.digest, ["again"]))
    commit(w, {"w": b"2"}, "net", kind="model")
    w.finish()
    with open_store(home) as opened:
        ingest_home(opened)
        yield opened


def number(store, text):
    wanted = read_model_reference(text)
    return model_versions.resolve(store, "local", wanted.name, wanted.version).version


def second(store, **given):
    ref = read_reference("net:v1", "p")
    made = NewModelVersion("p/net:v1", **given)
    return model_versions.create_version(store, "local", "resnet", made, ref, "ann")


def test_a_link_makes_one_version_of_equal_content(store):
    detail = models.get_model(store, "local", "resnet")
    assert [row.version for row in detail.all_versions] == [1]
    row = detail.all_versions[0]
    assert (row.aliases, row.tags, row.description) == (["again", "champion"], {"k": "v"}, "d")
    assert (row.state, row.stage, row.artifact_version, row.size) == ("ready", "none", 0, 1)
    assert row.run is not None
    assert detail.aliases == {"again": 1, "champion": 1}
    assert {event.who for event in detail.events} == {"run r1"}


@pytest.mark.parametrize(
    "odd",
    [{"number": 2**63 - 1}, {"number": -1}, {"entity": "a\nb"}],
    ids=["most", "less", "name"],
)
def test_a_link_that_cannot_be_kept_costs_the_run_nothing_else(home, odd):
    w = Writing(home)
    w.fact(ModelLink(w.now, "odd", "local/p/net", "0" * 64, **odd))
    w.fact(ModelLink(w.now, "even", "local/p/net", "0" * 64, number=7))
    w.line(0, 3)
    with open_store(home) as store:
        ingest_home(store)
        detail = get_run(store, w.uid)
        assert detail.metrics[0].count == 3
        assert [event.title for event in detail.events] == ["a record could not be used"]
        versions = models.get_model(store, "local", "even").all_versions
        assert [row.version for row in versions] == [7]
        with pytest.raises(NotFound):
            models.get_model(store, "local", "odd")


def test_names_resolve(store):
    second(store, aliases=["champion"])
    for text, expected in (
        ("resnet", 2), ("models:/resnet/latest", 2), ("models:/resnet/1", 1), ("resnet/2", 2),
        ("models:/resnet@champion", 2), ("resnet@again", 1),
    ):  # fmt: skip
        assert number(store, text) == expected, text
    with pytest.raises(NotFound, match="champion"):
        number(store, "resnet@champoin")
    with pytest.raises(NotFound, match="resnet"):
        number(store, "resnt/1")
    with pytest.raises(NotFound, match="9"):
        number(store, "resnet/9")
    for bad in ("", "models:/", "a/b/c", "a/-1", "x@", "a@b/c", "resnet/v1", "../x/1"):
        with pytest.raises(InvalidInput):
            number(store, bad)


def test_every_change_leaves_an_event(store):
    """Who, what, from, to; what changes nothing leaves none."""
    second(store)

    def change(version, **given):
        changes = ModelVersionChanges(**given)
        return model_versions.update_version(store, "local", "resnet", version, changes, "ann")

    assert change(2, stage="production").stage == "production"
    change(2, stage="production")
    change(2, add_aliases=["champion"], tags={"a": "1"}, description="better")
    change(2, tags={"a": None}, remove_aliases=["champion"])
    events = models.get_model(store, "local", "resnet").events
    mine = [(e.what, e.version, e.name, e.before, e.after) for e in events if e.who == "ann"]
    assert mine[::-1] == [
        ("created", 2, "", "", "local/p/net"),
        ("stage", 2, "", "none", "production"),
        ("alias", 2, "champion", "1", "2"),
        ("description", 2, "", "", "better"),
        ("tag", 2, "a", "", "1"),
        ("alias", 2, "champion", "2", ""),
        ("tag", 2, "a", "1", ""),
    ]
    with pytest.raises(InvalidInput, match="latest"):
        change(1, add_aliases=["latest"])


def test_a_deleted_version_keeps_its_number(store):
    second(store)
    model_versions.delete_version(store, "local", "resnet", 2, "ann")
    assert number(store, "resnet") == 1
    assert second(store).version == 3
    with pytest.raises(NotFound):
        model_versions.get_version(store, "local", "resnet", 2)


def test_models_are_registered_renamed_and_forgotten(store):
    models.create_model(store, NewModel("new", description="d", tags={"t": "1"}), "ann")
    for taken in ("new", "resnet"):
        with pytest.raises(Conflict, match=taken):
            models.create_model(store, NewModel(taken), "ann")
    with pytest.raises(Conflict, match="resnet"):
        models.update_model(store, "local", "new", ModelChanges(name="resnet"), "ann")
    row = models.update_model(
        store, "local", "new", ModelChanges(name="newer", tags={"t": None}), "ann"
    )
    assert (row.name, row.tags, row.latest) == ("newer", {}, None)
    assert [m.name for m in models.list_models(store, "local", "NEW").models] == ["newer"]
    models.delete_model(store, "local", "newer")
    with pytest.raises(NotFound):
        models.get_model(store, "local", "newer")
    models.create_model(store, NewModel("empty"), "ann")
    with pytest.raises(NotFound, match="complete"):
        model_versions.resolve(store, "local", "empty", "latest")


def test_a_model_version_is_ready_when_its_artifact_is(home):
    """Its alias stays with the version before until all bytes are here, whatever came first."""
    w = Writing(home)
    first = commit(w, {"w": b"1"}, "net")
    w.fact(ModelLink(w.now, "m", "local/p/net", first.digest, ["champion"]))
    late = commit(w, {"w": b"2"}, "net")
    w.fact(ModelLink(w.now, "m", "local/p/net", late.digest, ["champion"]))
    w.fact(ModelLink(w.now, "early", "local/p/other", first.digest, ["x"]))
    commit(w, {"w": b"1"}, "other")
    absent = forget(home, late.digest)
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        assert number(store, "m@champion") == number(store, "m") == 1
        assert number(store, "early@x") == 1
        assert model_versions.get_version(store, "local", "m", 2).state == "pending"
        changes = ModelVersionChanges(add_aliases=["y"])
        with pytest.raises(Conflict, match="complete"):
            model_versions.update_version(store, "local", "m", 2, changes, "ann")
        store.blobs.put(absent[late.digest])
        note_arrivals(store, w.uid, [late.digest])
        assert number(store, "m@champion") == number(store, "m") == 2
