"""One run of a pipeline from the first line of its ledger to the last.

Whatever ends it - the end of the function, an exception, Ctrl-C - the ledger and the tracked run
say so; a driver that is killed says nothing, and readers find the run crashed.
"""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from epochal.client.api import scope
from epochal.client.guard import write_line
from epochal.client.run import Run
from epochal.domain.names import run_uid
from epochal.domain.pipeline import DONE, UNLISTED, Began, Ended, Over
from epochal.domain.record import Course
from epochal.domain.run import RunState
from epochal.errors import Conflict, EpochalError, InvalidInput, StepFailed
from epochal.journal import liveness
from epochal.journal.home import find_home
from epochal.pipelines import ledger, plain, tracking
from epochal.pipelines.cache import Hit
from epochal.pipelines.calls import write_argument
from epochal.pipelines.console import Sink, heard, routed
from epochal.pipelines.engine import Engine, current_engine
from epochal.pipelines.options import PipelineOptions
from epochal.pipelines.report import PipelineRun
from epochal.pipelines.stacks import Placement, place
from epochal.pipelines.tracking import now_us


class Call(msgspec.Struct):
    """A call of a pipeline.

    Attributes:
        name: of the pipeline.
        body: runs its function.
        parameters: its arguments by name.
        options: of the pipeline.
        target: its function by name, or an empty text.
        script: the file of its module, where that is a script.
        resumed_from: id of the run that this one goes on with.
    """

    name: str
    body: Callable[[], Any]
    parameters: dict[str, Any]
    options: PipelineOptions
    target: str = ""
    script: str = ""
    resumed_from: str = ""


def drive(call: Call) -> PipelineRun:
    """Run a pipeline.

    Raises:
        StepFailed: a step failed; its ``run`` is the report.
        Conflict: the run to resume is still running, or is being resumed.
        NotFound: there is no such run to resume, or no such stack.
    """
    home = find_home()
    placement = place(home, call.options)
    with _resuming(home, call.resumed_from) as finished:
        run_id = ledger.fresh_id()
        run = tracking.begin_pipeline(
            call.name, run_id, _shown(call.parameters), _tags(call.options), home
        )
        log = _opened(home, run, run_id, _began(call, run_id, run, placement))
        engine = Engine(home, call.name, run_id, call.options, placement, log, run, finished)
        returned = _run(call, engine, run, log)
    return PipelineRun(home, log.path, returned)


def _opened(home: Path, run: Run, run_id: str, began: Began) -> ledger.Ledger:
    """The run's ledger with its first line; a run that can have none ends here.

    Raises:
        StorageFull: there is no room.
    """
    log: ledger.Ledger | None = None
    try:
        log = ledger.Ledger(
            home, run_id, lambda lines: tracking.record(run, Course(now_us(), lines))
        )
        log.write(began)
    except (EpochalError, OSError) as error:
        if log is not None:
            log.close()
        run.fail(str(error)[:300])
        run.end(1, interrupted=False, quiet=True)
        raise
    return log


def _run(call: Call, engine: Engine, run: Run, log: ledger.Ledger) -> Any:
    """Run the pipeline's function and all steps; ends ledger and tracked run in any case."""
    state, error, code = RunState.FINISHED, "", 0
    sink = Sink(lambda fact: tracking.record(run, fact))
    token = current_engine.set(engine)
    try:
        with scope(run), routed(sink), heard(sink):
            returned = call.body()
            engine.wait()
        return returned
    except KeyboardInterrupt:
        state, error, code = RunState.KILLED, "interrupted", 130
        engine.stop("the run was interrupted", killed=True)
        raise
    except BaseException as problem:
        state, code = RunState.FAILED, 1
        error = _settle_failure(engine, problem, call)
        if isinstance(problem, StepFailed):
            problem.run = PipelineRun(engine.home, log.path, None)
        raise
    finally:
        current_engine.reset(token)
        with contextlib.suppress(EpochalError, OSError):
            log.write(Over(str(state), now_us(), error))
        log.close()
        engine.close()
        if error:
            run.fail(error[:300])
        _summarize(run, engine)
        run.end(code, interrupted=state is RunState.KILLED, quiet=True)
        _tell(call, engine, run, state)


def _settle_failure(engine: Engine, problem: BaseException, call: Call) -> str:
    """After an exception: let running steps end as the options say; returns one line."""
    if not isinstance(problem, StepFailed) or call.options.on_error != "continue":
        engine.stop("the pipeline failed")
    with contextlib.suppress(EpochalError, OSError):
        engine.wait()
    if isinstance(problem, StepFailed | InvalidInput):
        return problem.message
    return f"{type(problem).__name__}: {problem}"


def _summarize(run: Run, engine: Engine) -> None:
    """Put numbers of steps into the run's summary."""
    states = [node.state for node in engine.nodes.values()]
    for state in sorted(set(states)):
        run.summary[f"steps/{state}"] = states.count(state)


def _tell(call: Call, engine: Engine, run: Run, state: RunState) -> None:
    """One line for the user, and one more where a server lacks some of it."""
    if run._session.request.settings.silent and os.environ.get("EPOCHAL_SILENT"):  # noqa: SLF001
        return
    states = [node.state for node in engine.nodes.values()]
    counts = ", ".join(f"{states.count(each)} {each}" for each in dict.fromkeys(states))
    write_line(f"epochal: pipeline {call.name} {engine.run_id} {state}: {counts or 'no steps'}")
    if server := engine.unsent or tracking.unsent(run):
        write_line(
            f"epochal: {server} does not have all of it yet; everything lies in {engine.home}, "
            f"and `epochal sync {engine.home} --url {server}` sends it"
        )


def _began(call: Call, run_id: str, run: Run, placement: Placement) -> Began:
    return Began(
        id=run_id,
        pipeline=call.name,
        target=call.target,
        script=call.script,
        started_us=now_us(),
        pid=os.getpid(),
        host=platform.node(),
        entity=run.entity,
        project=run.project,
        run_id=run.id,
        uid=run_uid(run.entity, run.project, run.id),
        parameters=_encoded(call.parameters),
        options={
            "on_error": call.options.on_error,
            "cache": call.options.cache,
            "stack": placement.stack,
            "executor": placement.executor,
        },
        resumed_from=call.resumed_from,
        listed=call.options.listed,
    )


def _encoded(parameters: Mapping[str, Any]) -> Any:
    """The arguments as they can be given again; None when they cannot be written down."""
    try:
        return {name: write_argument(value) for name, value in parameters.items()}
    except InvalidInput:
        return None


def _tags(options: PipelineOptions) -> list[str]:
    return [*options.tags, *([] if options.listed else [UNLISTED])]


def _shown(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain.readable(value) for name, value in parameters.items()}


@contextlib.contextmanager
def _resuming(home: Path, run_id: str) -> Iterator[dict[str, Hit]]:
    """What an earlier run finished, by key, while nobody else may resume it.

    Raises:
        Conflict: it is running, or is being resumed.
    """
    if not run_id:
        yield {}
        return
    path = ledger.find(home, run_id)
    if ledger.is_alive(path):
        raise Conflict(
            f"pipeline run {run_id} is still running, or somebody resumes it already; wait for "
            f"its end, or end its process (pid {_pid(path)})"
        )
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        liveness.hold(descriptor)
        yield {
            line.key: Hit(line.outputs, line.run_id, line.project, run_id, line.t_us)
            for line in ledger.read(path)
            if isinstance(line, Ended) and line.state in DONE and line.key
        }
    finally:
        os.close(descriptor)


def _pid(path: Path) -> int:
    began = ledger.first(path)
    return 0 if began is None else began.pid
