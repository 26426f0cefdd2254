"""Versions: numbers, aliases, commit by presence, deletion, lineage, names."""

from __future__ import annotations

import pytest

from epochal.domain.artifact import MANIFEST_TYPE, Entry, Manifest, read_manifest
from epochal.domain.objects import VersionChanges
from epochal.domain.record import AGAIN, ArtifactCommit, ArtifactUse, BlobRef, ModelLink
from epochal.errors import Conflict, NotFound
from epochal.journal.blobs import Blobs
from epochal.store import artifacts, curation, model_versions, models
from epochal.store.differences import diff_versions
from epochal.store.ingest import ingest_home
from epochal.store.lineage import lineage, version_detail
from epochal.store.owner import open_store
from epochal.store.recover import rebuild
from epochal.store.runs import delete_run, get_run
from epochal.store.uploads import note_arrivals
from tests.store.journals import Writing
from tests.store.objects import commit, forget, ref, shown


def test_versions_count_from_zero_and_latest_follows(home):
    w = Writing(home)
    commit(w, {"a": b"1"}, aliases=["first"])
    commit(w, {"a": b"2"})
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        assert shown(store) == [(0, "committed", ["first"]), (1, "committed", ["latest"])]
        ingest_home(store)
        assert shown(store) == [(0, "committed", ["first"]), (1, "committed", ["latest"])]
        row = artifacts.list_artifacts(store, "local", "p", None, None).artifacts[0]
        assert (row.versions, row.latest, row.size) == (2, 1, 2)


def test_the_same_content_again_makes_no_version_but_moves_aliases(home):
    """Whoever logs it; equal to an older version than the newest, it is a new one."""
    made = [(b"1", "a"), (b"1", "b"), (b"2", "c"), (b"1", "d")]
    for number, (content, alias) in enumerate(made):
        w = Writing(home, f"r{number}", second=number)
        commit(w, {"f": content}, aliases=[alias])
        w.finish()
    with open_store(home) as store:
        ingest_home(store)
        assert shown(store) == [
            (0, "committed", ["a", "b"]),
            (1, "committed", ["c"]),
            (2, "committed", ["d", "latest"]),
        ]
        producers = version_detail(store, ref("data:v0")).producers
        assert {run.id for run in producers} == {"r0", "r1"}


def test_a_run_may_say_that_it_means_an_older_version_with_its_content(home):
    """It counts among the makers, also after a rebuild; where there is none it makes one."""
    for number, (content, first) in enumerate([(b"1", 0), (b"2", 0), (b"1", AGAIN)]):
        w = Writing(home, f"r{number}", second=number)
        commit(w, {"f": content}, first=first)
        if first == AGAIN:
            commit(w, {"f": b"3"}, "other", first=first)
        w.finish()

    def check(store):
        assert shown(store) == [(0, "committed", []), (1, "committed", ["latest"])]
        assert [run.id for run in version_detail(store, ref("data:v0")).producers] == ["r0", "r2"]
        made = artifacts.run_artifacts(store, w.uid).made
        assert {row.path for row in made} == {"local/p/data:v0", "local/p/other:v0"}

    with open_store(home) as store:
        ingest_home(store)
        check(store)
    rebuild(home)
    with open_store(home) as store:
        check(store)


def test_a_version_moves_no_alias_before_all_its_bytes_are_here(home):
    """Pending without its manifest, pending without one file, committed with the last."""
    w = Writing(home)
    commit(w, {"a": b"1"}, aliases=["best"])
    second = commit(w, {"a": b"2", "b": b"3"}, aliases=["best"])
    entries = read_manifest(Blobs(home).read(second.digest)).entries
    last = entries["b"].digest or ""
    absent = forget(home, second.digest, last)
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        assert shown(store) == [(0, "committed", ["best", "latest"]), (1, "pending", [])]
        with pytest.raises(Conflict, match="on their way"):
            curation.update_version(store, ref("data:v1"), VersionChanges(add_aliases=["x"]))
        for digest in (second.digest, last):
            store.blobs.put(absent[digest])
            note_arrivals(store, w.uid, [digest])
            pending = digest != last
            assert artifacts.get_version(store, ref("data:v1")).missing == int(pending)
        assert shown(store) == [(0, "committed", []), (1, "committed", ["best", "latest"])]
        assert "artifacts" in store.take_news()[-1].what


def test_a_version_that_completes_late_takes_nothing_from_a_newer_one(home):
    w = Writing(home)
    first = commit(w, {"a": b"1"}, aliases=["best"])
    commit(w, {"a": b"2"}, aliases=["best"])
    absent = forget(home, first.digest)
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        store.blobs.put(absent[first.digest])
        note_arrivals(store, w.uid, [first.digest])
        assert shown(store) == [(0, "committed", []), (1, "committed", ["best", "latest"])]


def test_a_manifest_that_is_none_is_told_and_never_commits(home):
    """Colliding paths, a path out of the tree, no JSON: a warning of the run, no crash."""
    w = Writing(home)
    blob = Blobs(home).put(b"x")
    entry = Entry(blob.digest, blob.size)
    for number, data in enumerate(
        (b"{", Manifest({"../x": entry}).encode(), Manifest({"a": entry, "A": entry}).encode(),
         Manifest({"a": entry, "a/b": entry}).encode())
    ):  # fmt: skip
        manifest = Blobs(home).put(data, MANIFEST_TYPE)
        w.fact(ArtifactCommit(w.now, f"bad{number}", "x", manifest))
    w.fact(ArtifactCommit(w.now, "../up", "x", blob))
    w.fact(ArtifactUse(w.now, "no-path", "0" * 64))
    w.fact(ModelLink(w.now, "a/b", "local/p/x", "0" * 64))
    commit(w, {"a": b"1"}, "good")
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        events = get_run(store, w.uid).events
        assert [event.level for event in events] == ["warning"] * 7
        assert shown(store, "bad0") == [(0, "pending", [])]
        assert shown(store, "good") == [(0, "committed", ["latest"])]


def test_names_find_versions(home):
    """By number, alias, digest prefix; what does not exist names what is similar."""
    w = Writing(home)
    first = commit(w, {"a": b"1"}, aliases=["best"])
    commit(w, {"a": b"2"})
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        for text, number in (
            ("data", 1), ("data:latest", 1), ("data:v0", 0), ("data:best", 0),
            ("p/data:v1", 1), ("local/p/data", 1), (f"data:{first.digest[:8]}", 0),
            (f"data:{first.digest}", 0),
        ):  # fmt: skip
            assert artifacts.get_version(store, ref(text)).version == number, text
        with pytest.raises(NotFound, match="best"):
            artifacts.get_version(store, ref("data:bset"))
        with pytest.raises(NotFound, match="data"):
            artifacts.get_version(store, ref("dta"))
        with pytest.raises(NotFound, match="v7"):
            artifacts.get_version(store, ref("data:v7"))


def test_lineage_leads_from_inputs_to_models(home):
    """data -> train -> net -> evaluate -> report, seen from the middle and cut by depth."""
    manifests: dict[str, BlobRef] = {}
    for second, (run, inputs, output) in enumerate(
        [("prepare", [], "data"), ("train", ["data"], "net"), ("evaluate", ["net"], "report")]
    ):
        w = Writing(home, run, second=second)
        for name in inputs:
            w.fact(ArtifactUse(w.now, f"local/p/{name}", manifests[name].digest, 0))
        manifests[output] = commit(w, {"f": output.encode()}, output)
        if output == "net":
            digest = manifests[output].digest
            w.fact(ModelLink(w.now, "resnet", "local/p/net", digest, aliases=["champion"]))
        w.finish()
    with open_store(home) as store:
        ingest_home(store)
        graph = lineage(store, ref("net"), 3)
        assert {node.label for node in graph.nodes} == {
            "local/p/data:v0", "local/p/net:v0", "local/p/report:v0", "prepare", "train",
            "evaluate", "resnet/1",
        }  # fmt: skip
        assert not graph.cut
        labels = {node.id: node.label for node in graph.nodes}
        flows = {(labels[e.source], labels[e.target], e.role) for e in graph.edges}
        assert ("local/p/data:v0", "train", "input") in flows
        assert ("train", "local/p/net:v0", "made") in flows
        assert ("local/p/net:v0", "resnet/1", "linked") in flows
        assert lineage(store, ref("data"), 1).cut
        detail = version_detail(store, ref("net"))
        assert [use.run.id for use in detail.users] == ["evaluate"]
        assert [model.model for model in detail.models] == ["resnet"]
        made = artifacts.run_artifacts(store, detail.producers[0].uid)
        assert [row.path for row in made.made] == ["local/p/net:v0"]
        assert [use.version.path for use in made.used if use.version] == ["local/p/data:v0"]


def test_versions_outlive_their_run(home):
    """The run is still named, though it is gone; a rebuilt database knows the version as well."""
    w = Writing(home)
    manifest = commit(w, {"a": b"1"}, aliases=["best"], metadata={"k": 1})
    w.fact(ModelLink(w.now, "net", "local/p/data", manifest.digest))
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        delete_run(store, w.uid)
        row = artifacts.get_version(store, ref("data:best"))
        assert row.run is not None
        assert (row.run.id, row.run.exists) == ("r1", False)
    report = rebuild(home)
    assert report.problems == []
    with open_store(home) as store:
        row = artifacts.get_version(store, ref("data:best"))
        assert (row.state, row.metadata) == ("committed", {"k": 1})
        assert model_versions.get_version(store, "local", "net", 1).artifact_version == 0


def test_a_rebuilt_database_gives_versions_their_numbers_again(home):
    """Versions of several runs that took turns, from archives of all of them."""
    writers = [Writing(home, f"r{n}", second=n) for n in range(3)]
    for turn in range(6):
        w = writers[(turn * 2) % 3]
        w.now = writers[0].now + turn * 1_000_000_000
        manifest = commit(w, {"f": b"%d" % turn}, aliases=[f"a{turn}"])
        w.fact(ModelLink(w.now, "net", "local/p/data", manifest.digest))
        with open_store(home) as store:
            ingest_home(store)
    for w in writers:
        w.finish()
    with open_store(home) as store:
        ingest_home(store)
        before = shown(store)
        digests = [artifacts.get_version(store, ref(f"data:v{n}")).digest for n in range(6)]
        assert len(before) == 6
    rebuild(home)
    with open_store(home) as store:
        assert shown(store) == before
        again = [artifacts.get_version(store, ref(f"data:v{n}")).digest for n in range(6)]
        assert again == digests
        assert models.get_model(store, "local", "net").versions == 6


def test_versions_count_from_where_the_first_record_says_for_good(home):
    """What comes later has no say, and a rebuild without the first run counts as before."""
    first, second = Writing(home, "first"), Writing(home, "second", second=1)
    commit(first, {"f": b"1"}, first=1)
    first.finish()
    commit(second, {"f": b"2"})
    commit(second, {"f": b"3"}, first=7)
    second.finish()
    with open_store(home) as store:
        ingest_home(store)
        digests = [artifacts.get_version(store, ref(f"data:v{n}")).digest for n in (1, 2, 3)]
        assert len(set(digests)) == 3
        with pytest.raises(NotFound):
            artifacts.get_version(store, ref("data:v0"))
        delete_run(store, first.uid)
    rebuild(home)
    with open_store(home) as store:
        again = [artifacts.get_version(store, ref(f"data:v{n}")).digest for n in (1, 2, 3)]
        assert again == digests


def test_versions_are_compared_by_path(home):
    w = Writing(home)
    commit(w, {"same": b"1", "changed": b"22", "gone": b"333"})
    commit(w, {"same": b"1", "changed": b"4444", "new": b""})
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
        found = diff_versions(store, ref("data:v0"), ref("data:v1"))
        assert [(c.path, c.before, c.after) for c in found.changed] == [("changed", 2, 4)]
        assert [c.path for c in found.added] == ["new"]
        assert [c.path for c in found.removed] == ["gone"]
        assert found.same == 1


def test_ten_thousand_files_are_taken_in_at_once_and_a_second_version_is_one_blob(
    home, statements
):
    """No statement for each; a version that changes one file stores one file."""
    files = {f"d{n % 100}/{n}.txt": b"%d" % n for n in range(10_000)}
    w = Writing(home)
    commit(w, files)
    w.finish()
    with open_store(home) as store:
        statements.clear()
        ingest_home(store)
        assert len(statements) < 500
        before = len(list(store.blobs.digests()))
        w = Writing(home, "r2", second=5)
        commit(w, {**files, "d0/0.txt": b"changed"})
        w.finish()
        ingest_home(store)
        assert len(list(store.blobs.digests())) == before + 2
        assert diff_versions(store, ref("data:v0"), ref("data:v1")).same == 9_999
