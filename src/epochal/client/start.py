"""How a run begins: from a checked request to a running `Run`. Everything that can be refused is refused before a file is made."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from epochal.client import display, guard
from epochal.client.exit import exits
from epochal.client.naming import readable_name
from epochal.client.place import choose_home
from epochal.client.request import RunRequest
from epochal.client.resume import count_runs, local_state
from epochal.client.run import Run
from epochal.client.session import Session
from epochal.domain.names import new_run_id, run_uid
from epochal.domain.record import Attributes, Cut
from epochal.domain.run import RunRef
from epochal.domain.view import ResumeState
from epochal.errors import Conflict, NotFound
from epochal.journal.home import read_server_address

NOTHING = ResumeState(exists=False)


class Plan(msgspec.Struct, frozen=True):
    """What `begin` will do: which run, and what is known of it."""

    ref: RunRef
    home: Path
    earlier: ResumeState
    first_step: int


def begin(request: RunRequest) -> Run:
    """Start recording.

    Raises:
        NotFound: the run to resume does not exist.
        Conflict: the run exists, and ``resume="never"``.
    """
    guard.forget()
    plan = make_plan(request)
    name = request.name or plan.earlier.name or _fresh_name(request, plan)
    attributes = {**request.attributes, "name": name}
    session = Session(
        request, plan.ref, plan.home, first_step=plan.first_step, resumed=plan.earlier.exists
    )
    run = Run(session, attributes, plan.earlier, _page(request, plan))
    now = time.time_ns() // 1000
    if request.primary and (request.name or not plan.earlier.exists):
        session.record(Attributes(now, attributes))
    elif request.attributes:
        session.record(Attributes(now, dict(request.attributes)))
    if request.cut is not None:
        session.record(Cut(request.cut, now))
    run.config.adopt(plan.earlier.config)
    if request.config:
        run.config.update(request.config)
    session.start()
    exits.watch(run)
    if session.speaks:
        place = str(session.home) if session.home is not None else "memory"
        lines = display.start_lines(name, plan.ref, run.url, place, resumed=plan.earlier.exists)
        guard.write_line("\n".join(lines))
    return run


def make_plan(request: RunRequest) -> Plan:
    """Decide which run it is and where it goes on."""
    home = choose_home(request.directory, request.settings.home)
    run_id = request.id or new_run_id()
    ref = RunRef(
        entity=request.entity,
        project=request.project,
        id=run_id,
        uid=run_uid(request.entity, request.project, run_id),
    )
    earlier = NOTHING
    if request.records and request.id is not None:
        earlier = local_state(home, ref.uid)
    _check_resume(request, ref, earlier)
    first = 0
    if request.cut is not None:
        first = request.cut
    elif earlier.last_step is not None and not request.shared:
        first = max(0, earlier.last_step + 1)
    return Plan(ref=ref, home=home, earlier=earlier, first_step=first)


def _check_resume(request: RunRequest, ref: RunRef, earlier: ResumeState) -> None:
    where = f"{ref.id!r} in project {ref.project!r} of {ref.entity!r}"
    if request.resume == "must" and not earlier.exists:
        raise NotFound(
            f"there is no run {where} to resume; check id, project and EPOCHAL_HOME, or use resume='allow'"
        )
    if request.resume == "never" and earlier.exists:
        raise Conflict(f"there is a run {where} already, and resume='never'; choose another id")


def _fresh_name(request: RunRequest, plan: Plan) -> str:
    if not request.records:
        return plan.ref.id
    return readable_name(count_runs(plan.home) + 1)


def _page(request: RunRequest, plan: Plan) -> str | None:
    """The run's page, when a server shows it."""
    if not request.records:
        return None
    base = request.settings.url if request.mode == "online" else None
    if base is None:
        address = read_server_address(plan.home)
        base = address.url if address is not None else None
    return None if base is None else display.run_url(base, plan.ref)
