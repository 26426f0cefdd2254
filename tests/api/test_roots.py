"""What a download writes: nothing outside of its root, and what cannot be written is named."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from epochal.api import ArtifactVersion, connect
from epochal.api.download import Item, download
from epochal.api.question import Question, Source
from epochal.domain.artifact import Entry, Manifest
from epochal.domain.objects import VersionRow
from epochal.errors import InvalidInput
from epochal.journal.blobs import Blobs
from tests.api.written import BIG, first


@pytest.mark.parametrize("path", ["../out.txt", "/etc/out.txt", "a/../../out.txt", "a\\..\\b"])
def test_a_path_that_leaves_the_root_is_refused_before_anything_is_written(
    things: Path, tmp_path: Path, path: str
) -> None:
    version = first(connect(home=things))
    good = version.get_path("a.txt").content
    with pytest.raises(InvalidInput):
        download(
            connect(home=things).source, [Item("a.txt", good), Item(path, good)], tmp_path / "root"
        )
    assert not (tmp_path / "root").exists()
    assert not (tmp_path / "out.txt").exists()


def test_a_manifest_with_such_a_path_is_refused(things: Path) -> None:
    """Also one whose digest is right, as its writer can make it."""
    data = Manifest({"../x": Entry(digest="0" * 64, size=1)}).encode()
    ref = Blobs(things).put(data)
    version = first(connect(home=things))
    evil = type(version)(version._source, _with_digest(version, ref.digest), version._make_run)
    evil._source = Answering(version._source, data)  # type: ignore[assignment]
    with pytest.raises(InvalidInput, match=r"'\.\.'"):
        evil.download()


class Answering:
    """A source that gives one answer."""

    def __init__(self, source: Source, answer: bytes) -> None:
        self.source, self.answer = source, answer

    def ask(self, question: Question[object]) -> object:
        return self.answer


def _with_digest(version: ArtifactVersion, digest: str) -> VersionRow:
    return msgspec.structs.replace(version.row, digest=digest)


def test_links_in_the_root_are_not_followed(things: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / "inner").symlink_to(outside)
    version = first(connect(home=things))
    with pytest.raises(InvalidInput, match="is a link"):
        version.download(root, references=False)
    assert list(outside.iterdir()) == []
    (root / "inner").unlink()
    (outside / "target.txt").write_text("theirs")
    (root / "a.txt").symlink_to(outside / "target.txt")
    version.download(root, references=False)
    assert (outside / "target.txt").read_text() == "theirs"
    assert not (root / "a.txt").is_symlink()
    version.verify(root)


def test_a_directory_where_a_file_belongs_is_named(things: Path, place: Path) -> None:
    (place / "a.txt").mkdir()
    with pytest.raises(InvalidInput, match="is a directory"):
        first(connect(home=things)).download(place, references=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unwritable for root")
def test_a_root_that_cannot_be_written_is_named(things: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir(mode=0o555)
    with pytest.raises(InvalidInput, match="root="):
        first(connect(home=things)).download(root, references=False)


def test_a_root_below_a_file_is_named(things: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidInput, match="cannot be written"):
        first(connect(home=things)).download(tmp_path / "file" / "root", references=False)


def test_a_full_disk_is_told_and_what_is_there_stays(tmp_path: Path, things: Path) -> None:
    """On a disk of one MiB, which only this process sees."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        shutil.which("unshare") is None
        or subprocess.run(_on(disk, "true"), check=False).returncode
    ):
        pytest.skip("this machine lets nobody mount a small disk")
    code = """
import sys, epochal, os
version = epochal.artifact("shop/digits:v0")
try:
    version.download(sys.argv[1], references=False)
except epochal.errors.EpochalError as error:
    print(type(error).__name__, "call again" in error.message, sorted(os.listdir(sys.argv[1]))[-1])
print(os.path.exists(sys.argv[1] + "/inner/b.bin"))
"""
    command = f"exec {sys.executable} -c '{code}' {disk}"
    done = subprocess.run(
        _on(disk, command), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["StorageFull", "True", "report.table", "False"], done.stderr


def _on(disk: Path, command: str) -> list[str]:
    """A command that runs with a file system of one MiB on a directory."""
    script = f"mount -t tmpfs -o size=1m tmpfs {disk} && {command}"
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]


def test_a_file_that_cannot_be_written_is_named_and_the_next_call_goes_on(
    tmp_path: Path, things: Path
) -> None:
    """A limit on the size of files ends a write in the middle."""
    code = """
import resource, signal, sys
import epochal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
version = epochal.artifact("shop/digits:v0")
version.manifest
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
try:
    version.download(sys.argv[1], references=False)
except epochal.errors.EpochalError as error:
    print(type(error).__name__, error.__cause__.errno)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "root")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["InvalidInput", str(errno.EFBIG)], done.stderr
    assert not (tmp_path / "root" / BIG).exists()
    (part,) = (tmp_path / "root" / "inner").iterdir()
    assert part.stat().st_size == 1_500_000
    version = first(connect(home=things))
    version.download(tmp_path / "root", references=False)
    version.verify(tmp_path / "root")
