"""`store.lock` is let go of by its holder, whoever was forked meanwhile."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from epochal.store.owner import open_store


@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")
def test_a_child_that_was_forked_meanwhile_does_not_keep_the_lock(home: Path) -> None:
    """A data loader's worker lives on when the reader that forked it has closed the home."""
    reading, writing = os.pipe()
    with open_store(home):
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    try:
        with open_store(home, wait=0.0) as again:
            assert again.home == home
    finally:
        os.close(writing)
        os.close(reading)
        os.waitpid(child, 0)
