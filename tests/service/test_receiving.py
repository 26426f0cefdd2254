"""Bodies are hashed and written side by side, and end as the bytes that came."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from epochal.journal.straight import Piece
from epochal.service.checksums import NamedDeposit
from epochal.service.deposits import Deposit
from epochal.service.receiving import PIECE, receive


async def _chunks(sizes: list[int], source: random.Random) -> AsyncIterator[bytes]:
    for size in sizes:
        await asyncio.sleep(0)
        yield source.randbytes(size)


@pytest.mark.parametrize("seed", range(4))
def test_what_comes_in_chunks_of_any_size_is_kept_and_named_whole(
    tmp_path: Path, seed: int
) -> None:
    """Empty ones, bytes one by one, and chunks that are larger than a piece."""
    source = random.Random(seed)
    sizes = [source.choice((0, 1, 700, PIECE - 1, PIECE, 3 * PIECE + 5)) for _ in range(20)]
    sizes += [1] * 600
    deposit = NamedDeposit(tmp_path / "file")
    asyncio.run(receive(_chunks(sizes, random.Random(seed)), deposit))
    again = random.Random(seed)
    expected = b"".join(again.randbytes(size) for size in sizes)
    assert deposit.complete() == hashlib.sha256(expected).hexdigest()
    assert deposit.md5 == hashlib.md5(expected, usedforsecurity=False).hexdigest()
    assert deposit.size == len(expected)
    assert (tmp_path / "file").read_bytes() == expected


def test_nobody_works_on_a_file_that_is_given_up(tmp_path: Path) -> None:
    """One of the two may fail while the other is still busy."""

    async def scenario() -> None:
        with pytest.raises(RuntimeError, match="no more threads"):
            await receive(_chunks([PIECE] * 2, random.Random(1)), deposit)
        assert deposit.kept

    deposit = Half(tmp_path / "file", "", "")
    asyncio.run(scenario())
    deposit.discard()


class Half(Deposit):
    """Cannot hash, and writes once that is known."""

    kept = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._failed = threading.Event()

    def hash(self, *_pieces: Piece) -> None:
        """Fails at once."""
        self._failed.set()
        raise RuntimeError("no more threads")

    def keep(self, *_pieces: Piece) -> None:
        """Takes a while."""
        assert self._failed.wait(30)
        threading.Event().wait(0.3)
        self.kept = True


def test_a_disk_that_takes_nothing_ends_it(tmp_path: Path) -> None:
    """The error reaches who sent the body; whatever was still hashed harms nobody."""
    deposit = Deposit(tmp_path / "file", "", "")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, deposit._file._file.fileno())
    os.close(full)
    with pytest.raises(OSError, match="No space left"):
        asyncio.run(receive(_chunks([PIECE] * 4, random.Random(1)), deposit))
    deposit.discard()
