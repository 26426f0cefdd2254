"""One attempt of a step, the same in every executor.

A task is data: the step by name, its arguments as text and digests. It is carried out against a
home: inputs are read from the blobs, outputs written to them, and everything is recorded in a
tracked run. Only the outcome goes back.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from epochal.client.api import scope
from epochal.client.run import Run
from epochal.domain.pipeline import Stored
from epochal.errors import EpochalError, InvalidInput, StorageError, StorageFull
from epochal.journal.blobs import Blobs
from epochal.pipelines import keeping, plain, tracking
from epochal.pipelines.console import Sink, heard
from epochal.pipelines.context import StepContext, attachments, entered
from epochal.pipelines.eventfiles import flush_event_files
from epochal.pipelines.outputs import Slot
from epochal.pipelines.signature import Signature
from epochal.pipelines.trackers import tracked_by

INTERRUPTED = 130


class Task(msgspec.Struct):
    """One attempt.

    Attributes:
        target: the step's function, ``module:qualname``; empty where it has no name.
        script: the file of that module, where it is a script.
        home: directory that is read and written.
        project: of the tracked runs; the pipeline's name.
        pipeline_run: id.
        step: name of the step in the pipeline.
        attempt: from 1 on.
        run_id: for the tracked run.
        arguments: encoded, by name; ``{"$input": n}`` stands for an input.
        inputs: stored values.
        used: which inputs each argument refers to.
        table: dependencies of the code as JSON, where they shall be kept with the run.
        code: digest of the code that the driver knows, for another process to compare.
        pin: how versions count in it.
        tracker: what else the step logs to.
        resources: what it needs, for an executor that finds it.
        settings: of the orchestrator, for an executor that has a choice.
    """

    target: str
    script: str
    home: str
    project: str
    pipeline_run: str
    step: str
    attempt: int
    run_id: str
    arguments: dict[str, Any]
    inputs: list[Stored]
    used: dict[str, list[int]]
    table: bytes = b""
    code: str = ""
    pin: str = "exact"
    tracker: str | None = None
    resources: dict[str, float] = {}
    settings: dict[str, str] = {}


class Outcome(msgspec.Struct):
    """How an attempt ended.

    Attributes:
        outputs: one for each slot; None when it failed.
        error: one line, ``ValueError: ...``.
        trace: the traceback as text.
        kinds: names of the exception's classes, most special first.
        table: digest of the blob with the code's dependencies.
        unsent: the server that does not have all of the tracked run; empty for none.
    """

    outputs: list[Stored] | None
    error: str = ""
    trace: str = ""
    kinds: list[str] = []
    table: str = ""
    unsent: str = ""


def carry_out(
    task: Task, signature: Signature, raised: Callable[[BaseException], None] = lambda _: None
) -> Outcome:
    """Carry out a task.

    Args:
        task: what to do.
        signature: of the step's function.
        raised: gets the exception of a failed step; in the same process only.

    Raises:
        KeyboardInterrupt: the user interrupted; the tracked run says so.
    """
    home = Path(task.home)
    run = tracking.begin_step(
        project=task.project,
        pipeline_run=task.pipeline_run,
        step=task.step,
        function=signature.name,
        run_id=task.run_id,
        attempt=task.attempt,
        parameters=_config(task),
        home=task.home,
    )
    sink = Sink(lambda fact: tracking.record(run, fact))
    code = 0
    try:
        with scope(run), heard(sink):
            outcome = _work(task, signature, run, home)
    except (KeyboardInterrupt, SystemExit) as error:
        code = INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
        if isinstance(error, KeyboardInterrupt):
            raise
        outcome = failure(error)
    except Exception as error:  # noqa: BLE001 - whatever a step raises is its outcome
        code = 1
        outcome = failure(error)
        run.fail(outcome.error[:300])
        sink.feed(1, outcome.trace)
        sink.close()
        raised(error)
    finally:
        run.end(code, interrupted=code == INTERRUPTED, quiet=True)
    outcome.unsent = tracking.unsent(run)
    return outcome


def failure(error: BaseException) -> Outcome:
    """The outcome of an attempt that raised."""
    kinds = [f"{kind.__module__}:{kind.__qualname__}" for kind in type(error).__mro__]
    message = error.message if isinstance(error, EpochalError) else str(error)
    shown = (
        message
        if isinstance(error, InvalidInput | StorageError)
        else f"{type(error).__name__}: {message}"
    )
    trace = "".join(traceback.format_exception(_without_us(error)))
    return Outcome(None, shown[:4000], trace[-20_000:], kinds)


def _without_us(error: BaseException) -> BaseException:
    """The exception with the frames of the user only, where there are any."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") == __name__:
        trace = trace.tb_next
    return error.with_traceback(trace) if trace is not None else error


def _work(task: Task, signature: Signature, run: Run, home: Path) -> Outcome:
    blobs = Blobs(home)
    table = ""
    if task.table:
        table = tracking.save_bytes(run, home, tracking.CODE_FILE, task.table)
    context = StepContext(
        task.step,
        tuple(slot.name for slot in signature.outputs.slots),
        pipeline=task.project,
        pipeline_run=task.pipeline_run,
        attempt=task.attempt,
        run=run,
        root=attachments(home, task.pipeline_run, task.step),
    )
    arguments = {name: _argument(task, signature, blobs, run, name) for name in task.arguments}
    tracked = tracked_by(
        task.tracker,
        home,
        run,
        pipeline_run=task.pipeline_run,
        step=task.step,
        config=_config(task),
    )
    with entered(context), tracked:
        try:
            value = signature.call(arguments, context)
        finally:
            flush_event_files(str(attachments(home, task.pipeline_run, task.step)))
    values = signature.outputs.split(value, task.step)
    outputs = [
        _keep(task, signature, blobs, run, slot, each)
        for slot, each in zip(signature.outputs.slots, values, strict=True)
    ]
    tracking.send_blobs(run)
    return Outcome(outputs, table=table)


def _argument(task: Task, signature: Signature, blobs: Blobs, run: Run, name: str) -> Any:
    for index in task.used.get(name, ()):
        tracking.use_input(run, task.inputs[index], name)
    loaded: dict[int, Any] = {}
    pickle = name in signature.pickles

    def leaf(tag: str, inner: Any) -> Any:
        if tag != "input":
            raise InvalidInput(f"argument {name!r} has the unknown tag ${tag}")
        if inner not in loaded:
            loaded[inner] = keeping.load(blobs, task.inputs[inner], pickle=pickle)
        return loaded[inner]

    return plain.decode(task.arguments[name], leaf)


def _keep(
    task: Task, signature: Signature, blobs: Blobs, run: Run, slot: Slot, value: Any
) -> Stored:
    try:
        stored = keeping.keep(blobs, value, pickle=slot.pickle)
    except InvalidInput as error:
        raise InvalidInput(f"step {task.step!r}: output {slot.name!r}: {error.message}") from error
    except (StorageError, StorageFull, OSError) as error:
        raise StorageError(
            f"step {task.step!r}: output {slot.name!r} could not be stored: {error}; make room, "
            f"and resume the run"
        ) from error
    name = tracking.artifact_name(signature.name, slot.name, named=slot.named)
    return tracking.commit_output(
        run, stored, name=name, step=task.step, output=slot.name, pipeline_run=task.pipeline_run
    )


def _config(task: Task) -> dict[str, Any]:
    """The parameters that are no inputs, as the config of the tracked run."""
    return {
        name: plain.untag(node) for name, node in task.arguments.items() if not task.used.get(name)
    }
