"""What an agent on a cluster does there: the work of any agent, and a word on how it went.

A worker that is told to end gives its trial back, so that another agent runs it at once: at the
time limit of a job, when a node is taken away, and when the driver is interrupted.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import msgspec

from epochal.clusters.place import Place
from epochal.errors import EpochalError
from epochal.sweeps.agent import work
from epochal.sweeps.processes import TERMINATED

SIGNALS = ("SIGTERM", "SIGUSR2")
"""What schedulers send; submitit asks Slurm for the second one before the time limit."""


class Order(msgspec.Struct, frozen=True):
    """What an agent on a cluster is told.

    Attributes:
        place: of the driver.
        sweep: id of the sweep.
        agent: id of the agent, as the driver announced it.
        count: most trials; None for as many as there are.
        grace: seconds that a trial has to end when it is stopped.
        url: a server; None to ask the home.
        home: the home; None when there is a server, and each machine has its own.
    """

    place: Place
    sweep: str
    agent: str
    count: int | None
    grace: float
    url: str | None
    home: str | None


def serve(order: Order, function: Callable[..., Any] | None) -> tuple[int, str]:
    """Be an agent. Runs in a worker.

    Returns:
        How many trials were run, and why the agent gave up; empty when it went home.
    """
    order.place.enter()
    if os.path.isdir(order.place.directory):
        os.chdir(order.place.directory)
    for name in SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _leave)
    try:
        done = work(
            order.sweep, function, order.count, order.grace, order.url, order.home,
            announced=order.agent, left="lost",
        )  # fmt: skip
    except EpochalError as error:
        return 0, error.message
    return done, ""


def _leave(number: int, frame: Any) -> None:
    del number, frame
    raise SystemExit(TERMINATED)
