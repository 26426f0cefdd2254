"""Every test of an integration begins without a run, in its own directory, and ends its runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from epochal.client import guard
from epochal.client.exit import exits


@pytest.fixture(autouse=True)
def _no_run_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    guard.forget()
    monkeypatch.chdir(tmp_path)
    yield
    for run in list(exits._runs):
        run.end(0, interrupted=False)
