"""Downloads: whole or not at all, checked, resumed, and never outside of the root."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from epochal.api import ArtifactVersion, Downloaded, Reader, connect
from epochal.api.content import Content, OpenContent, Readable, open_blob, version_file
from epochal.api.download import BUFFER, Item, download, is_part
from epochal.api.question import Question, Source
from epochal.domain.artifact import Entry, Manifest
from epochal.domain.objects import VersionRow
from epochal.errors import Conflict, CorruptFile, InvalidInput, NotFound, Unavailable
from epochal.journal.blobs import Blobs
from tests.api.recorded import record
from tests.conftest import end_process, start_server

BIG = "inner/b.bin"


def contents_of(root: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def first(reader: Reader) -> ArtifactVersion:
    return reader.artifact("digits:v0", "shop")


def test_a_version_is_written_whole_and_verified(shop: Reader, tmp_path: Path) -> None:
    version = first(shop)
    root = version.download(tmp_path / "here", references=False)
    version.verify(root)
    found = contents_of(Path(root))
    assert found["a.txt"] == b"alpha"
    assert found[BIG] == bytes(range(256)) * 8192
    assert not any(is_part(Path(path).name) for path in found)


def test_the_default_directory_is_named_after_the_version(
    shop: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert first(shop).download(references=False) == str(tmp_path / "artifacts" / "digits-v0")
    first(shop).verify()


def test_files_are_copies_that_may_be_changed(things: Path, place: Path) -> None:
    """Writing into a downloaded file leaves the blob as it is."""
    version = first(connect(home=things))
    place = Path(version.download(place, references=False)) / "a.txt"
    blob = Blobs(things).path(version.manifest.entries["a.txt"].digest or "")
    assert place.stat().st_ino != blob.stat().st_ino
    assert place.stat().st_mode & stat.S_IWUSR
    place.write_text("mine")
    assert blob.read_bytes() == b"alpha"


def test_a_part_of_a_version_is_enough(shop: Reader, place: Path) -> None:
    first(shop).download(place, path_prefix="inner", references=False)
    assert set(contents_of(place)) == {BIG}
    with pytest.raises(NotFound, match="nothing at 'outer'"):
        first(shop).download(place, path_prefix="outer", references=False)


def test_what_is_right_already_is_left_alone_and_what_is_wrong_is_mended(
    shop: Reader, place: Path
) -> None:
    version = first(shop)
    version.download(place, references=False)
    (place / "a.txt").write_text("ALPHA")
    before = (place / BIG).stat().st_ino
    (place / "mine.txt").write_text("stays")
    with pytest.raises(Conflict, match=r"1 changed \(a\.txt\); 1 unknown \(mine\.txt\)"):
        version.verify(place)
    version.download(place, references=False)
    assert (place / BIG).stat().st_ino == before
    assert (place / "a.txt").read_text() == "alpha"
    (place / "mine.txt").unlink()
    (place / "a.txt").unlink()
    with pytest.raises(Conflict, match="1 missing"):
        version.verify(place)


def test_progress_ends_at_everything(shop: Reader, place: Path) -> None:
    seen: list[Downloaded] = []
    version = first(shop)
    version.download(place, progress=seen.append, references=False)
    assert seen[-1] == Downloaded(4, 4, version.size, version.size)
    assert [one.bytes for one in seen] == sorted(one.bytes for one in seen)


def test_any_name_that_an_artifact_may_have_is_fetched(
    own: Reader, place: Path, wait_for: Callable[..., None]
) -> None:
    """Spaces, signs that mean something in addresses, and letters of the world."""
    names = ["a b.txt", "100%25.txt", "x#y&z=1.txt", "über/größe 日本.txt", "q+;,@!$.txt"]
    code = """
import sys, epochal
quiet = epochal.Settings(system_interval=0, silent=True, git=False, environment=False,
                         console=False)
with epochal.init(project="shop", id="names", settings=quiet) as run:
    artifact = epochal.Artifact("names", "dataset")
    for name in sys.argv[1:]:
        with artifact.new_file(name) as file:
            file.write(name)
    run.log_artifact(artifact)
    folder = artifact.wait().download()
    run.save(folder + "/**", base_path=folder, policy="now")
"""
    subprocess.run([sys.executable, "-c", code, *names], check=True, timeout=60)
    version = own.artifact("shop/names:v0")
    version.download(place, references=False)
    version.verify(place)
    assert sorted(contents_of(place)) == sorted(names)
    wait_for(lambda: len(own.run("shop/names").files()) == len(names))
    files = {file.path: file.read().decode() for file in own.run("shop/names").files()}
    assert files == {name: name for name in names}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Reader, Path]]:
    """A server with a version of 300 small files, and its home."""
    home = tmp_path / "many"
    files = tmp_path / "files"
    files.mkdir()
    for number in range(300):
        (files / f"{number}.txt").write_text(f"file {number}")
    record(home, f"""
import epochal
quiet = epochal.Settings(system_interval=0, silent=True, git=False, environment=False,
                         console=False)
with epochal.init(project="shop", settings=quiet) as run:
    run.log_artifact({str(files)!r}, name="small", type="dataset")
""")  # fmt: skip
    running = start_server(home, log=tmp_path / "log")
    yield connect(running.url), home
    end_process(running.process)


def test_small_files_come_together(
    served: tuple[Reader, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is asked for by itself."""
    version = served[0].artifact("small", "shop")
    monkeypatch.setattr("epochal.api.remote.HttpSource._open", refuse)
    version.download(tmp_path / "root")
    version.verify(tmp_path / "root")


def refuse(*_: object) -> None:
    raise AssertionError("a file was asked for by itself")


def test_a_server_that_packs_nothing_gives_files_one_by_one(
    served: tuple[Reader, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = served[0].artifact("small", "shop")
    files = [
        msgspec.structs.replace(file.content, parcel="/api/v1/not/there")
        for file in version.files()[:20]
    ]
    items = [Item(f"{number}.txt", content) for number, content in enumerate(files)]
    download(served[0].source, items, tmp_path / "root")
    assert len(contents_of(tmp_path / "root")) == 20


def test_of_many_small_files_the_damaged_one_is_named(
    served: tuple[Reader, Path], tmp_path: Path
) -> None:
    version = served[0].artifact("small", "shop")
    blob = Blobs(served[1]).path(version.get_path("7.txt").digest or "")
    blob.chmod(0o644)
    blob.write_bytes(b"FILE 7")
    with pytest.raises(CorruptFile, match=r"7\.txt"):
        version.download(tmp_path / "root")
    assert not (tmp_path / "root/7.txt").exists()


# -- interruptions
class Flaky:
    """A source whose streams break off after some bytes, as long as it has breaks left."""

    def __init__(self, home: Path, breaks: int, after: int) -> None:
        self.home, self.breaks, self.after = home, breaks, after
        self.starts: list[int] = []

    def ask(self, question: Question[object]) -> object:
        raise NotImplementedError(question)

    def session(self) -> None:
        raise NotImplementedError

    def page_url(self) -> None:
        return None

    @contextmanager
    def opener(self) -> Iterator[OpenContent]:
        yield self.open

    @contextmanager
    def open(self, content: Content, start: int) -> Iterator[Readable]:
        self.starts.append(start)
        with open_blob(self.home, content, start) as stream:
            yield Breaking(self, stream)


class Breaking:
    def __init__(self, owner: Flaky, stream: Readable) -> None:
        self.owner, self.stream, self.read = owner, stream, 0

    def readinto(self, buffer: memoryview, /) -> int | None:
        if self.owner.breaks and self.read >= self.owner.after:
            self.owner.breaks -= 1
            raise Unavailable("the connection broke off")
        count = self.stream.readinto(buffer[: self.owner.after])
        self.read += count or 0
        return count


def big_item(tmp_path: Path) -> tuple[Item, Path]:
    """A blob of five pieces in a home of its own."""
    home = tmp_path / "other"
    ref = Blobs(home).put(os.urandom(5 * BUFFER + 17))
    return Item("big.bin", version_file("e/p/n:v0", "big.bin", ref.digest, ref.size)), home


def test_a_download_that_breaks_off_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("epochal.api.download.FIRST_WAIT_S", 0.001)
    item, home = big_item(tmp_path)
    source = Flaky(home, breaks=2, after=BUFFER)
    download(as_source(source), [item], tmp_path / "root")
    assert source.starts == [0, BUFFER, 2 * BUFFER]
    assert hashlib.sha256((tmp_path / "root/big.bin").read_bytes()).hexdigest() == (
        item.content.digest
    )


def test_a_second_call_goes_on_with_what_the_first_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that was killed; the target shows nothing until it is whole."""
    monkeypatch.setattr("epochal.api.download.FIRST_WAIT_S", 0.001)
    item, home = big_item(tmp_path)
    root = tmp_path / "root"
    source = Flaky(home, breaks=4, after=BUFFER)
    with pytest.raises(Unavailable, match="broke off"):
        download(as_source(source), [item], root)
    assert not (root / "big.bin").exists()
    assert [path.stat().st_size for path in root.iterdir()] == [4 * BUFFER]
    download(as_source(source), [item], root)
    assert source.starts[-1] == 4 * BUFFER
    assert set(contents_of(root)) == {"big.bin"}


def test_a_damaged_part_is_thrown_away(tmp_path: Path) -> None:
    """The first call says so, the second one begins anew."""
    item, home = big_item(tmp_path)
    root = tmp_path / "root"
    source = Flaky(home, breaks=4, after=BUFFER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("epochal.api.download.FIRST_WAIT_S", 0.001)
        with pytest.raises(Unavailable):
            download(as_source(source), [item], root)
    (part,) = root.iterdir()
    with part.open("r+b") as file:
        file.write(b"XXXX")
    with pytest.raises(CorruptFile, match="digest"):
        download(as_source(source), [item], root)
    assert list(root.iterdir()) == []
    download(as_source(source), [item], root)
    assert (root / "big.bin").stat().st_size == item.content.size


def as_source(source: Flaky) -> Source:
    found: Source = source  # type: ignore[assignment]
    return found


def test_two_processes_may_download_to_the_same_place(things: Path, tmp_path: Path) -> None:
    code = """
import sys, epochal
epochal.artifact('shop/digits:v0').download(sys.argv[1], references=False)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "root")]
    racing = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in racing] == [0, 0, 0]
    first(connect(home=things)).verify(tmp_path / "root")


# -- damage
@pytest.mark.parametrize("door", ["local", "http"])
@pytest.mark.parametrize(
    ("path", "damage"),
    [
        (BIG, lambda data: data[:-1]),
        (BIG, lambda data: b"X" + data[1:]),
        ("a.txt", lambda data: b"ALPHA"),
        ("a.txt", lambda data: b""),
        ("a.txt", lambda data: data + b"more"),
    ],
    ids=["cut", "changed", "small changed", "emptied", "longer"],
)
def test_a_damaged_blob_is_refused_and_nothing_appears(
    things: Path, tmp_path: Path, path: str, damage: object, door: str
) -> None:
    """Whether the bytes come from the home or from a server."""
    assert callable(damage)
    digest = first(connect(home=things)).manifest.entries[path].digest
    blob = Blobs(things).path(digest or "")
    data = blob.read_bytes()
    blob.chmod(0o644)
    blob.write_bytes(damage(data))
    running = start_server(things, log=tmp_path / "log") if door == "http" else None
    try:
        reader = connect(running.url) if running else connect(home=things)
        with pytest.raises(CorruptFile):
            first(reader).download(tmp_path / "root", path_prefix=path, references=False)
        with pytest.raises(CorruptFile):
            first(reader).get_path(path).read()
    finally:
        if running:
            end_process(running.process)
    assert contents_of(tmp_path / "root") == {}


def test_a_blob_that_is_gone_is_on_its_way(things: Path, tmp_path: Path) -> None:
    version = first(connect(home=things))
    Blobs(things).path(version.manifest.entries["a.txt"].digest or "").unlink()
    with pytest.raises(NotFound, match="on their way"):
        version.download(tmp_path / "root", references=False)


def test_a_tampered_manifest_is_refused(things: Path, tmp_path: Path) -> None:
    version = first(connect(home=things))
    blob = Blobs(things).path(version.digest)
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes().replace(b"a.txt", b"z.txt"))
    with pytest.raises(CorruptFile):
        first(connect(home=things)).download(tmp_path / "root", references=False)
    assert not (tmp_path / "root").exists()


# -- the root
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
