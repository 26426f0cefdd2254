"""How a run begins: from a checked request to a running `Run`.

Everything that can be refused is refused before a file is made.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from epochal.client import display, guard, lazy
from epochal.client.credentials import find_key
from epochal.client.earlier import Earlier
from epochal.client.exit import exits
from epochal.client.naming import readable_name
from epochal.client.place import choose_home, ui_command
from epochal.client.request import RunRequest
from epochal.client.run import Run
from epochal.client.session import Session
from epochal.client.trial import take
from epochal.domain.names import new_run_id, run_uid
from epochal.domain.record import Attributes, Cut
from epochal.domain.run import RunRef
from epochal.errors import Conflict, NotFound
from epochal.journal.home import RUNS, read_server_address

NOTHING = Earlier()


class Plan(msgspec.Struct, frozen=True):
    """What `begin` will do: which run, and what is known of it."""

    ref: RunRef
    home: Path
    earlier: Earlier
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
    if request.trial is not None:
        take(request.trial, run)
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
    if session.speaks:
        place = str(session.home) if session.home is not None else "memory"
        lines = display.start_lines(
            name, plan.ref, run.url, place,
            resumed=plan.earlier.exists, command=ui_command(session.home),
        )  # fmt: skip
        guard.write_line("\n".join(lines))
    session.start()
    if request.sync_tensorboard and request.records:
        with guard.Shield("sync_tensorboard"):
            lazy.load("reach").syncing().follow(session)
    exits.watch(run)
    if request.resume == "auto" and session.home is not None:
        with guard.Shield("remembering the run"):
            lazy.load("resume").remember(session.home, plan.ref)
    return run


def make_plan(request: RunRequest) -> Plan:
    """Decide which run it is and where it goes on."""
    home = choose_home(request.directory, request.settings.home)
    run_id = request.id or _remembered(request, home) or new_run_id()
    ref = RunRef(
        entity=request.entity,
        project=request.project,
        id=run_id,
        uid=run_uid(request.entity, request.project, run_id),
    )
    earlier = NOTHING
    if request.records and (request.id is not None or request.resume == "auto"):
        earlier = _what_is_known(request, home, ref)
    _check_resume(request, ref, earlier)
    first = 0
    if request.cut is not None:
        first = request.cut
    elif earlier.last_step is not None and not request.shared:
        first = max(0, earlier.last_step + 1)
    return Plan(ref=ref, home=home, earlier=earlier, first_step=first)


def _remembered(request: RunRequest, home: Path) -> str | None:
    """With ``resume="auto"``: the id of this project's last run, unless it finished."""
    if request.resume != "auto" or not request.records:
        return None
    run_id: str | None = lazy.load("resume").recall(home, request.entity, request.project)
    return run_id


def _what_is_known(request: RunRequest, home: Path, ref: RunRef) -> Earlier:
    """The state of the run here and, where resuming was asked for, on the server."""
    resume = lazy.load("resume")
    here: Earlier = resume.local_state(home, ref.uid)
    url = request.settings.url
    if url is None or request.mode != "online" or request.resume is None:
        return here
    key = request.settings.api_key or find_key(home, url)
    there: Earlier = resume.remote_state(url, key, ref.uid, required=not here.exists)
    newer: Earlier = resume.newer(here, there)
    return newer


def _check_resume(request: RunRequest, ref: RunRef, earlier: Earlier) -> None:
    where = f"{ref.id!r} in project {ref.project!r} of {ref.entity!r}"
    if request.resume == "must" and not earlier.exists:
        raise NotFound(
            f"there is no run {where} to resume; check id, project and EPOCHAL_HOME, "
            "or use resume='allow'"
        )
    if request.resume == "never" and earlier.exists:
        raise Conflict(f"there is a run {where} already, and resume='never'; choose another id")


def _fresh_name(request: RunRequest, plan: Plan) -> str:
    if not request.records:
        return plan.ref.id
    return readable_name(count_runs(plan.home) + 1)


def count_runs(home: Path) -> int:
    """How many runs a home holds."""
    try:
        with os.scandir(home / RUNS) as entries:
            return sum(1 for _ in entries)
    except OSError:
        return 0


def _page(request: RunRequest, plan: Plan) -> str | None:
    """The run's page, when a server shows it."""
    if not request.records:
        return None
    base = request.settings.url if request.mode == "online" else None
    if base is None:
        address = read_server_address(plan.home)
        base = address.url if address is not None else None
    return None if base is None else display.run_url(base, plan.ref)
