"""References come from where they point, are checked, and never bring what was not added."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import epochal
from epochal.api.references import Reference, fetch_references
from epochal.domain.artifact import digest_of
from epochal.errors import CorruptFile, InvalidInput, Unavailable

DATA = b"bytes that lie elsewhere"
QUIET = epochal.Settings(
    system_interval=0, silent=True, git=False, environment=False, console=False
)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "one.bin").write_bytes(DATA)
    return folder


@pytest.fixture
def site(elsewhere: Path) -> Iterator[str]:
    """A web server on loopback that serves the folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *given: object) -> None:
            super().__init__(*given, directory=str(elsewhere))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(60)


def test_files_and_web_pages_come_with_the_download(
    elsewhere: Path, site: str, tmp_path: Path, home: Path
) -> None:
    """And are in their place for verify(), which knows their digests where they were read."""
    with epochal.init(project="shop", mode="offline", settings=QUIET) as run:
        artifact = epochal.Artifact("far", "dataset")
        artifact.add_reference(f"file://{elsewhere}/one.bin", "local/one.bin")
        artifact.add_reference(f"{site}/one.bin", "web.bin")
        run.log_artifact(artifact)
    version = epochal.connect(home=home).artifact("far", "shop")
    root = Path(version.download(tmp_path / "root"))
    assert (root / "local/one.bin").read_bytes() == DATA
    assert (root / "web.bin").read_bytes() == DATA
    version.verify(root)
    (elsewhere / "one.bin").write_bytes(b"other bytes, other length")
    version.download(root)  # what is right already is not looked for again
    (root / "local/one.bin").unlink()
    with pytest.raises(CorruptFile, match="changed since"):
        version.download(root, path_prefix="local")
    assert not (root / "local/one.bin").exists()


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("s3://bucket/key", "pip install s3fs"),
        ("ftp://host/file", "does not follow"),
        ("file://host/share/file", "another machine"),
    ],
    ids=["library", "scheme", "host"],
)
def test_what_cannot_be_followed_is_told_before_anything_is_fetched(
    uri: str, says: str, elsewhere: Path, tmp_path: Path
) -> None:
    if uri.startswith("s3:") and importlib.util.find_spec("s3fs"):
        pytest.skip("s3fs is installed")
    good = Reference("good.bin", f"file://{elsewhere}/one.bin", None, None)
    with pytest.raises(InvalidInput, match=says):
        fetch_references([good, Reference("bad.bin", uri, None, None)], tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_another_size_is_noticed_without_a_digest(site: str, tmp_path: Path) -> None:
    with pytest.raises(CorruptFile, match=r"one\.bin"):
        fetch_references([Reference("x", f"{site}/one.bin", len(DATA) + 1, None)], tmp_path)
    assert os.listdir(tmp_path / "elsewhere") == ["one.bin"]
    assert not (tmp_path / "x").exists()


def test_what_is_gone_is_named(site: str, elsewhere: Path, tmp_path: Path) -> None:
    for uri in (f"{site}/gone.bin", f"file://{elsewhere}/gone.bin"):
        with pytest.raises(Unavailable, match=r"gone\.bin"):
            fetch_references([Reference("x", uri, 5, digest_of(DATA))], tmp_path / "root")
    assert list((tmp_path / "root").iterdir()) == []


def test_nothing_is_written_through_a_link(elsewhere: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    one = Reference("out/one.bin", f"file://{elsewhere}/one.bin", None, None)
    with pytest.raises(InvalidInput, match="link"):
        fetch_references([one], root)
