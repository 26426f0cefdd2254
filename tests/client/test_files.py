"""Files saved with a run: which, when, and under which path."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import epochal
from epochal.domain.record import BlobRef, File
from epochal.errors import EpochalWarning, InvalidInput, RunStateError
from epochal.journal.blobs import Blobs
from tests.client.scripts import read_home

Begin = Callable[..., epochal.Run]


def saved(home: Path) -> list[tuple[str, str, bytes]]:
    (told,) = read_home(home)
    out = []
    for file in told.all(File):
        assert isinstance(file.blob, BlobRef)
        out.append((file.path, file.policy, Blobs(home).read(file.blob.digest)))
    return out


def until(done: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "work"
    (root / "out" / "deep").mkdir(parents=True)
    (root / "out" / "a.txt").write_text("a")
    (root / "out" / "deep" / "b.csv").write_text("b")
    monkeypatch.chdir(root)
    return root


def test_now_keeps_a_file_as_it_is(begin: Begin, home: Path, work: Path) -> None:
    run = begin()
    assert run.save("out/a.txt", policy="now") == ["out/a.txt"]
    assert run.flush()
    (work / "out" / "a.txt").write_text("later")
    run.finish()
    assert saved(home) == [("out/a.txt", "now", b"a")]


def test_patterns_directories_and_bases(begin: Begin, home: Path, work: Path) -> None:
    run = begin()
    assert run.save("out/**/*.csv", policy="now") == ["out/deep/b.csv"]
    assert run.save("out", policy="now") == ["out/a.txt", "out/deep/b.csv"]
    assert run.save(work / "out" / "a.txt", policy="now") == ["a.txt"]
    assert run.save(str(work / "out" / "*.txt"), base_path=work, policy="now") == ["out/a.txt"]
    assert run.save("out/**", base_path="out", policy="now") == ["a.txt", "deep/b.csv"]
    assert run.save("a.txt", base_path="out", policy="now") == ["a.txt"]
    run.finish()


def test_live_follows_the_file_and_end_waits(begin: Begin, home: Path, work: Path) -> None:
    run = begin()
    run._session.objects.files.look()
    run.save("out/a.txt", policy="live")
    run.save("out/deep/b.csv", policy="end")
    assert run.flush()
    (work / "out" / "a.txt").write_text("second")
    (work / "out" / "deep" / "b.csv").write_text("last")
    until(lambda: len(saved(home)) == 2)
    (work / "out" / "a.txt").write_text("third..")
    run.finish()
    assert saved(home) == [
        ("out/a.txt", "live", b"a"),
        ("out/a.txt", "live", b"second"),
        ("out/a.txt", "live", b"third.."),
        ("out/deep/b.csv", "end", b"last"),
    ]


def test_what_is_not_there_is_said_once(begin: Begin, home: Path, work: Path) -> None:
    run = begin()
    with pytest.warns(EpochalWarning, match="no file"):
        assert run.save("nothing/*.x") == []
    run.save("out/a.txt", policy="end")
    os.unlink("out/a.txt")
    with pytest.warns(EpochalWarning, match="not kept"):
        run.finish()
    assert saved(home) == []


def test_what_lies_outside_of_the_base_is_refused(begin: Begin, work: Path) -> None:
    (work.parent / "secret").write_text("s")
    (work / "out" / "link").symlink_to(work.parent / "secret")
    run = begin()
    with pytest.raises(InvalidInput, match="outside"):
        run.save("../secret")
    with pytest.raises(InvalidInput, match="outside"):
        run.save("out/link")
    with pytest.raises(InvalidInput, match="policy"):
        run.save("out/a.txt", policy="sometimes")
    with pytest.raises(InvalidInput, match="path"):
        run.save(7)
    run.finish()
    with pytest.raises(RunStateError):
        run.save("out/a.txt")


def test_a_disabled_run_saves_nothing(begin: Begin, home: Path, work: Path) -> None:
    run = begin(mode="disabled")
    assert run.save("out/a.txt") == ["out/a.txt"]
    run.finish()
    assert list(home.iterdir()) == []
