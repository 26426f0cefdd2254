"""One call of a step in a pipeline run, from the call to its end."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from epochal.domain.pipeline import DONE, Stored
from epochal.errors import StepFailed
from epochal.journal.blobs import Blobs
from epochal.pipelines import keeping
from epochal.pipelines.futures import Future
from epochal.pipelines.key import Keyed
from epochal.pipelines.options import StepOptions
from epochal.pipelines.signature import Signature

PLANNED: Final = ("runs", "waits")
"""What a dry run says of calls that it found no outputs for."""


class Unknown(BaseException):
    """A dry run asked for a value that only a run can give."""


class Node:
    """A call of a step.

    Attributes:
        name: unique in the run.
        arguments: encoded, by name.
        texts: canonical bytes of the arguments.
        inputs: what ``{"$input": n}`` in the arguments stands for.
        used: which inputs each argument refers to.
        needs: the calls that have to be done first.
        dependents: the calls that wait for this one.
        state: ``waiting``, ``running``, or how it ended, see `epochal.domain.pipeline.Ended`.
        outputs: one for each slot, once it is done.
        error: one line, when it failed.
        exception: what the step raised, when that happened in this process.
        tokens: what it holds while it runs, see `epochal.pipelines.resources`.
        broke_on: the failed call that kept this one from running.
    """

    def __init__(
        self, name: str, signature: Signature, options: StepOptions, home: Path, target: str
    ) -> None:
        self.name = name
        self.signature = signature
        self.options = options
        self.target = target
        self.home = home
        self.arguments: dict[str, Any] = {}
        self.texts: dict[str, bytes] = {}
        self.inputs: list[Future | Stored] = []
        self.used: dict[str, list[int]] = {}
        self.needs: list[Node] = []
        self.dependents: list[Node] = []
        self.state = "waiting"
        self.outputs: list[Stored] | None = None
        self.error = ""
        self.exception: BaseException | None = None
        self.broke_on: Node | None = None
        self.keyed: Keyed | None = None
        self.run_id = ""
        self.tokens: Mapping[str, float] = {}
        self.done = threading.Event()

    @property
    def ready(self) -> bool:
        """Whether everything that it needs is done."""
        return all(need.done.is_set() for need in self.needs)

    def resolved(self) -> list[Stored]:
        """The inputs as stored values; all that it needs is done well."""
        found = []
        for each in self.inputs:
            if isinstance(each, Future):
                outputs = each.node.outputs or []
                found.append(outputs[each.index or 0])
            else:
                found.append(each)
        return found

    def futures(self) -> Any:
        """What the call gives: a future, a tuple of them, or one without a value."""
        outputs = self.signature.outputs
        made = [Future(self, i, slot.name) for i, slot in enumerate(outputs.slots)]
        if not made:
            return Future(self, None, "")
        return outputs.make(made) if outputs.many else made[0]

    def wait(self) -> None:
        """Wait for the end.

        Raises:
            StepFailed: it did not end well.
        """
        while not self.done.wait(1.0):  # so that Ctrl-C gets through everywhere
            continue
        if self.state in PLANNED:
            raise Unknown(self.name)
        if self.state not in DONE:
            raise self.failure() from self.exception

    def failure(self) -> StepFailed:
        """The error that this call ended with."""
        if self.broke_on is not None:
            return StepFailed(
                f"step {self.name!r} did not run, because step {self.broke_on.name!r} failed: "
                f"{_without_name(self.broke_on)}"
            )
        return StepFailed(f"step {self.name!r} {self.state}: {_without_name(self)}")

    def load(self, index: int | None, *, pickle: bool = False) -> Any:
        """Wait, and read an output.

        Raises:
            StepFailed: there is none, because the step failed.
        """
        self.wait()
        if index is None or self.outputs is None:
            return None
        return keeping.load(Blobs(self.home), self.outputs[index], pickle=pickle)


def _without_name(node: Node) -> str:
    """The error of a call, for a sentence that names its step already."""
    return node.error.removeprefix(f"step {node.name!r}: ")
