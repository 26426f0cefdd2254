"""Pipeline runs: readers look. They are told from the tracked runs, and change nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from epochal.domain.access import Permission, Principal
from epochal.domain.names import SYSTEM_PREFIX, check_uid, run_uid
from epochal.domain.pipeline import (
    UNLISTED,
    Began,
    Dependency,
    Line,
    Over,
    StepCourse,
    Stored,
    fold,
)
from epochal.domain.pipeline_view import (
    Pair,
    PipelineComparison,
    PipelineDetail,
    PipelineList,
    PipelineRow,
    PipelineStep,
    StepDetail,
    StepPair,
    StepValue,
)
from epochal.domain.run import RunState
from epochal.domain.step_changes import compare_courses, why
from epochal.domain.view import RunDetail, RunQuery, RunRow
from epochal.errors import NotFound
from epochal.service import bounds
from epochal.service.permission import require
from epochal.store import courses, overviews, runs, search
from epochal.store.owner import Store

JOB_TYPE: Final = "pipeline"
PIPELINES: Final = f'job_type == "{JOB_TYPE}"'
LISTED: Final = f'{PIPELINES} and not ("{UNLISTED}" in tags)'
EARLIER: Final = 20
"""How many earlier runs are looked through for the last time that a step ran."""

COUNTED: Final = "summary.steps/"
COUNTS: Final = ("finished", "cached", "failed", "skipped", "killed", "running", "waiting")
SURROUNDINGS: Final = (
    "python", "platform", "host", "cpu_model", "gpus", "driver", "versions", "packages", "git",
)  # fmt: skip


class _Course(msgspec.Struct):
    """A pipeline run: its tracked run, its first and last line, and its steps."""

    run: RunDetail
    began: Began
    last: Line
    steps: dict[str, StepCourse]


def list_pipelines(
    store: Store,
    principal: Principal | None,
    entity: str | None,
    project: str,
    limit: int = 50,
    cursor: str | None = None,
    *,
    unlisted: bool = False,
) -> PipelineList:
    """The pipeline runs of a project, newest first; with ``unlisted`` all of them.

    Raises:
        NotFound: there is no such project.
        InvalidInput: the cursor belongs to another question.
    """
    require(principal, Permission.READ)
    query = RunQuery(
        project=bounds.project_name(project),
        entity=bounds.entity_name(entity),
        where=PIPELINES if unlisted else LISTED,
        order=["-created"],
        limit=bounds.clamp(limit, 1, bounds.MAX_PAGE),
        cursor=None if cursor is None else bounds.plain_text(cursor, "cursor"),
        columns=[f"{COUNTED}{state}" for state in COUNTS],
    )
    page = search.query_runs(store, query)
    rows = []
    for index, run in enumerate(page.runs):
        told = {state: page.columns[f"{COUNTED}{state}"][index] for state in COUNTS}
        counts = {state: int(n) for state, n in told.items() if isinstance(n, int | float)}
        if not counts:
            lines = courses.read_course(store, run.uid)
            if not lines:
                continue
            counts = _counts(fold(lines, run.state).values())
        rows.append(_row(run, counts))
    return PipelineList(rows, page.cursor)


def get_pipeline(store: Store, principal: Principal | None, uid: str) -> PipelineDetail:
    """A pipeline run with its steps.

    Raises:
        NotFound: there is no such run, or it is no pipeline's.
    """
    require(principal, Permission.READ)
    course = _read(store, uid)
    began, last = course.began, course.last
    row = _row(course.run, _counts(course.steps.values()))
    return PipelineDetail(
        **msgspec.structs.asdict(row),
        pipeline=began.pipeline,
        parameters=course.run.config,
        resumed_from=began.resumed_from,
        error=last.error if isinstance(last, Over) else "",
        steps=[_step(course, each) for each in course.steps.values()],
    )


def get_step(store: Store, principal: Principal | None, uid: str, name: str) -> StepDetail:
    """A step with its inputs and outputs, and why it ran.

    Raises:
        NotFound: there is no such run or step.
    """
    require(principal, Permission.READ)
    course = _read(store, uid)
    step = course.steps.get(bounds.plain_text(name, "step name", 1024))
    if step is None:
        raise NotFound(f"pipeline run {course.run.id!r} has no step {name!r:.200}")

    def table(digest: str) -> Iterable[Dependency]:
        return courses.read_table(store, digest)

    facts = step.facts
    given = {} if facts is None else facts.parameters
    taken = {} if facts is None else facts.inputs
    return StepDetail(
        step=_step(course, step),
        why=why(step, _earlier(store, course, step.name), table),
        parameters={key: text for key, (_, text) in given.items() if key not in taken},
        inputs=_inputs(course, step, taken),
        outputs=[_value(key, step.name, stored) for key, stored in step.outputs.items()],
        more={} if facts is None else facts.more,
        worked_in=_worked_in(store, course, step),
    )


def compare_pipelines(
    store: Store, principal: Principal | None, before: str, after: str
) -> PipelineComparison:
    """Which steps of two runs differ and why, with their metrics.

    Raises:
        NotFound: there is no such run, or it is no pipeline's.
    """
    require(principal, Permission.READ)
    one, other = _read(store, before), _read(store, after)
    pairs = compare_courses(
        one.steps, other.steps, lambda digest: courses.read_table(store, digest)
    )
    shown = [
        (
            pair,
            _step(one, one.steps[pair.name]) if pair.name in one.steps else None,
            _step(other, other.steps[pair.name]) if pair.name in other.steps else None,
        )
        for pair in pairs
    ]
    differing = [each for each in shown if _uid(each[1]) != _uid(each[2])]
    metrics = _metrics(store, {_uid(step) for each in differing for step in each[1:]} - {""})
    return PipelineComparison(
        before=_row(one.run, _counts(one.steps.values())),
        after=_row(other.run, _counts(other.steps.values())),
        parameters=_pairs(_flat(one.run.config), _flat(other.run.config)),
        environment=_environment(one.run, other.run),
        steps=[
            StepPair(
                name=pair.name,
                same=pair.same,
                reasons=pair.reasons,
                before=first,
                after=second,
                metrics=_side_by_side(metrics.get(_uid(first), {}), metrics.get(_uid(second), {})),
            )
            for pair, first, second in shown
        ],
    )


# -- reading
def _read(store: Store, uid: str) -> _Course:
    """A pipeline run.

    Raises:
        NotFound: there is no such run, or it is no pipeline's.
    """
    run = runs.get_run(store, check_uid(uid))
    lines = courses.read_course(store, uid)
    if not lines or not isinstance(lines[0], Began):
        raise NotFound(f"run {run.id!r} of project {run.project!r} is no pipeline run")
    return _Course(run, lines[0], lines[-1], fold(lines, run.state))


def _earlier(store: Store, course: _Course, name: str) -> StepCourse | None:
    """The same step in the newest earlier run of the pipeline that got to it."""
    run = course.run
    query = RunQuery(
        project=run.project,
        entity=run.entity,
        where=f"{PIPELINES} and created < {run.created_us}",
        order=["-created"],
        limit=EARLIER,
    )
    for row in search.query_runs(store, query).runs:
        lines = courses.read_course(store, row.uid)
        began = lines[0] if lines else None
        if not isinstance(began, Began) or began.pipeline != course.began.pipeline:
            continue
        step = fold(lines, row.state).get(name)
        if step is not None and step.facts is not None:
            return step
    return None


def _worked_in(store: Store, course: _Course, step: StepCourse) -> str:
    """Id of the pipeline run in which the work of a cached step was done."""
    if step.state != "cached" or not step.run_id:
        return ""
    found = overviews.describe_runs(store, [_step(course, step).run])
    return found[0].group if found else ""


def _metrics(store: Store, uids: set[str]) -> dict[str, dict[str, Any]]:
    """The last values of some runs by uid and key, without those of the machine."""
    return {
        run.uid: {
            metric.key: metric.last
            for metric in run.metrics
            if not metric.key.startswith(SYSTEM_PREFIX)
        }
        for run in overviews.describe_runs(store, sorted(uids))
    }


# -- showing
def _row(run: RunRow, counts: dict[str, int]) -> PipelineRow:
    return PipelineRow(
        uid=run.uid,
        id=run.id,
        entity=run.entity,
        project=run.project,
        name=run.name,
        state=RunState(run.state),
        created_us=run.created_us,
        updated_us=run.updated_us,
        ended_us=run.ended_us,
        tags=run.tags,
        counts=counts,
    )


def _counts(steps: Iterable[StepCourse]) -> dict[str, int]:
    return dict(Counter(step.state for step in steps))


def _step(course: _Course, step: StepCourse) -> PipelineStep:
    place = (course.run.entity, step.project or course.run.project)
    return PipelineStep(
        name=step.name,
        function=step.function,
        state=step.state,
        needs=step.needs,
        attempts=step.attempts,
        called_us=step.called_us,
        started_us=step.started_us,
        ended_us=step.ended_us,
        run=run_uid(*place, step.run_id) if step.run_id else "",
        run_id=step.run_id,
        project=place[1],
        error=step.error,
    )


def _inputs(course: _Course, step: StepCourse, taken: Mapping[str, list[str]]) -> list[StepValue]:
    """The values that a step takes; those of other steps with what is known of them."""
    made = {
        stored.digest: _value(argument, need, stored)
        for need in step.needs
        if need in course.steps
        for argument, stored in course.steps[need].outputs.items()
    }
    unknown = StepValue(name="", step="", digest="", type="", size=0, files=0, artifact="")
    return [
        msgspec.structs.replace(made.get(digest, unknown), name=argument, digest=digest)
        for argument, digests in taken.items()
        for digest in digests
    ]


def _value(name: str, step: str, stored: Stored) -> StepValue:
    return StepValue(
        name=name,
        step=step,
        digest=stored.digest,
        type=stored.type,
        size=stored.size,
        files=stored.files,
        artifact=stored.artifact,
    )


def _uid(step: PipelineStep | None) -> str:
    return "" if step is None else step.run


def _pairs(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Pair]:
    """What differs."""
    names = dict.fromkeys([*before, *after])
    pairs = [Pair(name, before.get(name), after.get(name)) for name in names]
    return [pair for pair in pairs if pair.before != pair.after]


def _side_by_side(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Pair]:
    """Every metric of a step, whether or not it differs."""
    names = sorted({*before, *after})
    return [Pair(name, before.get(name), after.get(name)) for name in names]


def _environment(before: RunDetail, after: RunDetail) -> list[Pair]:
    """What differs of the machines; a run that the cache answered altogether has read nothing."""
    return [
        pair
        for part in SURROUNDINGS
        if part in before.environment and part in after.environment
        for pair in _pairs(
            _flat({part: before.environment[part]}), _flat({part: after.environment[part]})
        )
        if pair.name != "git.diff"
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
