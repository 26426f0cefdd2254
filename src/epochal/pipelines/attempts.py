"""From a call to its outcome: executor, tracked run, retries, hooks."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from epochal.client import guard
from epochal.domain.pipeline import Ended, Facts, Started
from epochal.errors import InvalidInput, MissingExtra, Unavailable
from epochal.pipelines import tracking
from epochal.pipelines.cache import Hit
from epochal.pipelines.context import StepContext, attachments
from epochal.pipelines.execution import Outcome, Task
from epochal.pipelines.executors.processes import Processes, processes
from epochal.pipelines.executors.ray import Ray, ray_tasks
from epochal.pipelines.executors.slurm import Slurm, slurm
from epochal.pipelines.executors.threads import run_here
from epochal.pipelines.ledger import Ledger
from epochal.pipelines.named import MAINS, script_of
from epochal.pipelines.node import Node
from epochal.pipelines.stacks import Placement

ELSEWHERE: Final[Mapping[str, Processes | Ray | Slurm]] = {
    "process": processes,
    "ray": ray_tasks,
    "slurm": slurm,
}
"""The executors that can end what they run, by name."""


class Attempts:
    """Runs the attempts of one pipeline run's calls; used from many threads.

    Attributes:
        unsent: a server that does not have all of their tracked runs; empty for none.
    """

    def __init__(
        self,
        home: Path,
        project: str,
        run_id: str,
        ledger: Ledger | None,
        placement: Placement,
    ) -> None:
        self._home = home
        self._project = project
        self._run_id = run_id
        self._ledger = ledger
        self._placement = placement
        self._tables: dict[str, str] = {}
        self._stopped = threading.Event()
        self._elsewhere: set[str] = set()
        self._lock = threading.Lock()
        self.unsent = ""

    def run(self, node: Node) -> Outcome:
        """Try a call until it succeeds or no retry is left."""
        outcome = Outcome(None, "it was not started")
        for attempt in range(1, node.options.retries + 2):
            outcome = self._once(node, attempt)
            if outcome.outputs is not None:
                self._hook(node, attempt, node.options.on_success)
                break
            error = node.exception or RuntimeError(outcome.error)
            self._hook(node, attempt, node.options.on_failure, error)
            last = attempt > node.options.retries or self._stopped.is_set()
            if last or not _worth_it(outcome, node):
                break
            self._again(node, attempt, outcome)
            delay = node.options.retry_delay * 2 ** (attempt - 1)
            if self._stopped.wait(delay * random.uniform(0.9, 1.1)):  # noqa: S311 - no secret
                break
        return outcome

    def _once(self, node: Node, attempt: int) -> Outcome:
        node.exception = None
        node.run_id = tracking.step_run_id(self._run_id, node.name, attempt)
        place = node.options.place(self._placement.executor)
        try:
            task = self._task(node, attempt, place)
            if place != "thread":
                self._check_named(node)
        except InvalidInput as error:
            return Outcome(None, error.message, "", ["epochal.errors:InvalidInput"])
        first = node.keyed if attempt == 1 else None
        key, facts = ("", None) if first is None else (first.key, first.facts)
        self._write(Started(node.name, tracking.now_us(), attempt, node.run_id, key, facts))

        def raised(error: BaseException) -> None:
            node.exception = error

        outcome = self._carry_out(place, task, node, raised)
        self.unsent = self.unsent or outcome.unsent
        if outcome.table and node.keyed is not None:
            self._tables[node.keyed.facts.code] = outcome.table
        return outcome

    def _carry_out(
        self, place: str, task: Task, node: Node, raised: Callable[[BaseException], None]
    ) -> Outcome:
        if place == "thread":
            return run_here(task, node.signature, None, raised)
        executor = ELSEWHERE[place]
        with self._lock:
            self._elsewhere.add(task.run_id)
        try:
            return executor.run(task, node.signature, node.options.timeout, raised)
        except (MissingExtra, Unavailable) as error:
            return Outcome(None, error.message, "", ["epochal.errors:InvalidInput"])
        finally:
            with self._lock:
                self._elsewhere.discard(task.run_id)

    def _task(self, node: Node, attempt: int, place: str) -> Task:
        table = b""
        if node.keyed is not None and node.keyed.facts.code not in self._tables:
            table = node.keyed.code.table()
        return Task(
            target=node.target,
            script=script_of(node.signature.function),
            home=str(self._home),
            project=self._project,
            pipeline_run=self._run_id,
            step=node.name,
            attempt=attempt,
            run_id=node.run_id,
            arguments=node.arguments,
            inputs=node.resolved(),
            used=node.used,
            table=table,
            code="" if node.keyed is None else node.keyed.code.code,
            pin=node.options.pin,
            tracker=None if node.options.tracker is None else str(node.options.tracker),
            resources=node.options.resources,
            settings=self._placement.settings if place == self._placement.executor else {},
        )

    @staticmethod
    def _check_named(node: Node) -> None:
        if not node.target:
            owner = node.signature.function.__module__
            kind = "a notebook" if owner in MAINS else "a function"
            raise InvalidInput(
                f"step {node.name!r} cannot run in a process, because it is defined inside of "
                f"{kind}; move it to the top of a module, or use executor='thread' without timeout"
            )

    def _again(self, node: Node, attempt: int, outcome: Outcome) -> None:
        self._write(
            Ended(
                node.name,
                "failed",
                tracking.now_us(),
                run_id=node.run_id,
                error=outcome.error,
                attempt=attempt,
                again=True,
            )
        )

    def _hook(
        self, node: Node, attempt: int, hook: Callable[..., object] | None, *more: Any
    ) -> None:
        """Call a hook of the user. One that raises is told, and changes nothing."""
        if hook is None:
            return
        context = StepContext(
            node.name,
            tuple(slot.name for slot in node.signature.outputs.slots),
            pipeline=self._project,
            pipeline_run=self._run_id,
            attempt=attempt,
            root=attachments(self._home, self._run_id, node.name),
        )
        with guard.Shield(f"the hook of step {node.name!r}"):
            hook(context, *more)

    def with_table(self, facts: Facts, hit: Hit | None) -> Facts:
        """Facts that name the blob with the code's dependencies, where there is one."""
        table = self._tables.get(facts.code) or ("" if hit is None else hit.table)
        return msgspec.structs.replace(facts, table=table) if table else facts

    def stop(self) -> None:
        """Kill what runs in processes, and retry nothing any more."""
        self._stopped.set()
        with self._lock:
            running = list(self._elsewhere)
        for executor in ELSEWHERE.values():
            executor.kill(running)

    def _write(self, line: Started | Ended) -> None:
        if self._ledger is not None:
            self._ledger.write(line)


def _worth_it(outcome: Outcome, node: Node) -> bool:
    """Whether a retry may help: not after a mistake of the program that we found ourselves."""
    names = {f"{kind.__module__}:{kind.__qualname__}" for kind in node.options.retry_on}
    return bool(names & set(outcome.kinds)) and "epochal.errors:InvalidInput" not in outcome.kinds
