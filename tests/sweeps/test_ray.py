"""Agents of a sweep as tasks of Ray."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sweeps.fleets import AgentsOnACluster

STORE_BYTES = 80 * 1024 * 1024


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A small cluster of Ray on this machine; its address."""
    ray: Any = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        found = ray.init(
            num_cpus=2,
            object_store_memory=STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            _temp_dir=tempfile.mkdtemp(prefix="ray-"),
        )
        yield str(found.address_info["gcs_address"])
        ray.shutdown()


@pytest.fixture
def executor(cluster: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    return "ray"


class TestAgentsOnRay(AgentsOnACluster):
    """See there."""
