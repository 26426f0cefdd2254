"""Large files are written past the cache, with the same bytes in any portions."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path
from typing import Any

import pytest

from epochal.journal import straight
from epochal.journal.straight import CACHED, ROOM, StraightFile


def _write(file: StraightFile, content: bytes, seed: int) -> None:
    source = random.Random(seed)
    at = 0
    while at < len(content):
        size = source.choice((1, 4095, 65_536, ROOM, 3 * ROOM + 7))
        file.write(memoryview(content)[at : at + size])
        at += size
    assert file.size == len(content)
    file.close()
    file.close()


@pytest.mark.parametrize("is_read_soon", [False, True])
@pytest.mark.parametrize("size", [0, 1, CACHED, CACHED + 1, CACHED + ROOM, CACHED + 5 * ROOM + 77])
def test_a_file_holds_what_was_written(tmp_path: Path, size: int, is_read_soon: bool) -> None:
    """Whether or not it ends where the device likes it."""
    content = random.Random(size).randbytes(size)
    _write(StraightFile(tmp_path / "file", is_read_soon=is_read_soon), content, size)
    assert (tmp_path / "file").read_bytes() == content


@pytest.mark.skipif(not hasattr(os, "O_DIRECT"), reason="this system has no such way")
@pytest.mark.parametrize("taken", [0, 4096])
def test_where_the_device_refuses_the_cache_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    """At once, or after a part of a write."""
    content = random.Random(1).randbytes(CACHED + 3 * ROOM + 5)
    file = StraightFile(tmp_path / "file")
    real, straights = os.pwrite, []

    def pwrite(descriptor: int, data: Any, offset: int) -> int:
        if file._straight is not None and descriptor == file._straight.fileno():
            straights.append(len(data))
            if not taken:
                raise OSError(errno.EINVAL, "Invalid argument")
            data = data[:taken]
        return real(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    _write(file, content, 2)
    assert straights == [ROOM]
    assert (tmp_path / "file").read_bytes() == content


def test_a_file_system_without_that_way_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be opened so."""
    content = random.Random(1).randbytes(CACHED + 2 * ROOM)
    monkeypatch.setattr(straight, "_STRAIGHT", os.O_DIRECTORY)  # refused for a file
    _write(StraightFile(tmp_path / "file"), content, 3)
    assert (tmp_path / "file").read_bytes() == content


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """By whichever write finds it, and giving up is quiet."""
    file = StraightFile(tmp_path / "file")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, file._file.fileno())
    os.close(full)
    with pytest.raises(OSError, match="No space left"):
        file.write(b"x")
    file.give_up()
    file.give_up()


def test_what_is_held_when_it_is_given_up_is_not_written(tmp_path: Path) -> None:
    """Nobody wants the rest of it."""
    file = StraightFile(tmp_path / "file")
    file.write(bytes(CACHED + 10))
    file.give_up()
    assert (tmp_path / "file").stat().st_size == CACHED
