"""The routes of pipeline runs."""

from __future__ import annotations

from typing import Any, Final

from litestar import get
from litestar.params import FromPath, FromQuery

from epochal.domain.access import Permission
from epochal.domain.pipeline_view import (
    PipelineComparison,
    PipelineDetail,
    PipelineList,
    StepDetail,
)
from epochal.protocols import needs
from epochal.protocols.call import Call
from epochal.service import pipelines

READ: Final = needs(Permission.READ)


@get("/api/v1/pipelines", opt=READ)
async def list_pipelines(
    request: Call,
    project: FromQuery[str],
    entity: FromQuery[str | None] = None,
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
    unlisted: FromQuery[bool] = False,
) -> PipelineList:
    """Pipeline runs of a project, newest first."""
    return await request.read(
        pipelines.list_pipelines, entity, project, limit, cursor, unlisted=unlisted
    )


@get("/api/v1/pipelines/compare", opt=READ)
async def compare_pipelines(
    request: Call, before: FromQuery[str], after: FromQuery[str]
) -> PipelineComparison:
    """Which steps of two pipeline runs differ, and why."""
    return await request.read(pipelines.compare_pipelines, before, after)


@get("/api/v1/pipelines/{uid:str}", opt=READ)
async def get_pipeline(request: Call, uid: FromPath[str]) -> PipelineDetail:
    """A pipeline run with its steps."""
    return await request.read(pipelines.get_pipeline, uid)


@get("/api/v1/pipelines/{uid:str}/step", opt=READ)
async def get_step(request: Call, uid: FromPath[str], name: FromQuery[str]) -> StepDetail:
    """A step of a pipeline run: inputs, outputs, and why it ran."""
    return await request.read(pipelines.get_step, uid, name)


ROUTES: Final[list[Any]] = [list_pipelines, compare_pipelines, get_pipeline, get_step]
