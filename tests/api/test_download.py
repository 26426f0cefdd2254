"""Downloads: whole or not at all, checked, resumed, and never outside of the root."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from epochal.api import Downloaded, Reader, connect
from epochal.api.download import Item, download, is_part
from epochal.errors import Conflict, CorruptFile, NotFound
from epochal.journal.blobs import Blobs
from tests.api.recorded import record
from tests.api.written import BIG, contents_of, first
from tests.conftest import end_process, start_server


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
