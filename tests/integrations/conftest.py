"""Every test of an integration begins without a run, in its own directory, and ends its runs."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from epochal.client import guard
from epochal.client.exit import exits
from epochal.integrations.lightning import EpochalLogger
from tests.client.scripts import QUIET
from tests.integrations import boring
from tests.integrations.loggers import Make


@pytest.fixture(autouse=True)
def _no_run_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    guard.forget()
    monkeypatch.chdir(tmp_path)
    yield
    for run in list(exits._runs):
        run.end(0, interrupted=False)


@pytest.fixture(params=boring.FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    """Each test that asks for it runs under both of Lightning's packages."""
    importlib.import_module(request.param)
    return str(request.param)


@pytest.fixture
def make(tmp_path: Path, home: Path) -> Make:
    """``make(**arguments)``: a quiet logger that saves below the test's directory."""

    def start(**arguments: Any) -> EpochalLogger:
        return EpochalLogger(**{"save_dir": tmp_path, "settings": QUIET, **arguments})

    return start
