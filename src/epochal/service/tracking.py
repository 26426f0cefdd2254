"""Runs for foreign protocols: create, change, log, read, search.

What is logged is durable when the call returns, and every later read through here sees it. A
request that is sent again because its answer was lost adds no point twice.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec

from epochal.domain.access import Permission, Principal
from epochal.domain.names import MAX_NAME, MAX_TEXT, check_uid, new_run_id
from epochal.domain.record import Config, Fact, Labels
from epochal.domain.run import RunState
from epochal.domain.tracked import ENDED, NOTES, TrackedQuery, TrackedRun
from epochal.domain.view import RunChanges
from epochal.errors import InvalidInput, NotFound
from epochal.service.permission import require
from epochal.service.recorded import Point, Recording
from epochal.service.recording import Recorder
from epochal.store import runs, tracked
from epochal.store.labels import MAX_LABEL
from epochal.store.owner import Store
from epochal.store.tracked import History

__all__ = [
    "Batch",
    "History",
    "NewRun",
    "archive_run",
    "change_run",
    "create_run",
    "extend_label",
    "known_run",
    "log",
    "read_history",
    "read_run",
    "remove_label",
    "search_runs",
]


class NewRun(msgspec.Struct, frozen=True):
    """What is known of a run when it begins; ``client`` names the protocol."""

    experiment: int
    client: str
    name: str
    labels: dict[str, str]
    user: str = ""
    started_us: int | None = None
    notes: str = ""


class Batch(msgspec.Struct, frozen=True):
    """Things logged together; ``digest`` recognizes the points of a request sent again."""

    params: Sequence[tuple[str, str]] = ()
    points: Sequence[Point] = ()
    labels: Mapping[str, str] = {}
    name: str | None = None
    digest: bytes = b""
    notes: str | None = None


def read_run(
    store: Store, principal: Principal | None, recorder: Recorder, uid: str
) -> TrackedRun:
    """One run, archived or not.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.READ)
    found = recorder.peek(_known(uid))
    if found is not None:
        return found
    recorder.settle([uid])
    return tracked.read_tracked(store, uid)


def known_run(
    store: Store,  # noqa: ARG001 - every use case begins with it
    principal: Principal | None,
    recorder: Recorder,
    uid: str,
) -> TrackedRun | None:
    """A run of which the recorder knows everything, without waiting; None: use `read_run`."""
    require(principal, Permission.READ)
    return recorder.peek(uid)


def search_runs(
    store: Store, principal: Principal | None, recorder: Recorder, query: TrackedQuery
) -> tuple[list[TrackedRun], bool]:
    """One page of runs, and whether more follow."""
    require(principal, Permission.READ)
    recorder.settle()
    return tracked.search_tracked(store, query)


def read_history(
    store: Store,
    principal: Principal | None,
    recorder: Recorder,
    uid: str,
    key: str,
    *,
    offset: int = 0,
    limit: int | None = None,
) -> History:
    """A stretch of a series by time; empty when there is no such run or series."""
    require(principal, Permission.READ)
    try:
        recorder.settle([_known(uid)])
        return tracked.read_history(store, uid, key, offset=offset, limit=limit)
    except NotFound:
        return History(0, [], [], [])


def create_run(
    store: Store,  # noqa: ARG001 - every use case begins with it
    principal: Principal | None,
    recorder: Recorder,
    new: NewRun,
) -> TrackedRun:
    """Begin a run.

    Raises:
        NotFound: there is no such experiment.
        InvalidInput: the experiment is deleted.
    """
    require(principal, Permission.WRITE)
    place = recorder.places.active(new.experiment)
    now = time.time_ns() // 1000
    started = now if new.started_us is None else max(0, min(new.started_us, now))
    recording = recorder.create(
        place.entity, place.project, new_run_id(),
        started_us=started, client=new.client, user=new.user,
        labels=new.labels, name=new.name.strip()[:MAX_NAME], notes=new.notes[:MAX_TEXT],
    )  # fmt: skip
    with recording.lock:
        made = recording.shown()
    recorder.commit(recording)
    return made


def change_run(
    store: Store,  # noqa: ARG001 - every use case begins with it
    principal: Principal | None,
    recorder: Recorder,
    uid: str,
    *,
    client: str,
    name: str = "",
    state: RunState | None = None,
    ended_us: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> TrackedRun:
    """Tell a run's state, or give it another name; the answer has no metrics.

    Raises:
        NotFound: there is no such run.
        InvalidInput: the run is archived, or lives in a process that tells its state itself.
    """
    require(principal, Permission.WRITE)
    with recorder.hold(_known(uid)) as recording:
        _check_active(recording)
        state, ended_us, labels = _with_end(recording, state, ended_us, labels or {})
        if labels:
            recorder.label(recording, labels)
        if name.strip():
            recorder.rename(recording, name.strip()[:MAX_NAME])
        if state is not None:
            _tell(recorder, recording, client, state, ended_us)
        changed = recording.shown()
    recorder.commit(recording)
    return changed


def log(
    store: Store,  # noqa: ARG001 - every use case begins with it
    principal: Principal | None,
    recorder: Recorder,
    uid: str,
    batch: Batch,
) -> None:
    """Log params, points and labels; all of them or, when one cannot be used, none.

    Raises:
        NotFound: there is no such run.
        InvalidInput: the run is archived, or a param has another value already.
    """
    require(principal, Permission.WRITE)
    with recorder.hold(_known(uid)) as recording:
        _check_active(recording)
        params = _new_params(recording, batch.params)
        now = _now_us()
        facts: list[Fact] = []
        if params:
            facts.append(Config(now, dict(params)))
        if batch.labels:
            facts.append(Labels(now, dict(batch.labels)))
        if batch.name:
            recorder.rename(recording, batch.name[:MAX_NAME])
        if batch.notes is not None:
            recorder.describe(recording, batch.notes[:MAX_TEXT])
            if NOTES in recording.labels:  # of a run from before they were notes
                recorder.label(recording, {}, [NOTES])
        fresh = batch.points and not (batch.digest and recording.repeats(batch.digest))
        recorder.write(recording, facts, batch.points if fresh else ())
        recording.params.update(params)
        recording.labels.update(batch.labels)
    recorder.commit(recording)


def remove_label(
    store: Store,  # noqa: ARG001 - every use case begins with it
    principal: Principal | None,
    recorder: Recorder,
    uid: str,
    name: str,
) -> None:
    """Remove a label.

    Raises:
        NotFound: there is no such run or label.
        InvalidInput: the run is archived.
    """
    require(principal, Permission.WRITE)
    with recorder.hold(_known(uid)) as recording:
        _check_active(recording)
        if name not in recording.labels:
            raise NotFound(f"No tag with name: {name} in run with id {uid}")
        recorder.label(recording, {}, [name])
    recorder.commit(recording)


def extend_label(
    store: Store,  # noqa: ARG001 - every use case begins with it
    principal: Principal | None,
    recorder: Recorder,
    uid: str,
    name: str,
    items: Mapping[str, object],
) -> None:
    """Add entries to a label that holds a JSON object; those that are there already stay.

    Raises:
        NotFound: there is no such run.
        InvalidInput: the run is archived, or the label gets too long.
    """
    require(principal, Permission.WRITE)
    with recorder.hold(_known(uid)) as recording:
        _check_active(recording)
        before = msgspec.json.decode(recording.labels.get(name, "{}"), type=dict[str, object])
        text = msgspec.json.encode({**items, **before}).decode()
        if len(text) > MAX_LABEL:
            raise InvalidInput(
                f"The run {uid} keeps at most {MAX_LABEL:,} characters about what it used and "
                f"made, this makes {len(text):,}"
            )
        recorder.label(recording, {name: text})
    recorder.commit(recording)


def archive_run(
    store: Store, principal: Principal | None, recorder: Recorder, uid: str, *, archived: bool
) -> None:
    """Delete a run in the way that can be taken back, or restore it.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.WRITE)
    recorder.settle([_known(uid)])
    runs.update_run(store, uid, RunChanges(archived=archived))


def _tell(
    recorder: Recorder,
    recording: Recording,
    client: str,
    state: RunState,
    ended_us: int | None,
) -> None:
    if not recording.foreign:
        if recording.state is RunState.RUNNING:
            if state is RunState.RUNNING:
                return
            raise InvalidInput(
                f"The run {recording.uid} is being written by a process that tells its state "
                f"itself; end that one"
            )
        recorder.take_over(recording, client)
    recorder.tell(recording, state, ended_us)


def _with_end(
    recording: Recording, state: RunState | None, ended_us: int | None, labels: Mapping[str, str]
) -> tuple[RunState | None, int | None, Mapping[str, str]]:
    """What to tell of a run that ends, ended, or goes on with an end that was told of it.

    An end of a run that goes on waits in a label, until the run ends and no other is told.
    """
    if (recording.state if state is None else state) is RunState.RUNNING:
        told = recording.ended_us if ended_us is None and state is not None else ended_us
        return state, None, labels if told is None else {**labels, ENDED: str(told)}
    if ended_us is None:
        if state is not None and ENDED in recording.labels:
            ended_us = int(recording.labels[ENDED])
        return state, ended_us, labels
    return state or recording.state, ended_us, labels


def _check_active(recording: Recording) -> None:
    if recording.archived:
        raise InvalidInput(
            f"The run {recording.uid} must be in the 'active' state. Current state is deleted."
        )


def _new_params(recording: Recording, params: Sequence[tuple[str, str]]) -> dict[str, str]:
    fresh: dict[str, str] = {}
    for key, value in params:
        known = recording.params.get(key)
        if known is None:
            fresh[key] = value
        elif known != value:
            raise InvalidInput(
                f"Changing param values is not allowed. Param with key={key!r} was already "
                f"logged with value={known!r} for run ID={recording.uid!r}. "
                f"Attempted logging new value {value!r}."
            )
    return fresh


def _known(uid: str) -> str:
    try:
        return check_uid(uid)
    except InvalidInput:
        raise NotFound(f"Run with id={uid[:80]} not found") from None


def _now_us() -> int:
    return time.time_ns() // 1000
