"""One job of Slurm for each attempt, through submitit; on a machine without Slurm, local jobs.

The home has to lie on a file system that the nodes share: jobs read and write it by digest. The
wait in the queue does not count against a time limit.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from epochal.clusters.slurm import LONGEST_MINUTES, submitter
from epochal.pipelines.execution import Outcome, Task
from epochal.pipelines.executors.remote import died, do_errand, errand_of, took_too_long
from epochal.pipelines.ledger import DIRECTORY
from epochal.pipelines.signature import Signature

POLL_S: Final = 0.1


class Slurm:
    """The executor."""

    def __init__(self) -> None:
        self._jobs: dict[str, Any] = {}
        self._lock = threading.Lock()

    def run(
        self,
        task: Task,
        signature: Signature,
        timeout: float | None,
        raised: Callable[[BaseException], None],
    ) -> Outcome:
        """See the package."""
        del raised
        job = _submitter(task, signature, timeout).submit(do_errand, errand_of(task))
        with self._lock:
            self._jobs[task.run_id] = job
        try:
            return _wait(job, timeout)
        finally:
            with self._lock:
                del self._jobs[task.run_id]

    def kill(self, run_ids: list[str]) -> None:
        """Cancel the jobs of some tasks; their ``run`` returns then."""
        with self._lock:
            jobs = [self._jobs[each] for each in run_ids if each in self._jobs]
        for job in jobs:
            job.cancel()


slurm: Final = Slurm()


def _submitter(task: Task, signature: Signature, timeout: float | None) -> Any:
    minutes = LONGEST_MINUTES if timeout is None else math.ceil(timeout / 60)
    options = {f"slurm_{name}": value for name, value in task.settings.items()}
    folder = Path(task.home) / DIRECTORY / "jobs"
    return submitter(folder, signature.name, minutes, task.resources, options)


def _wait(job: Any, timeout: float | None) -> Outcome:
    """Wait for the end of a job, and for no longer than it may run."""
    deadline = None
    while not job.done():
        now = time.monotonic()
        if timeout is not None and deadline is None and job.state == "RUNNING":
            deadline = now + timeout
        if timeout is not None and deadline is not None and now >= deadline:
            job.cancel(check=False)
            return took_too_long(timeout)
        time.sleep(POLL_S)
    try:
        return msgspec.msgpack.decode(job.result(), type=Outcome)
    except Exception as error:  # noqa: BLE001 - submitit raises of many kinds
        first = str(error).partition("\n")[0]
        text = f"its job {job.job_id} ended without a result: {type(error).__name__}: {first:.300}"
        return died(text, str(error))
