"""A home with runs, open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from epochal.store.ingest import ingest_home
from epochal.store.owner import Store, open_store
from tests.service.reports.written import write_runs


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    write_runs(home)
    with open_store(home) as opened:
        ingest_home(opened)
        yield opened
