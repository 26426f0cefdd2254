"""Pipeline runs as the page and other readers see them; the JSON of docs/internals/wire.md."""

from __future__ import annotations

from typing import Any

import msgspec

from epochal.domain.run import RunState


class PipelineRow(msgspec.Struct, frozen=True):
    """A pipeline run in a list. ``counts`` says how many steps are in which state."""

    uid: str
    id: str
    entity: str
    project: str
    name: str
    state: RunState
    created_us: int
    updated_us: int
    ended_us: int | None
    tags: list[str]
    counts: dict[str, int]


class PipelineList(msgspec.Struct, frozen=True):
    """Pipeline runs, newest first; ``cursor`` asks for more."""

    pipelines: list[PipelineRow]
    cursor: str | None


class PipelineStep(msgspec.Struct, frozen=True):
    """A step of a pipeline run.

    Attributes:
        name: in the pipeline.
        function: ``module:name`` of its function.
        state: ``waiting``, ``running``, ``finished``, ``cached``, ``failed``, ``skipped``,
            ``killed`` or ``crashed``.
        needs: the steps whose outputs it takes.
        attempts: how many were begun.
        called_us: when the pipeline called it.
        started_us: when its last attempt began.
        ended_us: when it ended.
        run: uid of the tracked run that did the work; empty where there is none.
        run_id: its id, in ``project`` of the same entity.
        error: one line.
    """

    name: str
    function: str
    state: str
    needs: list[str]
    attempts: int
    called_us: int
    started_us: int | None
    ended_us: int | None
    run: str
    run_id: str
    project: str
    error: str


class PipelineDetail(PipelineRow, frozen=True):
    """A pipeline run with its steps, in the order of their calls."""

    pipeline: str
    parameters: dict[str, Any]
    resumed_from: str
    error: str
    steps: list[PipelineStep]


class StepValue(msgspec.Struct, frozen=True):
    """An input or output. ``step`` made it; ``artifact`` is ``entity/project/name``."""

    name: str
    step: str
    digest: str
    type: str
    size: int
    files: int
    artifact: str


class StepDetail(msgspec.Struct, frozen=True):
    """A step with what its key was made of.

    Attributes:
        step: as in the list.
        why: why it ran, or did not.
        parameters: beginning of the text of each argument that is no input.
        inputs: by argument.
        outputs: by name.
        more: declared files, variables and versions, and Python.
        worked_in: id of the pipeline run whose work stands for a cached step.
    """

    step: PipelineStep
    why: str
    parameters: dict[str, str]
    inputs: list[StepValue]
    outputs: list[StepValue]
    more: dict[str, str]
    worked_in: str


class Pair(msgspec.Struct, frozen=True):
    """Something that has a value in each of two runs; None where one has none."""

    name: str
    before: Any
    after: Any


class StepPair(msgspec.Struct, frozen=True):
    """A step in two pipeline runs; ``reasons`` say what differs, see `domain.step_changes`."""

    name: str
    same: bool
    reasons: list[str]
    before: PipelineStep | None
    after: PipelineStep | None
    metrics: list[Pair]


class PipelineComparison(msgspec.Struct, frozen=True):
    """Two runs of pipelines: only what differs of parameters and environment, every step."""

    before: PipelineRow
    after: PipelineRow
    parameters: list[Pair]
    environment: list[Pair]
    steps: list[StepPair]
