"""One task of Ray for each attempt, on a cluster that is there already.

An orchestrator may name its address. The home has to lie on a file system that the nodes share:
tasks read and write it by digest. Waiting for a place does not count against a time limit. Ray
itself retries nothing: a task may have written before it died.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from epochal.clusters.ray import connected
from epochal.pipelines.execution import Outcome, Task
from epochal.pipelines.executors.remote import died, do_errand, errand_of, took_too_long
from epochal.pipelines.signature import Signature

POLL_S: Final = 0.2


def work(data: bytes) -> Iterator[bytes]:
    """Tell that the task has begun, then how it ended; runs in a worker of Ray."""
    yield b""
    yield do_errand(data)


class Ray:
    """The executor."""

    def __init__(self) -> None:
        self._tasks: dict[str, Any] = {}
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
        ray = connected(task.settings.get("address", ""))
        try:
            running = _submit(ray, task, signature)
            with self._lock:
                self._tasks[task.run_id] = running
            return _wait(ray, running, timeout)
        except ray.exceptions.RayError as error:
            first = str(error).strip().partition("\n")[0]
            kind = type(error).__name__
            text = f"its Ray task ended without a result: {kind}: {first:.300}"
            return died(text, str(error))
        finally:
            with self._lock:
                self._tasks.pop(task.run_id, None)

    def kill(self, run_ids: list[str]) -> None:
        """Cancel some tasks; their ``run`` returns then."""
        with self._lock:
            tasks = [self._tasks[each] for each in run_ids if each in self._tasks]
        for each in tasks:
            importlib.import_module("ray").cancel(each, force=True)


ray_tasks: Final = Ray()


def _submit(ray: Any, task: Task, signature: Signature) -> Any:
    """A generator of references: to the news that it has begun, and to its outcome."""
    wanted = task.resources
    options = {
        "name": signature.name,
        "num_cpus": wanted.get("cpu", 1),
        "num_gpus": wanted.get("gpu", 0),
        "max_retries": 0,
        "num_returns": "streaming",
    }
    return ray.remote(work).options(**options).remote(errand_of(task))


def _wait(ray: Any, running: Any, timeout: float | None) -> Outcome:
    """Wait for the end of a task, and for no longer than it may run."""
    ray.get(next(running))
    deadline = None if timeout is None else time.monotonic() + timeout
    while not ray.wait([running], timeout=POLL_S if deadline else None)[0]:
        if deadline is not None and time.monotonic() >= deadline:
            ray.cancel(running, force=True)
            return took_too_long(timeout or 0.0)
    return msgspec.msgpack.decode(ray.get(next(running)), type=Outcome)
