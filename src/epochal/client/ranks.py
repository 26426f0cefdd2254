"""Which process of a distributed job this is.

And what the job's processes can agree on without talking.

The launchers tell through environment variables: torchrun and most others (``RANK``), Slurm
(``SLURM_PROCID``), or only the place on this machine (``LOCAL_RANK``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from epochal.errors import InvalidInput

RANK_VARIABLES = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "LOCAL_RANK")


class Rank(msgspec.Struct, frozen=True):
    """Place in a distributed job: ``rank`` is 0 for a process that stands alone."""

    rank: int = 0
    launcher: str = ""


def read_rank(environment: Mapping[str, str]) -> Rank:
    """The rank of this process; unreadable variables are passed over."""
    for name in RANK_VARIABLES:
        text = environment.get(name, "").strip()
        if text.isdecimal():
            return Rank(rank=int(text), launcher=name)
    return Rank()


def job_id(environment: Mapping[str, str]) -> str:
    """A word that all processes of this job, and no other job, come to.

    Raises:
        InvalidInput: the job spans several machines and its launcher names nothing they share.
    """
    elastic = environment.get("TORCHELASTIC_RUN_ID", "")
    if elastic and elastic != "none":
        return elastic
    slurm = environment.get("SLURM_JOB_ID", "")
    if slurm:
        return f"slurm{slurm}-{environment.get('SLURM_STEP_ID', '0')}"
    if environment.get("WORLD_SIZE", "1") != environment.get(
        "LOCAL_WORLD_SIZE", environment.get("WORLD_SIZE", "1")
    ):
        raise InvalidInput(
            "the processes of this job run on several machines and share no job id; "
            "give them the same init(id=...) or EPOCHAL_RUN_ID"
        )
    port = environment.get("MASTER_PORT", "0")
    return f"job{os.getppid()}-{port}"
