"""Runs the calls of one pipeline run: as soon as what they need is done, side by side.

The thread that runs the pipeline's function submits calls and never runs user code of a step
itself, but answers from the cache at once. Only the engine writes the ledger and the cache; the
executors read and write blobs and the journals of tracked runs.
"""

from __future__ import annotations

import collections
import itertools
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import msgspec

from epochal.client.run import Run
from epochal.domain.names import check_name
from epochal.domain.pipeline import DONE, Added, Ended, Stored
from epochal.errors import EpochalError, InvalidInput, NotFound, StepFailed
from epochal.journal.blobs import Blobs
from epochal.pipelines import keeping, tracking
from epochal.pipelines.arguments import encode_argument
from epochal.pipelines.attempts import Attempts
from epochal.pipelines.cache import Cache, Hit
from epochal.pipelines.configuring import read_configuration
from epochal.pipelines.execution import Outcome, failure
from epochal.pipelines.futures import Future
from epochal.pipelines.key import make_key
from epochal.pipelines.ledger import Ledger
from epochal.pipelines.node import Node, Unknown
from epochal.pipelines.options import HERE, PipelineOptions, StepOptions, read_step_options
from epochal.pipelines.resources import Tokens
from epochal.pipelines.signature import Signature
from epochal.pipelines.spots import warn_of_blind_spots
from epochal.pipelines.stacks import Placement, tracker_of
from epochal.pipelines.surroundings import Surroundings
from epochal.pipelines.tracking import now_us


class Engine:
    """One pipeline run.

    Args:
        home: the home.
        project: name of the pipeline.
        run_id: id of the pipeline run.
        options: of the pipeline.
        placement: where its steps run.
        ledger: where to write down what happens; None for a dry run.
        run: the tracked run of the pipeline; None for a dry run.
        finished: outputs of an earlier run that this one resumes, by key.
    """

    def __init__(
        self,
        home: Path,
        project: str,
        run_id: str,
        options: PipelineOptions,
        placement: Placement,
        ledger: Ledger | None,
        run: Run | None,
        finished: Mapping[str, Hit] | None = None,
    ) -> None:
        self.home = home
        self.blobs = Blobs(home)
        self.cache = Cache(home, self.blobs)
        self.project = project
        self.run_id = run_id
        self.options = options
        self.nodes: dict[str, Node] = {}
        self.first_failure: Node | None = None
        self._configuration = read_configuration(options.config)
        self._ledger = ledger
        self._run = run
        self._surroundings = None if run is None else Surroundings(run)
        self._finished = dict(finished or {})
        self._placement = placement
        self._attempts = Attempts(home, project, run_id, ledger, placement)
        self._lock = threading.RLock()
        self._waiting: dict[str, Node] = {}
        self._agenda: collections.deque[Node] = collections.deque()
        self._by_key: dict[str, Node] = {}
        self._twins: dict[str, list[Node]] = {}
        self._counts: collections.Counter[str] = collections.Counter()
        self._tokens = Tokens(options.resources, placement.parallel, self._go)
        self._stopped = ""
        self._trouble: Exception | None = None

    @property
    def dry(self) -> bool:
        """Whether this is a dry run."""
        return self._ledger is None

    @property
    def unsent(self) -> str:
        """A server that does not have all of the steps' tracked runs; empty for none."""
        return self._attempts.unsent

    # -- calls
    def submit(
        self,
        signature: Signature,
        options: StepOptions,
        target: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        given: Mapping[str, Any],
        suffix: str = "",
    ) -> Any:
        """Take a call of a step; returns its futures at once.

        Args:
            signature: of the step.
            options: of the step.
            target: its function by name; empty where it has none.
            args: of the call.
            kwargs: of the call.
            given: parameters from a file or the command line, for what the call leaves out.
            suffix: of the step's name.

        Raises:
            InvalidInput: the call cannot be.
            NotFound: its tracker is not registered, or the stack has none.
        """
        name = self._name(options.name or signature.name, suffix)
        if options.tracker is not None:
            tracker = tracker_of(self.home, self._placement, options.tracker)
            options = msgspec.structs.replace(options, tracker=tracker)
        node = Node(name, signature, options, self.home, target)
        is_here = options.place(self._placement.executor) in HERE
        node.tokens = self._tokens.needed(name, options.resources, is_here=is_here)
        arguments = signature.bind(name, args, kwargs, given)
        for argument, value in arguments.items():
            encode_argument(node, argument, value, self._need, self._external)
        for each in options.after:
            self._need(node, each)
        with self._lock:
            self.nodes[name] = node
            self._write(
                Added(name, target or signature.name, now_us(), [n.name for n in node.needs])
            )
            if node.ready:
                self._agenda.append(node)
                self._go_on()
            else:
                self._waiting[name] = node
                for need in node.needs:
                    need.dependents.append(node)
        return node.futures()

    def configured(self, step: str, options: StepOptions) -> tuple[Mapping[str, Any], StepOptions]:
        """Parameters and options that the pipeline's configuration has for a step."""
        settings = dict(self._configuration.steps.get(step, {}))
        parameters = settings.pop("parameters", {})
        return parameters, read_step_options(options, settings) if settings else options

    def _name(self, wish: str, suffix: str) -> str:
        with self._lock:
            name = check_name(wish, "step name") + suffix
            self._counts[name] += 1
            while self._counts[name] > 1:
                name = f"{wish}_{self._counts[name]}{suffix}"
                self._counts[name] += 1
            return name

    def _external(self, node: Node, argument: str, value: Any) -> Stored:
        """A value that the pipeline's function gives to a step, and that is no plain one."""
        stored = keeping.keep(self.blobs, value)
        if self._run is None:
            return stored
        name = tracking.artifact_name(node.signature.name, argument, named=False)
        return tracking.commit_output(
            self._run, stored, name=name, step=node.name, output=argument, pipeline_run=self.run_id
        )

    def _need(self, node: Node, future: Any) -> None:
        if not isinstance(future, Future):
            raise InvalidInput(f"after= takes futures of steps, got {type(future).__name__}")
        if future.node not in node.needs:
            if self.nodes.get(future.step) is not future.node:
                raise InvalidInput(
                    f"step {node.name!r} gets an output of step {future.step!r} of another run; "
                    f"load() its value and give that"
                )
            node.needs.append(future.node)

    # -- progress; the lock is held in all of these
    def _go_on(self) -> None:
        """Advance what is ready, and what becomes ready by that; without recursion."""
        while self._agenda:
            node = self._agenda.popleft()
            if node.done.is_set():
                continue
            if self._stopped and not self.dry:
                self._end(node, "skipped", error=self._stopped)
            else:
                self._advance(node)

    def _advance(self, node: Node) -> None:
        """Decide what becomes of a call whose needs are done."""
        broken = next((need for need in node.needs if need.state not in DONE), None)
        if broken is not None:
            if self.dry:
                self._end(node, "waits")
                return
            node.broke_on = broken.broke_on or broken
            self._end(node, "skipped", error=f"needs {broken.name!r}")
            return
        try:
            hit = self._look_up(node)
        except (EpochalError, OSError) as error:
            node.exception = error
            self._fail(node, getattr(error, "message", str(error)))
            return
        if hit is not None:
            self._take(node, hit)
        elif self.dry:
            self._end(node, "runs")
        elif not self._has_twin(node):
            self._tokens.start(node)

    def _look_up(self, node: Node) -> Hit | None:
        inputs = node.resolved()
        used = {name: [inputs[i] for i in places] for name, places in node.used.items()}
        node.keyed = keyed = make_key(
            node.signature.function, node.options, node.signature.outputs, node.texts, used
        )
        hit = self._finished.get(keyed.key)
        if hit is not None and keeping.still_there(self.blobs, hit.outputs.values()):
            return hit
        wish = self._wish(node)
        if not wish:
            return None
        if keyed.code.blind:
            warn_of_blind_spots(node.name, keyed.code.blind, node.options, strict=wish == "strict")
        return self.cache.get(keyed.key)

    def _wish(self, node: Node) -> bool | str:
        own = node.options.cache
        return self.options.cache if own is None else own

    def _has_twin(self, node: Node) -> bool:
        """Whether the same call is under way; then this one waits for it."""
        if not self._wish(node) or node.keyed is None:
            return False
        key = node.keyed.key
        if key in self._by_key:
            self._twins.setdefault(key, []).append(node)
            return True
        self._by_key[key] = node
        return False

    def _take(self, node: Node, hit: Hit) -> None:
        node.outputs = [hit.outputs[slot.name] for slot in node.signature.outputs.slots]
        node.run_id = hit.run_id
        self._end(node, "cached", hit=hit)

    def _fail(self, node: Node, error: str) -> None:
        node.error = error
        if self.first_failure is None:
            self.first_failure = node
        self._end(node, "failed", error=error)
        if self.options.on_error != "continue":
            self.stop(f"step {node.name!r} failed")

    def _end(self, node: Node, state: str, *, error: str = "", hit: Hit | None = None) -> None:
        """Write down the end of a call, and go on with those that waited for it."""
        node.state = state
        node.error = node.error or error
        facts = node.keyed.facts if node.keyed is not None else None
        self._write(
            Ended(
                node.name,
                state,
                now_us(),
                key="" if node.keyed is None else node.keyed.key,
                run_id=node.run_id,
                project="" if hit is None else hit.project,
                outputs={} if node.outputs is None else self._named(node),
                facts=None if facts is None else self._attempts.with_table(facts, hit),
                error=error,
            )
        )
        node.done.set()
        key = "" if node.keyed is None else node.keyed.key
        if self._by_key.get(key) is node:
            del self._by_key[key]
            self._agenda.extend(self._twins.pop(key, ()))
        for other in node.dependents:
            if other.ready and self._waiting.pop(other.name, None) is not None:
                self._agenda.append(other)

    @staticmethod
    def _named(node: Node) -> dict[str, Stored]:
        slots = node.signature.outputs.slots
        return {slot.name: each for slot, each in zip(slots, node.outputs or [], strict=True)}

    def _write(self, line: Any) -> None:
        """Write a line. A ledger that cannot be written ends the run, but no thread of it."""
        if self._ledger is None:
            return
        try:
            self._ledger.write(line)
        except (EpochalError, OSError) as error:
            self._trouble = self._trouble or error
            self._stopped = self._stopped or f"the record of the run cannot be written: {error}"

    # -- in a thread of the pool
    def _go(self, node: Node) -> None:
        """Run a call to its end."""
        node.state = "running"
        if self._surroundings is not None:
            self._surroundings.read()
        try:
            outcome = self._attempts.run(node)
        except BaseException as error:  # noqa: BLE001 - a full disk, say; the call fails of it
            node.exception = error
            outcome = failure(error)
        with self._lock:
            self._settle(node, outcome)
            self._go_on()

    def _settle(self, node: Node, outcome: Outcome) -> None:
        """Write down how a call went."""
        if outcome.outputs is None:
            self._fail(node, outcome.error)
            return
        node.outputs = outcome.outputs
        assert node.keyed is not None  # noqa: S101 - `_advance` made it
        named = self._named(node)
        hit = Hit(named, node.run_id, self.project, self.run_id, now_us(), outcome.table)
        try:
            self.cache.put(node.keyed.key, hit)
        except (EpochalError, OSError) as error:
            self._fail(node, f"its outputs could not be remembered: {error}")
            return
        self._end(node, "finished", hit=hit)

    # -- the end
    def stop(self, reason: str, *, killed: bool = False) -> None:
        """Start no more calls; with ``fail_fast`` or when killed, end those in processes."""
        with self._lock:
            self._stopped = self._stopped or reason
            queued = [*self._tokens.drop(), *self._waiting.values()]
            self._waiting.clear()
            for node in queued:
                if not node.done.is_set():
                    node.broke_on = node.broke_on or self.first_failure
                    self._end(node, "skipped", error=self._stopped)
            self._go_on()
        if killed or self.options.on_error == "fail_fast":
            self._attempts.stop()

    def wait(self) -> None:
        """Wait until all calls are done.

        Raises:
            StepFailed: one of them failed; the first failure is told.
        """
        for index in itertools.count():
            with self._lock:
                nodes = list(self.nodes.values())
            if index >= len(nodes):
                break
            while not nodes[index].done.wait(1.0):
                continue
        self._tokens.close()
        if self._trouble is not None:
            raise self._trouble
        if self.first_failure is not None:
            raise self.failure() from self.first_failure.exception

    def close(self) -> None:
        """The run ends: what is read about its surroundings is recorded."""
        if self._surroundings is not None:
            self._surroundings.close()

    def failure(self) -> StepFailed:
        """The error of the run."""
        if self.first_failure is None:
            raise NotFound("no step failed")
        return self.first_failure.failure()


current_engine: ContextVar[Engine | None] = ContextVar("epochal_pipeline", default=None)

__all__ = ["Engine", "Unknown", "current_engine"]
