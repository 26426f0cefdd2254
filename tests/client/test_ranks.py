"""The processes of a distributed job: rank 0 logs; or all log to one run; or each has its own
(F20).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from epochal.client.ranks import job_id, read_rank
from epochal.errors import InvalidInput
from tests.client.scripts import PRELUDE, Told, read_home

SOURCE = """
import os
run = epochal.init(project="ddp", settings={**QUIET, "silent": None, %s}, %s)
rank = int(os.environ["RANK"])
for i in range(20): run.log({"loss": float(rank), "i": i})
assert run.summary["i"] == 19
run.config.update({"seen": rank})
"""


def run_ranks(home: Path, settings: str = "", arguments: str = "", **env: str) -> list[str]:
    """Start four ranks at once, as torchrun does, and give back what each printed on stderr."""
    source = PRELUDE + SOURCE % (settings, arguments)
    base = {
        **os.environ,
        "EPOCHAL_HOME": str(home),
        "WORLD_SIZE": "4",
        "LOCAL_WORLD_SIZE": "4",
        **env,
    }
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", source],
            env={**base, "RANK": str(n), "LOCAL_RANK": str(n)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    outputs = [rank.communicate(timeout=60)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0] * 4, outputs
    return outputs


def test_rank_0_logs_by_default_and_the_others_are_quiet(home: Path) -> None:
    outputs = run_ranks(home)
    (told,) = read_home(home)
    assert told.header.rank == 0
    assert "recording" in outputs[0]
    assert outputs[1:] == [""] * 3


def by_rank(told: list[Told]) -> dict[int, Told]:
    return {one.header.rank: one for one in told}


@pytest.mark.parametrize("how", ["id", "variable", "launcher"])
def test_shared_ranks_log_to_one_run(how: str, home: Path) -> None:
    env = {
        "id": {},
        "variable": {"EPOCHAL_RUN_ID": "job7"},
        "launcher": {"TORCHELASTIC_RUN_ID": "job7"},
    }[how]
    outputs = run_ranks(home, '"shared": True', 'id="job7"' if how == "id" else "", **env)
    told = by_rank(read_home(home))
    assert sorted(told) == [0, 1, 2, 3]
    assert {one.header.run_id for one in told.values()} == {"job7"}
    assert [told[n].header.primary for n in range(4)] == [True, False, False, False]
    assert all(told[n].points("i") == [(i, i) for i in range(20)] for n in range(4))
    states = [told[n].finish.state for n in range(4)]  # type: ignore[union-attr]
    assert states == ["finished", None, None, None]
    assert outputs[1:] == [""] * 3


def test_each_rank_can_have_a_run_of_its_own_in_one_group(home: Path) -> None:
    from epochal.domain.record import Attributes

    run_ranks(home, '"ranks": "each"', 'id="job"')
    told = by_rank(read_home(home))
    assert [told[n].header.run_id for n in range(4)] == [f"job-rank{n}" for n in range(4)]
    assert {one.all(Attributes)[0].changes["group"] for one in told.values()} == {"job"}
    assert all(one.finish is not None and one.finish.state == "finished" for one in told.values())


@pytest.mark.parametrize(
    "environment,rank",
    [
        ({}, 0),
        ({"RANK": "3"}, 3),
        ({"RANK": "0", "LOCAL_RANK": "2"}, 0),
        ({"SLURM_PROCID": "5", "LOCAL_RANK": "1"}, 5),
        ({"LOCAL_RANK": "1"}, 1),
        ({"RANK": "-1"}, 0),
        ({"RANK": "many", "SLURM_PROCID": "2"}, 2),
    ],
)
def test_the_rank_is_read_from_the_launcher(environment: dict[str, str], rank: int) -> None:
    assert read_rank(environment).rank == rank


def test_a_job_without_a_common_word_asks_for_one() -> None:
    with pytest.raises(InvalidInput, match="EPOCHAL_RUN_ID"):
        job_id({"WORLD_SIZE": "16", "LOCAL_WORLD_SIZE": "8", "TORCHELASTIC_RUN_ID": "none"})
    assert job_id({"SLURM_JOB_ID": "77", "WORLD_SIZE": "16"}) == "slurm77-0"


def test_runs_of_ranks_without_an_id_are_in_one_group_too(home: Path) -> None:
    """The group is the job's word."""
    from epochal.domain.record import Attributes

    run_ranks(home, '"ranks": "each"', "", TORCHELASTIC_RUN_ID="job7")
    told = read_home(home)
    assert len({one.header.run_id for one in told}) == 4
    assert {one.all(Attributes)[0].changes["group"] for one in told} == {"job7"}
