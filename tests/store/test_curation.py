"""What people do to artifacts: move aliases, describe, rename and delete; what is in use stays."""

from __future__ import annotations

import pytest

from epochal.domain.objects import ArtifactChanges, VersionChanges
from epochal.domain.record import ArtifactUse, ModelLink
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.store import artifacts, curation, model_versions, models
from epochal.store.ingest import ingest_home
from epochal.store.lineage import version_detail
from epochal.store.owner import open_store
from epochal.store.recover import rebuild
from epochal.store.runs import delete_run, get_run
from tests.store.journals import Writing
from tests.store.objects import commit, ref, shown


def test_people_move_aliases_and_describe(home):
    """An alias is on one version only; ``latest`` cannot be taken."""
    w = Writing(home)
    commit(w, {"a": b"1"}, aliases=["best"], ttl_s=60)
    commit(w, {"a": b"2"})
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        changes = VersionChanges(
            add_aliases=["best"],
            tags=["t"],
            metadata={"x": float("nan")},
            description="d",
            ttl_s=9,
        )
        row = curation.update_version(store, ref("data:v1"), changes)
        assert (row.aliases, row.tags, row.description) == (["best", "latest"], ["t"], "d")
        assert row.expires_us == row.created_us + 9_000_000
        assert artifacts.get_version(store, ref("data:v0")).aliases == []
        changes = VersionChanges(aliases=["z"], ttl_s=0)
        row = curation.update_version(store, ref("data:v0"), changes)
        assert (row.aliases, row.expires_us) == (["z"], None)
        row = curation.update_version(store, ref("data:v0"), VersionChanges(remove_aliases=["z"]))
        assert row.aliases == []
        with pytest.raises(InvalidInput, match="latest"):
            curation.update_version(store, ref("data:v0"), VersionChanges(aliases=["latest"]))
        owner = curation.update_artifact(store, ref("data"), ArtifactChanges(description="all"))
        assert owner.description == "all"


def test_a_deleted_version_keeps_its_number_and_latest_falls_back(home):
    w = Writing(home)
    commit(w, {"a": b"1"}, aliases=["keep"])
    commit(w, {"a": b"2"})
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        with pytest.raises(Conflict, match="keep"):
            curation.delete_version(store, ref("data:v0"))
        curation.delete_version(store, ref("data:v1"))
        assert shown(store) == [(0, "committed", ["keep", "latest"])]
        with pytest.raises(NotFound, match="deleted"):
            artifacts.get_version(store, ref("data:v1"))
        w2 = Writing(home, "r2", second=9)
        commit(w2, {"a": b"2"})
        w2.finish()
        ingest_home(store)
        assert [row[0] for row in shown(store)] == [0, 2]
        curation.delete_version(store, ref("data:v0"), force=True)
        curation.delete_artifact(store, ref("data"))
        assert artifacts.list_artifacts(store, "local", None, None, None).artifacts == []


def test_a_run_is_deleted_with_the_versions_that_it_alone_made(home):
    """One that another run made as well stays with its aliases."""
    first, second = Writing(home, "first"), Writing(home, "second", second=1)
    commit(first, {"a": b"1"}, aliases=["keep"])
    commit(second, {"a": b"1"})
    commit(second, {"a": b"2"})
    first.finish()
    second.finish()
    with open_store(home) as store:
        ingest_home(store)
        delete_run(store, second.uid, versions=True)
        assert shown(store) == [(0, "committed", ["keep", "latest"])]
        delete_run(store, first.uid, versions=True)
        assert shown(store) == []


def test_where_a_model_stands_on_a_version_nothing_of_the_run_is_deleted(home):
    w = Writing(home)
    commit(w, {"a": b"1"})
    manifest = commit(w, {"a": b"2"})
    commit(w, {"a": b"3"})
    w.fact(ModelLink(w.now, "net", "local/p/data", manifest.digest))
    w.journal.sync()
    with open_store(home) as store:
        ingest_home(store)
        before = shown(store)
        with pytest.raises(Conflict, match="living process"):
            delete_run(store, w.uid, versions=True)
        assert shown(store) == before
        w.finish()
        ingest_home(store)
        with pytest.raises(Conflict, match="net"):
            delete_run(store, w.uid, versions=True)
        assert (shown(store), get_run(store, w.uid).id) == (before, "r1")


def test_what_a_model_stands_on_is_not_deleted(home):
    w = Writing(home)
    manifest = commit(w, {"a": b"1"})
    w.fact(ModelLink(w.now, "net", "local/p/data", manifest.digest))
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        for delete in (curation.delete_version, curation.delete_artifact):
            with pytest.raises(Conflict, match="net"):
                delete(store, ref("data"))
        models.delete_model(store, "local", "net")
        curation.delete_artifact(store, ref("data"))


def test_a_renamed_artifact_takes_its_uses_and_models_along(home):
    """Records that come later under the former name mean it, and a rebuilt database knows it."""
    w = Writing(home)
    manifest = commit(w, {"f": b"1"}, "net", step=7)
    w.fact(ModelLink(w.now, "resnet", "local/p/net", manifest.digest))
    w.finish()
    reader = Writing(home, "reader", second=1)
    reader.fact(ArtifactUse(reader.now, "local/p/net", manifest.digest, 0))
    changes = ArtifactChanges(name="weights", type="model", tags=["a"], description="d")

    def seen(store):
        detail = version_detail(store, ref("weights"))
        (row,) = artifacts.list_artifacts(store, "local", "p", None, None).artifacts
        return (
            sorted(use.run.id for use in detail.users), [one.model for one in detail.models],
            version_detail(store, ref("net:v0")).path, detail.step,
            (row.name, row.type, row.tags, row.description),
            model_versions.get_version(store, "local", "resnet", 1).artifact,
        )  # fmt: skip

    with open_store(home) as store:
        ingest_home(store)
        assert curation.update_artifact(store, ref("net"), changes).path == "local/p/weights"
        late = Writing(home, "late", second=2)
        late.fact(ArtifactUse(late.now, "local/p/net", manifest.digest, 0))
        late.fact(ModelLink(late.now, "other", "local/p/net", manifest.digest))
        late.finish()
        reader.finish()
        ingest_home(store)
        expected = seen(store)
    assert expected == (
        ["late", "reader"], ["other", "resnet"], "local/p/weights:v0", 7,
        ("weights", "model", ["a"], "d"), "local/p/weights",
    )  # fmt: skip
    assert rebuild(home).problems == []
    with open_store(home) as store:
        assert seen(store) == expected


def test_a_name_that_is_taken_is_refused_and_a_former_one_is_free(home):
    w = Writing(home)
    commit(w, {"f": b"1"}, "one")
    commit(w, {"f": b"2"}, "two")
    with open_store(home) as store:
        ingest_home(store)
        with pytest.raises(Conflict, match="'two'"):
            curation.update_artifact(store, ref("one"), ArtifactChanges(name="two"))
        curation.update_artifact(store, ref("one"), ArtifactChanges(name="three"))
        curation.update_artifact(store, ref("two"), ArtifactChanges(name="one"))
        assert artifacts.get_version(store, ref("one")).path == "local/p/one:v0"
        assert artifacts.get_version(store, ref("two")).path == "local/p/one:v0"
        assert artifacts.get_version(store, ref("three")).path == "local/p/three:v0"
        curation.update_artifact(store, ref("three"), ArtifactChanges(name="two"))
        assert artifacts.get_version(store, ref("two")).path == "local/p/two:v0"
        commit(w, {"f": b"3"}, "three")
        w.finish()
        ingest_home(store)
        assert artifacts.get_version(store, ref("three")).path == "local/p/three:v0"
        curation.delete_artifact(store, ref("two"))
        with pytest.raises(NotFound):
            artifacts.get_version(store, ref("two"))
