"""The routes of sweeps and of the agents that run their trials."""

from __future__ import annotations

from typing import Any, Final

from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from epochal.domain.access import Permission
from epochal.domain.importance import ImportanceReport
from epochal.domain.sweep import (
    AgentRow,
    Assignment,
    Beat,
    BestTrial,
    NewAgent,
    NewSweep,
    Orders,
    Queue,
    Repeat,
    Suggest,
    Suggested,
    SweepChanges,
    SweepDetail,
    SweepList,
    SweepRow,
    TrialReport,
    TrialRow,
)
from epochal.protocols import needs
from epochal.protocols.call import Call
from epochal.service import agents, bests, importance, suggesting, sweeps

READ: Final = needs(Permission.READ)
WRITE: Final = needs(Permission.WRITE)


@get("/api/v1/sweeps", opt=READ)
async def list_sweeps(
    request: Call, project: FromQuery[str | None] = None, entity: FromQuery[str | None] = None
) -> SweepList:
    """Sweeps, newest first."""
    return await request.read(sweeps.list_sweeps, entity, project)


@post("/api/v1/sweeps", opt=WRITE)
async def create_sweep(request: Call, data: JSONBody[NewSweep]) -> SweepRow:
    """Make a sweep."""
    return await request.write(sweeps.create_sweep, data)


@get("/api/v1/sweeps/{sweep:str}", opt=READ)
async def get_sweep(
    request: Call, sweep: FromPath[str], since: FromQuery[int] = -1
) -> SweepDetail:
    """A sweep with its agents and its trials, or those that changed since a revision."""
    return await request.read(sweeps.get_sweep, sweep, since)


@patch("/api/v1/sweeps/{sweep:str}", opt=WRITE)
async def change_sweep(
    request: Call, sweep: FromPath[str], data: JSONBody[SweepChanges]
) -> SweepRow:
    """Pause, resume, finish, cancel or extend a sweep."""
    return await request.write(sweeps.change_sweep, sweep, data)


@delete("/api/v1/sweeps/{sweep:str}", opt=WRITE)
async def delete_sweep(request: Call, sweep: FromPath[str]) -> None:
    """Forget a sweep; its runs stay."""
    await request.write(sweeps.delete_sweep, sweep)


@get("/api/v1/sweeps/{sweep:str}/best", opt=READ)
async def best_trial(request: Call, sweep: FromPath[str]) -> BestTrial:
    """The best trial so far."""
    return await request.read(bests.best_trial, sweep)


@post("/api/v1/sweeps/{sweep:str}/repeat", opt=WRITE)
async def repeat_trial(request: Call, sweep: FromPath[str], data: JSONBody[Repeat]) -> SweepRow:
    """Run the best trial, or another, again with other seeds."""
    return await request.write(bests.repeat_trial, sweep, data)


@get("/api/v1/sweeps/{sweep:str}/importance", opt=READ)
async def sweep_importance(request: Call, sweep: FromPath[str]) -> ImportanceReport:
    """What each parameter is worth."""
    return await request.read(importance.judge_sweep, sweep)


@post("/api/v1/sweeps/{sweep:str}/queue", opt=WRITE)
async def enqueue(request: Call, sweep: FromPath[str], data: JSONBody[Queue]) -> SweepRow:
    """Try some configurations before anything else."""
    return await request.write(sweeps.enqueue, sweep, data)


@post("/api/v1/agents", opt=WRITE)
async def add_agent(request: Call, data: JSONBody[NewAgent]) -> AgentRow:
    """Begin to run trials of a sweep."""
    return await request.write(agents.add_agent, data)


@post("/api/v1/agents/{agent:str}/next", opt=WRITE, status_code=200)
async def next_trial(request: Call, agent: FromPath[str]) -> Assignment:
    """The trial to run now."""
    return await request.write(agents.next_trial, agent)


@post("/api/v1/agents/{agent:str}/suggest", opt=WRITE, status_code=200)
async def suggest(request: Call, agent: FromPath[str], data: JSONBody[Suggest]) -> Suggested:
    """The value of a parameter that a running trial asks for by name."""
    return await request.write(suggesting.suggest, agent, data)


@post("/api/v1/agents/{agent:str}/beat", opt=WRITE, status_code=200)
async def beat(request: Call, agent: FromPath[str], data: JSONBody[Beat]) -> Orders:
    """The agent lives; which of its trials shall end."""
    return await request.write(agents.beat, agent, data)


@post("/api/v1/agents/{agent:str}/report", opt=WRITE, status_code=200)
async def report(request: Call, agent: FromPath[str], data: JSONBody[TrialReport]) -> TrialRow:
    """How a trial ended."""
    return await request.write(agents.report, agent, data)


ROUTES: Final[list[Any]] = [
    list_sweeps,
    create_sweep,
    get_sweep,
    change_sweep,
    delete_sweep,
    best_trial,
    repeat_trial,
    sweep_importance,
    enqueue,
    add_agent,
    next_trial,
    suggest,
    beat,
    report,
]
