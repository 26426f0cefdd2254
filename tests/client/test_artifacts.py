"""Artifacts: what is put together, refused, stored once, and committed all or nothing."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import epochal
from epochal.client import storing
from epochal.domain.artifact import read_manifest
from epochal.domain.record import ArtifactCommit, ArtifactUse, ModelLink
from epochal.errors import Conflict, EpochalWarning, InvalidInput, NotFound, RunStateError
from epochal.journal.blobs import Blobs
from epochal.journal.spool import finish_spool
from tests.client.scripts import read_home, run_script

Begin = Callable[..., epochal.Run]


def commits(home: Path) -> list[ArtifactCommit]:
    return [commit for told in read_home(home) for commit in told.all(ArtifactCommit)]


def blob_count(home: Path) -> int:
    return len(list(Blobs(home).digests()))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("a")
    (root / "sub" / "b.bin").write_bytes(bytes(100_000))
    return root


def test_a_version_is_its_manifest(begin: Begin, home: Path, tree: Path) -> None:
    """Equal content has equal digests, whoever logs it and in whatever order."""
    run = begin()
    artifact = epochal.Artifact("data", "dataset", "words", {"n": 2})
    artifact.add_dir(tree)
    artifact.ttl = timedelta(days=1)
    logged = run.log_artifact(artifact, aliases=["best", "latest"], tags=["t"])
    assert logged is artifact
    assert artifact.wait().state == "committed"
    other = epochal.Artifact("other", "dataset")
    other.add_file(tree / "sub" / "b.bin", "sub/b.bin")
    other.add_file(tree / "a.txt")
    run.log_artifact(other)
    assert other.digest == artifact.digest
    run.finish()
    first, second = commits(home)
    assert (first.name, first.kind) == ("data", "dataset")
    assert (first.aliases, first.tags) == (["best"], ["t"])
    assert (first.files, first.size, first.ttl_s) == (2, 100_001, 86_400)
    assert (first.metadata, first.description) == ({"n": 2}, "words")
    assert first.manifest == second.manifest
    manifest = read_manifest(Blobs(home).read(first.manifest.digest))
    assert list(manifest.entries) == ["a.txt", "sub/b.bin"]
    assert Blobs(home).read(manifest.entries["a.txt"].digest or "") == b"a"
    assert first.manifest.digest == artifact.digest


def test_what_happens_to_the_files_after_logging_is_not_seen(
    begin: Begin, home: Path, tree: Path
) -> None:
    run = begin()
    run.log_artifact(tree, name="data", type="dataset")
    (tree / "a.txt").write_text("changed")
    (tree / "sub" / "b.bin").unlink()
    run.finish()
    (commit,) = commits(home)
    manifest = read_manifest(Blobs(home).read(commit.manifest.digest))
    assert Blobs(home).read(manifest.entries["a.txt"].digest or "") == b"a"


def test_the_next_version_stores_only_what_changed(begin: Begin, home: Path, tree: Path) -> None:
    run = begin()
    first = run.log_artifact(tree, name="data", type="dataset")
    before = blob_count(home)
    draft = first.new_draft()
    (tree / "a.txt").write_text("second")
    draft.add_file(tree / "a.txt")
    run.log_artifact(draft)
    assert blob_count(home) == before + 2  # the file and the manifest
    (tree / "a.txt").write_text("third!")
    run.log_artifact(tree, name="data", type="dataset")
    assert blob_count(home) == before + 4
    run.finish()
    assert len({commit.manifest.digest for commit in commits(home)}) == 3


def test_a_change_that_keeps_size_and_time_is_seen(begin: Begin, tmp_path: Path) -> None:
    """The kernel's time of change is looked at, too, and not trusted within the clock's grain."""
    run = begin()
    path = tmp_path / "w.bin"
    digests = []
    for byte in (b"a", b"b", b"c"):
        path.write_bytes(byte)
        os.utime(path, ns=(10**18, 10**18))
        digests.append(run.log_artifact(path, name="w", type="model").digest)
    assert len(set(digests)) == 3


def test_media_new_files_and_references_are_parts_of_an_artifact(
    begin: Begin, home: Path, tree: Path
) -> None:
    artifact = epochal.Artifact("mixed", "dataset")
    table = epochal.Table(columns=["image", "n"])
    table.add_data(epochal.Image(np.zeros((3, 4))), 7)
    artifact.add(table, "predictions")
    artifact.add(epochal.Image(np.zeros((3, 4))), "one")
    artifact.add(epochal.Histogram([1, 2]), "counts")
    with artifact.new_file("notes/read.txt") as file:
        file.write("hello")
    artifact.add_reference("s3://bucket/a/b.csv")
    artifact.add_reference(f"file://{tree}/a.txt", "here.txt")
    artifact.add_reference(f"file://{tree}", "all", checksum=False)
    run = begin()
    run.log_artifact(artifact)
    entries = artifact.manifest.entries
    assert entries["b.csv"].ref == "s3://bucket/a/b.csv"
    assert entries["here.txt"].digest == hashlib.sha256(b"a").hexdigest()
    assert entries["all/sub/b.bin"].digest is None
    assert Blobs(home).read(entries["notes/read.txt"].digest or "") == b"hello"
    assert {"predictions.media.json", "one.image/data.png"} <= set(entries)
    draft = epochal.Artifact("mixed", "dataset")
    draft.add(table, "predictions")
    again = draft.get("predictions")
    assert (again.columns, again.get_column("n")) == (["image", "n"], [7])
    run.finish()


def test_the_path_that_is_taken_and_the_one_that_is_not_there(tree: Path) -> None:
    artifact = epochal.Artifact("a", "t")
    artifact.add_dir(tree, "deep/down")
    assert artifact.get_path("deep/down/a.txt").size == 1
    with pytest.raises(NotFound):
        artifact.get_path("a.txt")
    with pytest.raises(InvalidInput), artifact.new_file("deep/down/a.txt"):
        pass
    with pytest.raises(TypeError), artifact.new_file("new.txt") as file:
        file.write(b"bytes in a text file")
    with pytest.raises(NotFound):
        artifact.get_path("new.txt")
    artifact.remove("deep/down/sub")
    assert [file.path for file in artifact.files()] == ["deep/down/a.txt"]
    with pytest.raises(NotFound):
        artifact.remove("sub")
    with pytest.raises(RunStateError):
        artifact.wait()
    with pytest.raises(RunStateError):
        _ = artifact.digest


def test_links_inside_are_followed_and_links_out_are_refused(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (tree / "inner").symlink_to(tree / "a.txt")
    (tree / "folder").symlink_to(tree / "sub")
    artifact = epochal.Artifact("a", "t")
    artifact.add_dir(tree)
    assert artifact.file_count == 4 + 0
    (tree / "out").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidInput, match="leads out"):
        epochal.Artifact("a", "t").add_dir(tree)
    (tree / "out").unlink()
    (tree / "up").symlink_to(tree)
    with pytest.raises(InvalidInput, match="holds it"):
        epochal.Artifact("a", "t").add_dir(tree)


@pytest.mark.parametrize("kind", ["pipe", "socket", "missing", "directory", "device", "dangling"])
def test_what_is_no_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    """A pipe must not be waited for."""
    path = tmp_path / "x"
    with socket.socket(socket.AF_UNIX) as server:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            server.bind(str(path))
        elif kind == "directory":
            path.mkdir()
        elif kind == "device":
            path = Path(os.devnull)
        elif kind == "dangling":
            path.symlink_to(tmp_path / "gone")
        with pytest.raises(InvalidInput):
            epochal.Artifact("a", "t").add_file(path)
        if kind in ("pipe", "socket"):
            with pytest.raises(InvalidInput):
                epochal.Artifact("a", "t").add_dir(tmp_path)


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", "a/./b", "CON", "a\\b", "a\nb", "", "x "])
def test_names_that_cannot_be_written_everywhere_are_refused(name: str, tree: Path) -> None:
    artifact = epochal.Artifact("a", "t")
    with pytest.raises(InvalidInput):
        artifact.add_file(tree / "a.txt", name)
    assert artifact.file_count == 0


def test_names_that_collide_are_refused_before_anything_is_stored(
    begin: Begin, home: Path, tree: Path
) -> None:
    run = begin()
    artifact = epochal.Artifact("a", "t")
    artifact.add_file(tree / "a.txt", "A.txt")
    artifact.add_file(tree / "a.txt", "a.txt")
    with pytest.raises(InvalidInput, match="case"):
        run.log_artifact(artifact)
    run.finish()
    assert commits(home) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda run: epochal.Artifact("a/b", "t"),
        lambda run: epochal.Artifact("a", ""),
        lambda run: run.log_artifact(7),
        lambda run: run.log_artifact("missing/path"),
        lambda run: run.log_artifact(epochal.Artifact("a", "t"), aliases=["v3"]),
        lambda run: run.log_artifact(epochal.Artifact("a", "t"), aliases="best"),
        lambda run: run.log_artifact(epochal.Artifact("a", "t"), tags=[""]),
        lambda run: epochal.Artifact("a", "t").add_reference("no uri"),
        lambda run: epochal.Artifact("a", "t").add(7, "x"),
        lambda run: run.use_artifact(7),
        lambda run: run.link_artifact(epochal.Artifact("a", "t"), "x?y"),
    ],
)
def test_a_bad_argument_is_refused(begin: Begin, home: Path, make: Any) -> None:
    run = begin()
    with pytest.raises(InvalidInput):
        make(run)
    run.finish()
    assert commits(home) == []


def test_a_file_that_went_meanwhile_commits_nothing(begin: Begin, home: Path, tree: Path) -> None:
    run = begin()
    artifact = epochal.Artifact("a", "t")
    artifact.add_dir(tree)
    (tree / "a.txt").unlink()
    with pytest.raises(InvalidInput, match=r"a\.txt"):
        run.log_artifact(artifact)
    run.finish()
    assert commits(home) == []


def test_a_file_that_never_rests_is_refused(
    begin: Begin, home: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin()
    real = Blobs._copy
    path = tree / "a.txt"

    def copy(self: Blobs, source: Path, *arguments: Any, **options: Any) -> Any:
        with path.open("a") as file:
            file.write("more")
        os.utime(path)
        found = real(self, source, *arguments, **options)
        return None if source == path else found

    monkeypatch.setattr(Blobs, "_copy", copy)
    with pytest.raises(Conflict, match="changes while"):
        run.log_artifact(tree, name="a", type="t")
    run.finish()
    assert commits(home) == []


def test_a_full_disk_costs_the_version_and_one_warning(
    begin: Begin, home: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin()
    artifact = epochal.Artifact("a", "t")
    artifact.add_dir(tree)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(storing, "store_files", full)
        patch.setattr("epochal.client.releases.store_files", full)
        with pytest.warns(EpochalWarning, match="not kept"):
            run.log_artifact(artifact)
    assert artifact.state == "failed"
    run.log_artifact(artifact)
    run.finish()
    assert len(commits(home)) == 1


def test_a_logged_artifact_does_not_change(begin: Begin, tree: Path) -> None:
    run = begin()
    artifact = run.log_artifact(tree, name="a", type="t")
    with pytest.raises(RunStateError, match="new_draft"):
        artifact.add_file(tree / "a.txt", "b.txt")
    with pytest.raises(RunStateError, match="already"):
        run.log_artifact(artifact)
    run.finish()
    with pytest.raises(RunStateError, match="finish"):
        run.log_artifact(epochal.Artifact("b", "t"))


def test_sigkill_right_after_log_artifact_loses_no_version(home: Path, tree: Path) -> None:
    source = """
        import os, signal, sys
        run = epochal.init(project="p", settings=QUIET)
        run.log_artifact(sys.argv[1], name="data", type="dataset")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = run_script(source, home, arguments=[str(tree)])
    assert done.returncode == -signal.SIGKILL, done.stderr
    (path,) = home.glob("runs/*/*.ej")
    finish_spool(path)
    (commit,) = commits(home)
    manifest = read_manifest(Blobs(home).read(commit.manifest.digest))
    for digest in manifest.digests():
        Blobs(home).read(digest)


def test_models_are_artifacts_and_links_name_the_version(
    begin: Begin, home: Path, tree: Path
) -> None:
    run = begin()
    model = run.log_model(tree, "net", aliases=["best"])
    run.link_artifact(model, "wandb-registry-model/classifier", aliases=["champion"])
    run.link_model(tree / "a.txt", "classifier", "small")
    run.use_artifact(model, type="model", use_as="teacher")
    with pytest.raises(InvalidInput, match="type"):
        run.use_artifact(model, type="dataset")
    run.finish()
    (told,) = read_home(home)
    assert [(c.name, c.kind) for c in told.all(ArtifactCommit)] == [
        ("net", "model"), ("small", "model"),
    ]  # fmt: skip
    first, second = told.all(ModelLink)
    assert (first.model, first.artifact, first.aliases) == (
        "classifier", "local/tests/net", ["champion"],
    )  # fmt: skip
    assert first.digest == model.digest != second.digest
    (use,) = told.all(ArtifactUse)
    assert (use.name, use.digest, use.role) == ("local/tests/net", model.digest, "teacher")


def test_a_model_object_is_saved_first(begin: Begin, home: Path) -> None:
    import torch

    run = begin()
    artifact = run.log_model(torch.nn.Linear(3, 2), "linear")
    run.finish()
    assert any(path.endswith(".safetensors") for path in artifact.manifest.entries)
    assert commits(home)[0].kind == "model"


def test_a_disabled_run_takes_artifacts_and_keeps_nothing(
    begin: Begin, home: Path, tree: Path
) -> None:
    run = begin(mode="disabled")
    artifact = run.log_artifact(tree, name="a", type="t")
    assert artifact.wait().state == "discarded"
    run.link_artifact(artifact, "m")
    run.finish()
    assert list(home.iterdir()) == []


def test_module_functions_act_on_the_current_run(begin: Begin, home: Path, tree: Path) -> None:
    with pytest.raises(RunStateError):
        epochal.log_artifact(tree)
    begin(id="r1")
    artifact = epochal.log_artifact(tree / "a.txt")
    assert (artifact.base_name, artifact.type) == ("run-r1-a.txt", "unspecified")
    epochal.use_artifact(artifact)
    epochal.finish()
    assert len(commits(home)) == 1


def test_a_name_belongs_to_one_type(begin: Begin, home: Path, tree: Path) -> None:
    """In one process at once, of another one as soon as somebody waits for the version."""
    run = begin(project="kinds")
    run.log_artifact(tree, name="data", type="dataset")
    with pytest.raises(InvalidInput, match=r"'dataset'.*'model'.*another name"):
        run.log_artifact(tree, name="data", type="model")
    run.finish()
    run = begin(project="kinds")
    (tree / "a.txt").write_text("other")
    late = run.log_artifact(tree, name="data", type="model")
    with pytest.raises(InvalidInput, match=r"'dataset'.*'model'.*another name"):
        late.wait()
    assert late.state == "failed"
    run.finish()
    found = epochal.connect(home=home).artifact("data", "kinds")
    assert (found.type, found.version) == ("dataset", "v0")


def test_an_incremental_version_holds_what_was_there_before(
    begin: Begin, home: Path, tree: Path
) -> None:
    """Of this process and of earlier ones; what is added wins; the first one has no earlier."""

    def more(run: epochal.Run, name: str, text: str) -> None:
        (tree / name).write_text(text)
        artifact = epochal.Artifact("data", "dataset", incremental=True)
        artifact.add_file(tree / name)
        run.log_artifact(artifact).wait()

    run = begin(project="more")
    more(run, "a.txt", "one")
    more(run, "c.txt", "two")
    run.finish()
    run = begin(project="more")
    more(run, "a.txt", "three")
    run.finish()
    version = epochal.connect(home=home).artifact("data:v2", "more")
    assert {file.path: file.read() for file in version.files()} == {
        "a.txt": b"three", "c.txt": b"two",
    }  # fmt: skip
