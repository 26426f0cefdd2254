"""Small files are whole at any moment, whoever writes and whatever goes wrong."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from epochal.journal.whole import write_whole


def test_the_content_is_replaced_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert write_whole(path, b"one")
    assert write_whole(str(path), b"two", sync=False)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["a.json"]


def test_of_many_at_once_exactly_one_is_the_first_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "stop.json"

    def wish(number: int) -> bool:
        return write_whole(path, f"wish {number}".encode(), first=True, sync=False)

    with ThreadPoolExecutor(16) as pool:
        first = list(pool.map(wish, range(64)))
    assert first.count(True) == 1
    assert path.read_bytes() == f"wish {first.index(True)}".encode()
    assert os.listdir(tmp_path) == ["stop.json"]


def test_what_cannot_take_its_place_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "taken", b"x")
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing" / "a", b"x")
    assert os.listdir(tmp_path) == ["taken"]
