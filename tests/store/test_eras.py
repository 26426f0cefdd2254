"""Versions of artifacts that were renamed or retyped come back as they were."""

from __future__ import annotations

import itertools
import os

import msgspec
import pytest

from epochal.domain.artifact import read_reference
from epochal.domain.objects import ArtifactChanges
from epochal.domain.record import ArtifactUse, ModelLink
from epochal.errors import EpochalError, NotFound
from epochal.store import artifacts, curation, model_versions
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.recover import rebuild
from epochal.store.runs import delete_run
from tests.store.journals import START, Writing, lose
from tests.store.objects import commit


def ref(text: str):
    return read_reference(text, "p")


class Told:
    """A home in which single runs log versions, in the order of their times."""

    def __init__(self, home) -> None:
        self.home = home
        self.runs = 0

    def log(self, name: str, content: bytes, kind: str = "dataset", *, used: bool = False) -> str:
        """One more run logs one version; returns its uid."""
        self.runs += 1
        w = Writing(self.home, f"r{self.runs}", second=self.runs * 10)
        manifest = commit(w, {"f": content}, name, kind=kind)
        if used:
            w.fact(ArtifactUse(w.now, f"local/p/{name}", manifest.digest))
            w.fact(ModelLink(w.now, f"of {name}", f"local/p/{name}", manifest.digest))
        w.finish()
        with open_store(self.home) as store:
            ingest_home(store)
        return w.uid

    def change(self, name: str, /, **changes) -> None:
        with open_store(self.home) as store:
            curation.update_artifact(store, ref(name), ArtifactChanges(**changes))

    def seen(self, *names: str):
        """Versions of every artifact, and where names lead."""
        with open_store(self.home) as store:
            listed = artifacts.list_artifacts(store, "local", "p", None, None).artifacts
            found = {
                (row.name, row.type): [
                    (one.version, one.digest, one.state, one.aliases)
                    for one in artifacts.list_versions(store, ref(row.name), 100, 0).versions
                ]
                for row in listed
            }
            return found, {name: lead(store, name) for name in names}

    def comes_back(self, how, *names: str):
        """Loses the database, twice; returns what was and is there."""
        before = self.seen(*names)
        for _ in range(2):
            if how == "lost":
                lose(self.home)
            else:
                assert rebuild(self.home).problems == []
            assert self.seen(*names) == before
        return before


def lead(store, name: str) -> str | None:
    try:
        return artifacts.get_version(store, ref(name)).path
    except EpochalError:
        return None


both = pytest.mark.parametrize("how", ["lost", "rebuilt"])


@both
def test_versions_under_the_new_name_count_on(home, how):
    told = Told(home)
    told.log("a", b"1", used=True)
    told.log("a", b"2")
    told.change("a", name="b", tags=["x"])
    told.log("b", b"3", used=True)
    found, leads = told.comes_back(how, "a", "b:v0", "b:v2")
    assert [one[0] for one in found["b", "dataset"]] == [2, 1, 0]
    assert leads == {"a": "local/p/b:v2", "b:v0": "local/p/b:v0", "b:v2": "local/p/b:v2"}
    with open_store(home) as store:
        for name in ("of a", "of b"):
            version = model_versions.get_version(store, "local", name, 1)
            assert (version.artifact, version.state) == ("local/p/b", "ready")


@both
def test_a_script_that_logs_on_under_the_former_name_makes_another_artifact(home, how):
    told = Told(home)
    told.log("a", b"1")
    told.change("a", name="b")
    told.log("a", b"1")
    told.log("a", b"2")
    told.log("b", b"3")
    found, leads = told.comes_back(how, "a", "b")
    assert [len(found[name, "dataset"]) for name in ("a", "b")] == [2, 2]
    assert leads == {"a": "local/p/a:v1", "b": "local/p/b:v1"}


@both
@pytest.mark.parametrize("between", [True, False])
def test_every_former_name_leads_on_after_several_renames(home, how, between):
    told = Told(home)
    told.log("a", b"1")
    told.change("a", name="b")
    if between:
        told.log("b", b"2")
    told.change("b", name="c")
    told.log("c", b"3")
    before, leads = told.comes_back(how, "a", "b", "c")
    assert len(before) == 1
    assert leads["a"] == leads["b"] == leads["c"]
    told.change("c", description="said later")
    lose(home)
    assert told.seen("a", "b", "c")[1] == leads


@both
def test_names_that_went_around_mean_what_they_meant_then(home, how):
    told = Told(home)
    told.log("b", b"1")
    told.change("b", name="y")
    told.log("a", b"2")
    told.change("a", name="b")
    told.log("b", b"3")
    told.change("b", name="c")
    told.log("y", b"4")
    told.log("c", b"5")
    found, leads = told.comes_back(how, "a", "b", "c", "y")
    assert {name: len(versions) for (name, _), versions in found.items()} == {"y": 2, "c": 3}
    assert leads["b"] == leads["c"] == "local/p/c:v2"


@both
def test_versions_of_a_given_type_come_back(home, how):
    told = Told(home)
    told.log("a", b"1")
    told.change("a", type="model")
    told.log("a", b"2", "model")
    found, _ = told.comes_back(how)
    assert len(found["a", "model"]) == 2


def test_a_version_of_a_former_type_is_refused_again(home):
    told = Told(home)
    told.log("a", b"1")
    told.change("a", type="model")
    told.log("a", b"2", "model")
    told.log("a", b"3", "dataset")
    told.log("a", b"4", "model")
    before = told.seen()
    assert [one[0] for one in before[0]["a", "model"]] == [2, 1, 0]
    lose(home)
    assert told.seen() == before


@both
def test_versions_of_deleted_runs_come_back_under_the_last_name(home, how):
    told = Told(home)
    runs = [told.log("a", b"1")]
    told.change("a", name="b")
    runs.append(told.log("b", b"2"))
    with open_store(home) as store:
        for uid in runs:
            delete_run(store, uid)
    told.change("b", name="c", type="model")
    told.log("c", b"3", "model")
    found, _ = told.comes_back(how, "a", "b")
    assert [one[0] for one in found["c", "model"]] == [2, 1, 0]


@both
@pytest.mark.parametrize("renamed", [("b",), ("b", "c")])
def test_a_rename_that_was_written_down_without_its_time_counts(home, how, renamed):
    """As homes have it from before; the time of the file stands for that of the rename."""
    told = Told(home)
    told.log("a", b"1", used=True)
    told.log("a", b"2")
    for before, after in itertools.pairwise(("a", *renamed)):
        told.change(before, name=after)
    moment = START // 1_000_000 + told.runs * 10 + 5
    told.log(renamed[-1], b"3")
    (path,) = (home / "kept").glob("*.artifact")
    written = msgspec.msgpack.decode(path.read_bytes())
    path.write_bytes(msgspec.msgpack.encode(written[:-1]))
    os.utime(path, (moment, moment))
    found, leads = told.comes_back(how, "a", *renamed)
    assert [one[0] for one in found[renamed[-1], "dataset"]] == [2, 1, 0]
    assert leads["a"] == f"local/p/{renamed[-1]}:v2"
    told.change(renamed[-1], name="z")
    assert len(told.comes_back(how, "a", "z")[0]["z", "dataset"]) == 3


def test_a_damaged_file_costs_its_own_artifact_only(home):
    told = Told(home)
    for name in ("a", "b"):
        told.log(name, b"1")
        told.change(name, name=f"{name}{name}", tags=[name])
    before, _ = told.seen()
    bad = min((home / "kept").glob("*.artifact"))
    bad.write_bytes(b"nonsense")
    bad.with_name("0.artifact").mkdir()
    problems = rebuild(home).problems
    assert sorted(problem.path for problem in problems) == sorted([
        str(bad), str(bad.with_name("0.artifact")),
    ])  # fmt: skip
    after, _ = told.seen()
    assert len([key for key in before if key in after]) == 1


def test_nothing_is_deleted_under_a_former_name(home):
    told = Told(home)
    told.log("a", b"1")
    told.change("a", name="b")
    with open_store(home) as store:
        with pytest.raises(NotFound, match="'b' now"):
            curation.delete_artifact(store, ref("a"))
        with pytest.raises(NotFound, match="'b' now"):
            curation.delete_version(store, ref("a:v0"), force=True)
        assert lead(store, "a") == "local/p/b:v0"
        curation.delete_artifact(store, ref("b"))
        assert lead(store, "b") is None
    assert list((home / "kept").glob("*.artifact")) == []
