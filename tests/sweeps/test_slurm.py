"""Agents of a sweep as an array of Slurm: submitit's local jobs, where there is no Slurm."""

from __future__ import annotations

from pathlib import Path

import pytest

from epochal.errors import InvalidInput, NotFound
from epochal.sweeps import run_agents
from tests.sweeps.fleets import AgentsOnACluster, made


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip("submitit")
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    return "slurm"


class TestAgentsOnSlurm(AgentsOnACluster):
    """See there."""


def test_what_cannot_be_used_is_said_before_anything_starts(home: Path, tmp_path: Path) -> None:
    sweep_id = made(tmp_path)
    with pytest.raises(InvalidInput, match=r"executor is one of ray, slurm, got 'k8s'"):
        run_agents(sweep_id, executor="k8s", workers=1)
    for workers in (0, True, 1000):
        with pytest.raises(InvalidInput, match="workers goes from 1 to 256"):
            run_agents(sweep_id, executor="slurm", workers=workers)
    with pytest.raises(InvalidInput, match="count must be a positive whole number, got 0"):
        run_agents(sweep_id, executor="slurm", workers=1, count=0)
    with pytest.raises(NotFound, match="no sweep"):
        run_agents("nothere1", executor="slurm", workers=1)
    pytest.importorskip("submitit")
    with pytest.raises(InvalidInput, match=r"does not take these options.*slurm_partitoin"):
        run_agents(sweep_id, executor="slurm", workers=1, options={"slurm_partitoin": "gpu"})
