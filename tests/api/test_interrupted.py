"""Downloads that break off, are killed or meet each other go on where they were."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from epochal.api import connect
from epochal.api.content import Content, OpenContent, Readable, open_blob, version_file
from epochal.api.download import BUFFER, Item, download
from epochal.api.question import Question, Source
from epochal.errors import CorruptFile, Unavailable
from epochal.journal.blobs import Blobs
from tests.api.written import contents_of, first


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
