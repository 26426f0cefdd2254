"""Agents on a cluster, one by one: a task of Ray, or a job of an array of Slurm.

A post is looked at and told to end; nothing else. Neither cluster starts one again by itself:
whoever waits for the agents does (`epochal.sweeps.fleet`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from epochal.clusters.slurm import submitter
from epochal.errors import InvalidInput
from epochal.sweeps.environment import variables
from epochal.sweeps.serving import Order, serve
from epochal.sweeps.trials import FOLDER

NAME: Final = "epochal-agent"


class Needs(msgspec.Struct, frozen=True):
    """What each agent gets.

    Attributes:
        cpu: cores.
        gpu: GPUs; a trial sees only those of its agent.
        minutes: time limit of a job of Slurm.
        options: of the cluster, such as ``slurm_partition``.
    """

    cpu: float = 1
    gpu: float = 0
    minutes: int = 24 * 60
    options: Mapping[str, Any] = {}


class Ending(msgspec.Struct, frozen=True):
    """How an agent on a cluster ended.

    Attributes:
        trials: that it ran; 0 when its worker died, as nobody can tell then.
        problem: why it gave up; empty when it went home.
        died: whether its worker came to no end that it could tell.
    """

    trials: int
    problem: str
    died: bool = False


class Post(Protocol):
    """An agent on a cluster."""

    def over(self) -> bool:
        """Whether it neither waits for its place nor works."""

    def ending(self) -> Ending:
        """How it ended, once it is over; a file system may take seconds to show that."""

    def end(self, *, force: bool) -> None:
        """Tell it to end, or kill it."""


class RayPost:
    """An agent in a task of Ray."""

    def __init__(self, ray: Any, task: Any) -> None:
        self._ray = ray
        self._task = task

    def over(self) -> bool:
        """See `Post`."""
        return bool(self._ray.wait([self._task], timeout=0)[0])

    def ending(self) -> Ending:
        """See `Post`."""
        try:
            return Ending(*self._ray.get(self._task))
        except self._ray.exceptions.RayError as error:
            return _died(error)

    def end(self, *, force: bool) -> None:
        """See `Post`."""
        self._ray.cancel(self._task, force=force)


class SlurmPost:
    """An agent in a job of Slurm."""

    def __init__(self, job: Any) -> None:
        self._job = job

    def over(self) -> bool:
        """See `Post`."""
        return bool(self._job.done())

    def ending(self) -> Ending:
        """See `Post`."""
        try:
            return Ending(*self._job.result())
        except Exception as error:  # noqa: BLE001 - submitit raises of many kinds
            return _died(error)

    def end(self, *, force: bool) -> None:
        """See `Post`. Slurm itself kills what does not end."""
        del force
        self._job.cancel(check=False)


def _died(error: Exception) -> Ending:
    first = str(error).strip().partition("\n")[0]
    return Ending(0, f"{type(error).__name__}: {first:.300}", died=True)


def post_ray(
    orders: Sequence[Order], function: Callable[..., Any] | None, needs: Needs, ray: Any
) -> list[Post]:
    """Start agents as tasks of Ray, which is connected; they wait for a place.

    Raises:
        InvalidInput: Ray does not know an option.
    """
    options = {
        "name": NAME,
        "num_cpus": needs.cpu,
        "num_gpus": needs.gpu,
        "max_retries": 0,
        "max_calls": 1,
        **needs.options,
    }
    try:
        task = ray.remote(**options)(serve)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"Ray does not take these options: {error!s:.300}") from None
    return [RayPost(ray, task.remote(order, function)) for order in orders]


def post_slurm(
    orders: Sequence[Order], function: Callable[..., Any] | None, needs: Needs, home: Path
) -> list[Post]:
    """Start agents as jobs of one array of Slurm; local processes where there is no Slurm.

    Raises:
        MissingExtra: submitit is not installed.
        InvalidInput: submitit does not know an option.
    """
    resources = {"cpu": needs.cpu} | ({"gpu": needs.gpu} if needs.gpu else {})
    folder = home / FOLDER / "jobs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    executor = submitter(folder, NAME, needs.minutes, resources, needs.options)
    with variables({"PYTHONPATH": os.pathsep.join(orders[0].place.path)}):
        jobs = executor.map_array(serve, orders, [function] * len(orders))
    return [SlurmPost(job) for job in jobs]
