"""Who submits jobs to Slurm, through submitit; on a machine without Slurm, local jobs."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from epochal.errors import InvalidInput, MissingExtra

LONGEST_MINUTES: Final = 60 * 24


def submitter(
    folder: Path,
    name: str,
    minutes: int,
    resources: Mapping[str, float],
    options: Mapping[str, Any] | None = None,
) -> Any:
    """An executor of submitit.

    Args:
        folder: for what submitit writes; on a file system that the nodes share.
        name: of the jobs.
        minutes: time limit of a job.
        resources: ``cpu`` and ``gpu`` of a job.
        options: parameters of submitit's ``AutoExecutor``, such as ``slurm_partition``.

    Raises:
        MissingExtra: submitit is not installed.
        InvalidInput: submitit does not know an option.
    """
    try:
        submitit: Any = importlib.import_module("submitit")
        importlib.import_module("pkg_resources")
    except ModuleNotFoundError:
        raise MissingExtra("executor='slurm'", "slurm") from None
    executor = submitit.AutoExecutor(folder=folder)
    parameters: dict[str, Any] = {"name": name, "timeout_min": minutes}
    if "gpu" in resources:
        parameters["gpus_per_node"] = math.ceil(resources["gpu"])
    if "cpu" in resources:
        parameters["cpus_per_task"] = math.ceil(resources["cpu"])
    try:
        executor.update_parameters(**{**parameters, **(options or {})})
    except (NameError, TypeError, ValueError) as error:
        raise InvalidInput(f"submitit does not take these options: {error!s:.300}") from None
    return executor
