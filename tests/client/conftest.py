"""Every test of the training side begins without a run and ends without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.client import guard
from tests.client.faulty import FaultyServer
from tests.client.scripts import QUIET


@pytest.fixture(autouse=True)
def _no_run_left() -> Iterator[None]:
    guard.forget()
    yield
    epochal.finish()


@pytest.fixture
def begin(home: Path) -> Callable[..., epochal.Run]:
    """``begin(**arguments)``: a quiet run in the test's home."""

    def start(**arguments: Any) -> epochal.Run:
        settings = {**QUIET, **arguments.pop("settings", {})}
        return epochal.init(**{"project": "tests", "settings": settings, **arguments})

    return start


@pytest.fixture
def faulty() -> Iterator[FaultyServer]:
    """A server that takes journals, and fails when it is told to."""
    server = FaultyServer()
    yield server
    server.close()
