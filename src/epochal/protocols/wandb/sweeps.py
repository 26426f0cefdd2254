"""Sweeps by wandb's words: make and change them, agents that ask for runs, what they came to.

The server chooses, see `service.agents`. An agent of wandb says with each heartbeat which of its
runs live; those that it does not name any more have ended, and one that runs nothing is handed the
next trial.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

import msgspec

from epochal.domain.names import DEFAULT_ENTITY, DEFAULT_PROJECT
from epochal.domain.run import RunState
from epochal.domain.sweep import (
    EARLIER,
    REPEAT,
    AgentRow,
    Beat,
    Held,
    NewAgent,
    NewSweep,
    SweepChanges,
    SweepDetail,
    SweepRow,
    SweepState,
    TrialReport,
    TrialRow,
    TrialState,
)
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.execution import Asked, Fields, Object
from epochal.protocols.wandb.ids import Place, read_id, write_id
from epochal.protocols.wandb.pages import page
from epochal.protocols.wandb.projects import (
    ProjectPlace,
    json_text,
    moment,
    project_object,
    row_of,
    run_object,
)
from epochal.search.parse import read_sweep
from epochal.service import agents
from epochal.service import sweeps as stored

STATES: Final = {
    SweepState.PENDING: "PENDING", SweepState.RUNNING: "RUNNING", SweepState.PAUSED: "PAUSED",
    SweepState.FINISHED: "FINISHED", SweepState.CANCELLED: "CANCELED",
}  # fmt: skip
CHANGES: Final = {
    "RUNNING": "running", "PAUSED": "paused", "FINISHED": "finished", "STOPPED": "finished",
    "CANCELED": "cancelled", "CANCELLED": "cancelled",
}  # fmt: skip
LOST: Final = "lost"
ENDING: Final = "ending"
ENDED: Final = "ended"
FAILED: Final = "failed"
UNSEEDED: Final = "it recorded no run; wandb gives a repeat the flag of its seed, as --seed=1"
PATIENCE_US: Final = 20_000_000
MAX_REMEMBERED: Final = 10_000


# ---------------------------------------------------------------------------------------- change
async def upsert(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Make a sweep of a YAML text, or change the state or the name of one."""
    name = given.text("displayName") or None
    if id := given.text("id"):
        sweep_id = read_id(id, "Sweep")
        word = given.text("state").upper()
        if word and word not in CHANGES:
            raise InvalidInput(f"a sweep cannot be made {word!r:.40}; give one of {[*CHANGES]}")
        changes: Any = CHANGES.get(word)
        row = await asked.call.write(
            stored.change_sweep, sweep_id, SweepChanges(state=changes, name=name)
        )
    else:
        config = given.needed("config")
        new = NewSweep(
            config, given.text("projectName") or DEFAULT_PROJECT,
            given.text("entityName") or DEFAULT_ENTITY, _prior_runs(given),
        )  # fmt: skip
        row = await asked.call.write(stored.create_sweep, new)
        if name is not None and name != row.name:
            await asked.call.write(stored.change_sweep, row.id, SweepChanges(name=name))
    shown = Object("Sweep", row.id)
    return {"sweep": shown, "configValidationWarnings": []}


def _prior_runs(given: Given) -> list[str]:
    """The runs in ``priorRunsFilters``, as the client writes it.

    Raises:
        InvalidInput: it is another filter.
    """
    filters = given.json("priorRunsFilters")
    if not filters:
        return []
    clauses = filters.get("$or")
    given_names = clauses if isinstance(clauses, list) else []
    names = [one.get("name") for one in given_names if isinstance(one, dict)]
    if len(names) != len(given_names) or not names or not all(names):
        raise InvalidInput('priorRunsFilters names runs: {"$or": [{"name": "ID"}, ...]}')
    return [str(name) for name in names]


async def create_agent(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Someone who will ask for runs of a sweep."""
    new = NewAgent(given.needed("sweep").rpartition("/")[2], given.text("host"))
    agent = await asked.call.write(agents.add_agent, new)
    return {"agent": {"id": write_id("Agent", agent.sweep, agent.id), "name": agent.id}}


async def heartbeat(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """An agent lives; what it shall do now."""
    id = given.needed("id")
    sweep_id, _, agent_id = read_id(id, "Agent").partition(":")
    states = given.json("runState") or {}
    alive = {run_id for run_id, lives in states.items() if lives}
    detail = await asked.call.read(stored.get_sweep, sweep_id)
    mine = [
        trial
        for trial in detail.trials
        if trial.agent == agent_id and trial.state in (TrialState.RUNNING, TrialState.LOST)
    ]
    running = [trial for trial in mine if trial.run in alive]
    waiting = []
    for trial in mine:
        if trial.run not in alive:
            fate = await _fate(asked, detail.sweep, trial, is_known=trial.run in states)
            if fate in (ENDED, FAILED):
                await _report(asked, agent_id, trial, fate)
            else:
                waiting.append((trial, fate))
    held = Beat([Held(trial.number, trial.attempt) for trial in running])
    orders = await asked.call.write(agents.beat, agent_id, held)
    by_number = {trial.number: trial for trial in running}
    commands = [{"type": "stop", "run_id": by_number[stop.number].run} for stop in orders.stop]
    if not commands and not alive:
        commands = await _next(asked, agent_id, detail, waiting)
    return {"agent": {"id": id}, "commands": msgspec.json.encode(commands).decode()}


async def _next(
    asked: Asked, agent_id: str, detail: SweepDetail, waiting: list[tuple[TrialRow, str]]
) -> list[dict[str, Any]]:
    """The command for an agent that runs nothing."""
    if waiting:
        lost = [trial for trial, fate in waiting if fate == LOST and _first_time(agent_id, trial)]
        program = read_sweep(detail.config).program
        return [_again(trial, program) for trial in lost[:1]]
    work = await asked.call.write(agents.next_trial, agent_id)
    if work.verdict == "exit":
        return [{"type": "exit"}]
    if work.verdict == "wait" or work.trial is None:
        return []
    return [_command(work.trial, work.sweep, work.program, work.config)]


def _first_time(agent_id: str, trial: TrialRow) -> bool:
    key = (agent_id, trial.run)
    if key in _handed_again:
        return False
    _handed_again[key] = None
    if len(_handed_again) > MAX_REMEMBERED:
        del _handed_again[next(iter(_handed_again))]
    return True


_handed_again: Final[dict[tuple[str, str], None]] = {}


def _again(trial: TrialRow, program: str) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for name, value in trial.params.items():
        inner = config
        *path, last = name.split(".")
        for word in path:
            inner = inner.setdefault(word, {})
        inner[last] = value
    return _command(trial, trial.run.partition("-")[0], program, config)


def _command(
    trial: TrialRow, sweep_id: str, program: str, config: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": trial.run, "type": "run", "run_id": trial.run, "sweep_id": sweep_id,
        "program": program, "logs": [],
        "args": {name: {"value": value} for name, value in config.items()},
    }  # fmt: skip


async def _fate(asked: Asked, sweep: SweepRow, trial: TrialRow, *, is_known: bool) -> str:
    """What became of a run that its agent does not run: ended, ending, or never begun."""
    is_late = stored.now_us() - max(trial.seen_us, trial.started_us) > PATIENCE_US
    try:
        run = await row_of(asked, Place(sweep.entity, sweep.project, trial.run))
    except NotFound:
        return FAILED if is_known or is_late else LOST  # the command may be lost
    if run.state is RunState.RUNNING and not is_late:
        return ENDING  # its last lines are on the way
    return ENDED


async def _report(asked: Asked, agent_id: str, trial: TrialRow, fate: str) -> None:
    word: Any = fate
    is_odd = fate == FAILED and trial.origin.startswith(REPEAT)
    report = TrialReport(trial.number, trial.attempt, word, note=UNSEEDED if is_odd else "")
    with contextlib.suppress(Conflict):  # somebody else has it
        await asked.call.write(agents.report, agent_id, report)


# ------------------------------------------------------------------------------------------ read
async def sweep(asked: Asked, parent: ProjectPlace, given: Given) -> Object | None:
    """A sweep of a project by its id, or null."""
    sweep_id = given.text("sweepName").rpartition("/")[2]
    try:
        found = await detail_of(asked, sweep_id)
    except (NotFound, InvalidInput):
        return None
    place = (found.sweep.entity, found.sweep.project)
    return Object("Sweep", sweep_id) if place == tuple(parent) else None


async def sweeps(asked: Asked, parent: ProjectPlace, given: Given) -> dict[str, Any]:
    """A page of a project's sweeps, newest first."""
    found = await asked.call.read(stored.list_sweeps, parent.entity, parent.project)
    return page([Object("Sweep", row.id) for row in found.sweeps], given)


async def count(asked: Asked, parent: ProjectPlace, given: Given) -> int:
    """How many sweeps a project has."""
    return len((await asked.call.read(stored.list_sweeps, *parent)).sweeps)


async def detail_of(asked: Asked, sweep_id: str) -> SweepDetail:
    """All that is stored of a sweep; looked up once per operation.

    Raises:
        NotFound: there is none.
    """
    key = ("sweep", sweep_id)
    if key not in asked.memory:
        asked.memory[key] = await asked.call.read(stored.get_sweep, sweep_id)
    found: SweepDetail = asked.memory[key]
    return found


def _field(read: Any) -> Any:
    async def resolve(asked: Asked, parent: str, given: Given) -> Any:
        return read(await detail_of(asked, parent))

    return resolve


def _config(detail: SweepDetail) -> str:
    """The YAML that was given; JSON is YAML, too."""
    return detail.config if isinstance(detail.config, str) else json_text(detail.config)


def _earlier(detail: SweepDetail) -> int:
    """How many runs the search knew before it began; clients do not count them."""
    return sum(trial.origin == EARLIER for trial in detail.trials)


def _runs(detail: SweepDetail) -> list[Object]:
    row = detail.sweep
    return [run_object(Place(row.entity, row.project, trial.run)) for trial in detail.trials]


async def runs(asked: Asked, parent: str, given: Given) -> dict[str, Any]:
    """A page of the runs of a sweep that began."""
    return page(await _begun(asked, await detail_of(asked, parent)), given)


async def _begun(asked: Asked, detail: SweepDetail) -> list[Object]:
    found = []
    for one in _runs(detail):
        try:
            await row_of(asked, one.value)
        except NotFound:
            continue
        found.append(one)
    return found


async def prior_runs(asked: Asked, parent: str, given: Given) -> dict[str, Any]:
    """A page of the runs that the search knew before it began."""
    detail = await detail_of(asked, parent)
    known = {trial.run for trial in detail.trials if trial.origin == EARLIER}
    return page([one for one in await _begun(asked, detail) if one.value.run_id in known], given)


async def agent_list(asked: Asked, parent: str, given: Given) -> dict[str, Any]:
    """The agents of a sweep."""
    return page([Object("Agent", one) for one in (await detail_of(asked, parent)).agents], given)


async def agent(asked: Asked, parent: str, given: Given) -> Object | None:
    """An agent of a sweep by its name or id, or null."""
    name = given.text("agentName")
    for one in (await detail_of(asked, parent)).agents:
        if name in (one.id, write_id("Agent", one.sweep, one.id)):
            return Object("Agent", one)
    return None


async def agent_runs(asked: Asked, parent: AgentRow, given: Given) -> dict[str, Any]:
    """A page of the runs that an agent began."""
    detail = await detail_of(asked, parent.sweep)
    began = {trial.run for trial in detail.trials if trial.agent == parent.id}
    return page([one for one in await _begun(asked, detail) if one.value.run_id in began], given)


async def _running(asked: Asked, parent: AgentRow, given: Given) -> str:
    return "RUNNING"


def _agent_field(read: Any) -> Any:
    async def resolve(asked: Asked, parent: AgentRow, given: Given) -> Any:
        return read(parent)

    return resolve


FIELDS: Final[Fields] = {
    "Mutation": {
        "upsertSweep": upsert, "createAgent": create_agent, "agentHeartbeat": heartbeat,
    },
    "Project": {"sweep": sweep, "sweeps": sweeps, "totalSweeps": count},
    "Sweep": {
        "id": _field(lambda one: write_id("Sweep", one.sweep.id)),
        "name": _field(lambda one: one.sweep.id),
        "displayName": _field(lambda one: one.sweep.name or one.sweep.id),
        "method": _field(lambda one: one.sweep.method),
        "state": _field(lambda one: STATES[one.sweep.state]),
        "description": _field(lambda one: one.sweep.description or None),
        "bestLoss": _field(lambda one: one.sweep.best),
        "config": _field(_config),
        "createdAt": _field(lambda one: moment(one.sweep.created_us)),
        "updatedAt": _field(lambda one: moment(one.sweep.updated_us)),
        "heartbeatAt": _field(lambda one: moment(one.sweep.updated_us)),
        "runCount": _field(lambda one: len(one.trials) - _earlier(one)),
        "runCountExpected": _field(
            lambda one: None if one.sweep.expected is None else one.sweep.expected - _earlier(one)
        ),
        "project": _field(lambda one: project_object(one.sweep.entity, one.sweep.project)),
        "runs": runs, "agents": agent_list, "agent": agent, "priorRuns": prior_runs,
    },
    "Agent": {
        "id": _agent_field(lambda one: write_id("Agent", one.sweep, one.id)),
        "name": _agent_field(lambda one: one.id), "host": _agent_field(lambda one: one.host),
        "state": _running,
        "totalRuns": _agent_field(lambda one: one.trials),
        "createdAt": _agent_field(lambda one: moment(one.created_us)),
        "heartbeatAt": _agent_field(lambda one: moment(one.seen_us)), "runs": agent_runs,
    },
}  # fmt: skip
