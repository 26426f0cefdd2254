"""Runs as the client writes them: begin, go on, change, stop, delete, alert."""

from __future__ import annotations

import contextlib
import secrets
import time
from typing import Any, Final

import msgspec

from epochal.domain.names import (
    DEFAULT_ENTITY,
    DEFAULT_PROJECT,
    MAX_NAME,
    SYSTEM_PREFIX,
    new_run_id,
)
from epochal.domain.record import Attributes, Config, Event
from epochal.domain.run import RunState
from epochal.domain.tracked import USER
from epochal.domain.values import flatten
from epochal.errors import Conflict, NotFound
from epochal.protocols.wandb import awaiting, branching
from epochal.protocols.wandb import config as configs
from epochal.protocols.wandb.arguments import Given
from epochal.protocols.wandb.execution import Asked, Fields
from epochal.protocols.wandb.ids import Place, read_run_key
from epochal.protocols.wandb.memory import CLIENT, LINES, RUN, Memory, memory_of, save
from epochal.protocols.wandb.projects import detail_of, run_object
from epochal.protocols.wandb.rows import OWN
from epochal.protocols.wandb.stream import SILENCE_S, write_summary
from epochal.service import foreign
from epochal.service import runs as stored
from epochal.service.foreign import Recorder, Recording

_LEVELS: Final = {"INFO": "info", "WARN": "warning", "ERROR": "error"}
_STATES: Final = {
    "running": RunState.RUNNING, "pending": RunState.RUNNING, "finished": RunState.FINISHED,
    "failed": RunState.FAILED, "crashed": RunState.CRASHED, "killed": RunState.KILLED,
    "preempted": RunState.KILLED, "preempting": RunState.RUNNING,
}  # fmt: skip
_ADJECTIVES: Final = ("bold", "calm", "clever", "gentle", "keen", "lucid", "quiet", "swift")
_NOUNS: Final = ("comet", "delta", "falcon", "harbor", "lynx", "maple", "otter", "quartz")


async def upsert(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Begin a run, or change it; whatever is null stays as it is."""
    place = place_of(given)
    recorder = asked.call.workers.recorder
    principal = asked.call.principal
    user = {} if principal is None else {USER: principal.name}
    told = None if given.json("summaryMetrics") is None else await _told(asked, place)
    # The public API names a run by its storage id, and sends a config as a whole.
    is_whole = bool(given.text("id")) and given.json("config") is not None
    had = (await detail_of(asked, place)).config if is_whole else {}

    def work(recorder: Recorder, recording: Recording) -> None:
        if not recording.labels.keys() & {LINES, USER} and recording.foreign:
            recorder.label(recording, user)  # a run that begins
        _write(recorder, recording, given, told, had)

    _, is_new = await asked.call.record(foreign.begin_or_go_on, recorder, place, CLIENT, work)
    branch = branching.branch_of(given.json("config")) if is_new else None
    if branch is not None and branch.run_id != place.run_id:
        await branching.fork(asked, place, branch)
    return {"bucket": run_object(place), "inserted": is_new}


def place_of(given: Given) -> Place:
    """The run that ``upsertBucket`` is about: by id, or by names."""
    if id := given.text("id"):
        return read_run_key(id)
    return Place(
        given.text("entityName") or given.text("entity") or DEFAULT_ENTITY,
        given.text("modelName") or given.text("projectName") or DEFAULT_PROJECT,
        given.text("name") or new_run_id(),
    )


async def _told(asked: Asked, place: Place) -> dict[str, Any] | None:
    """The summary that was told of a run, without what follows from its history; None of none.

    `Api().run()` sends a summary as a whole: what it leaves out of this is to go.
    """
    with contextlib.suppress(NotFound):
        found = await asked.call.read(stored.get_run, place.uid)
        return {
            key: value
            for key, value in found.summary.items()
            if key.partition(".")[0] not in OWN and not key.startswith(SYSTEM_PREFIX)
        }
    return None


def _write(
    recorder: Recorder,
    recording: Recording,
    given: Given,
    told: dict[str, Any] | None,
    had: dict[str, Any],
) -> None:
    memory = memory_of(recording)
    recording.heard, recording.patience_s = time.monotonic(), SILENCE_S
    now_us = time.time_ns() // 1000
    is_new = LINES not in recording.labels
    if is_new:
        memory.summary = {}
        save(recorder, recording, LINES, memory.lines)
    changes: dict[str, Any] = {
        ours: given.text(theirs)
        for theirs, ours in (("notes", "notes"), ("groupName", "group"), ("jobType", "job_type"))
        if given.values.get(theirs) is not None
    }
    if given.values.get("tags") is not None:
        changes["tags"] = given.texts("tags")
    if changes:
        recorder.write(recording, [Attributes(now_us, changes)])
    name = given.text("displayName").strip()[:MAX_NAME]
    # A run that another client named, and that is changed only now, keeps its name.
    if name or (is_new and recording.name == recording.run_id):
        name = name or _new_name()
        if name != recording.name:
            recorder.rename(recording, name)
    config = given.json("config")
    if config is not None:
        write_config(recorder, recording, memory, config, had)
    _keep(recorder, recording, memory, given)
    summary = given.json("summaryMetrics")
    if summary is not None:
        memory.summary = told
        write_summary(recorder, recording, memory, summary)
    state = _STATES.get(given.text("state").lower())
    if state is not None and recording.foreign:
        recorder.tell(recording, state, None)
    elif is_new is False and recording.foreign and _goes_on(recording, given):
        recorder.tell(recording, RunState.RUNNING, None)


def _goes_on(recording: Recording, given: Given) -> bool:
    """Whether a script begins to write to a run that was over: it names its host and program."""
    return recording.state is not RunState.RUNNING and given.values.get("host") is not None


def write_config(
    recorder: Recorder,
    recording: Recording,
    memory: Memory,
    config: dict[str, Any],
    had: dict[str, Any],
) -> None:
    """Record a config that differs from what was sent last; what else it ``had`` is to go."""
    text = msgspec.json.encode(config).decode()
    if text == memory.config_text:
        return
    memory.config_text = text
    now_us = time.time_ns() // 1000
    values, own = configs.split(config)
    gone = list(configs.gone(had, values))
    if values or gone:
        recorder.write(recording, [Config(now_us, values, gone)])
        for key in [key for key in recording.params if configs.lies_in(key, gone)]:
            del recording.params[key]
        recording.params.update({key: str(value) for key, value in flatten(values)})
    if own and own != memory.kept.config:
        if own.get("m") != memory.kept.config.get("m"):
            recorder.write(recording, list(configs.definitions(own, now_us)))
        memory.kept.config = {**memory.kept.config, **own}
        save(recorder, recording, RUN, memory.kept)
        awaiting.resolve(recorder, recording, memory)
        awaiting.draw(recorder, recording, memory)


def _keep(recorder: Recorder, recording: Recording, memory: Memory, given: Given) -> None:
    kept = memory.kept
    before = msgspec.structs.astuple(kept)
    for field, names in (
        ("program", ("jobProgram", "program")), ("repo", ("jobRepo", "repo")),
        ("commit", ("commit",)), ("host", ("host",)), ("sweep", ("sweep",)),
        ("description", ("description",)),
    ):  # fmt: skip
        for name in names:
            if given.values.get(name) is not None:
                setattr(kept, field, given.text(name))
    if given.values.get("host") is not None:  # a script begins
        kept.since_us = time.time_ns() // 1000
    if given.text("sweep"):
        sweep = Attributes(time.time_ns() // 1000, {"sweep": kept.sweep})
        recorder.write(recording, [sweep])
    if msgspec.structs.astuple(kept) != before:
        save(recorder, recording, RUN, kept)


def _new_name() -> str:
    adjective, noun = secrets.choice(_ADJECTIVES), secrets.choice(_NOUNS)
    return f"{adjective}-{noun}-{secrets.randbelow(1000)}"


async def stop(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Ask the run's script to end; it hears of it within seconds."""
    place = read_run_key(given.needed("id"))

    def work(recorder: Recorder, recording: Recording) -> None:
        recorder.settle([recording.uid])  # it may have begun a moment ago

    await asked.call.record(foreign.look, asked.call.workers.recorder, place.uid, work)
    await asked.call.write(stored.stop_run, place.uid)
    return {"success": True}


async def delete(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Delete a run for good, and the versions that it alone made when that is asked for.

    One that is gone already may be this request sent again.
    """
    place = read_run_key(given.needed("id"))
    made = given.values.get("deleteArtifacts") is True
    with contextlib.suppress(NotFound):
        await asked.call.change(stored.delete_run, place.uid, versions=made)
    return {"success": True, "clientMutationId": None}


async def alert(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Something worth telling a person."""
    place = Place(
        given.text("entityName") or DEFAULT_ENTITY, given.text("projectName"),
        given.text("runName"),
    )  # fmt: skip
    level = _LEVELS.get(given.text("severity").upper(), "info")
    event = Event(time.time_ns() // 1000, level, given.text("title"), given.text("text"))

    def work(recorder: Recorder, recording: Recording) -> None:
        recorder.write(recording, [event])

    await asked.call.record(foreign.record, asked.call.workers.recorder, place.uid, work)
    return {"success": True}


async def update_state(asked: Asked, parent: Any, given: Given) -> dict[str, Any]:
    """Tell in which state a run is, when it is not in that state already."""
    place = read_run_key(given.needed("id"))
    state = _STATES.get(given.text("state").lower())
    if state is None:
        raise NotFound(f"there is no state {given.text('state')!r:.80}")

    def work(recorder: Recorder, recording: Recording) -> None:
        if recording.state is state:
            raise Conflict(f"invalid state transition: the run is {state} already")
        if recording.foreign:
            recorder.tell(recording, state, None)

    await asked.call.record(foreign.record, asked.call.workers.recorder, place.uid, work)
    return {"success": True}


FIELDS: Final[Fields] = {
    "Mutation": {
        "upsertBucket": upsert, "stopRun": stop, "deleteRun": delete,
        "notifyScriptableRunAlert": alert, "updateRunState": update_state,
    },
}  # fmt: skip
