"""What runs show by themselves, and which of it people want to hear of a project or a run."""

from __future__ import annotations

from typing import Any, Final

from litestar import get, put
from litestar.params import FromPath, FromQuery, JSONBody

from epochal.domain.access import Permission
from epochal.domain.insight import InsightReport, InsightSettings
from epochal.protocols import needs
from epochal.protocols.call import Call
from epochal.service import insights

READ: Final = needs(Permission.READ)
WRITE: Final = needs(Permission.WRITE)


@get("/api/v1/runs/{uid:str}/insights", opt=READ)
async def run_insights(request: Call, uid: FromPath[str]) -> InsightReport:
    """The findings of a run, worst first."""
    return await request.read(insights.run_insights, uid)


@get("/api/v1/projects/insights", opt=READ)
async def get_settings(
    request: Call, project: FromQuery[str], entity: FromQuery[str | None] = None
) -> InsightSettings:
    """Which kinds are switched off in a project."""
    return await request.read(insights.get_settings, entity, project)


@put("/api/v1/projects/insights", opt=WRITE)
async def change_settings(
    request: Call,
    data: JSONBody[InsightSettings],
    project: FromQuery[str],
    entity: FromQuery[str | None] = None,
) -> InsightSettings:
    """Switch kinds off, and all others on."""
    return await request.write(insights.change_settings, entity, project, data)


@put("/api/v1/runs/{uid:str}/insights", opt=WRITE)
async def change_run_settings(
    request: Call, data: JSONBody[InsightSettings], uid: FromPath[str]
) -> InsightSettings:
    """Switch kinds off for one run, and all others on."""
    return await request.write(insights.change_run_settings, uid, data)


ROUTES: Final[list[Any]] = [run_insights, get_settings, change_settings, change_run_settings]
