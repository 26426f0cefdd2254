"""Logged models of foreign clients: named models of a run, or of an experiment alone.

A logged model lives in labels of its run, so that it survives whatever the run survives: what it
is in one, its newest metrics in another. Its files are files of that run. A model that no run made
gets a run of its own, which foreign clients do not see. Once a client says that a model is ready,
its files become an artifact version, which our own pages and registry know.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from epochal.domain.access import Permission, Principal
from epochal.domain.logged import (
    HOLDER,
    METRICS,
    MODEL,
    PENDING,
    READY,
    Facts,
    ModelMetric,
    decode_facts,
    decode_metrics,
)
from epochal.domain.names import check_uid
from epochal.domain.run import RunState
from epochal.errors import InvalidInput, NotFound
from epochal.service import packing, tracking
from epochal.service.permission import require
from epochal.service.recording import Recorder
from epochal.service.tracking import NewRun
from epochal.store import labels as stored
from epochal.store.labels import Found
from epochal.store.owner import Store

MAX_METRICS: Final = 5_000
MAX_ITEMS: Final = 10_000
_ID: Final = re.compile(r"m-[0-9a-f]{32}")


class LoggedModel(msgspec.Struct, frozen=True):
    """A logged model; ``uid`` is the run that holds it."""

    id: str
    uid: str
    entity: str
    project: str
    facts: Facts
    metrics: list[ModelMetric] = []

    @property
    def folder(self) -> str:
        """Where its files lie among those of its run."""
        return f"models/{self.id}"


class NewLogged(msgspec.Struct, frozen=True):
    """What is known of a model when it is begun; ``client`` names the protocol."""

    experiment: int
    client: str
    name: str
    kind: str = ""
    run: str = ""
    params: dict[str, str] = {}
    tags: dict[str, str] = {}


_encode: Final = msgspec.json.Encoder().encode


def create_logged(
    store: Store, principal: Principal | None, recorder: Recorder, new: NewLogged
) -> LoggedModel:
    """Begin a model.

    Raises:
        NotFound: there is no such run or experiment.
        InvalidInput: the run or the experiment is deleted.
    """
    require(principal, Permission.WRITE)
    now = _now_us()
    facts = Facts(new.name, new.kind, new.run, PENDING, now, now, new.params, new.tags)
    uid = _run_of(new.run) if new.run else _holder(recorder, store, principal, new)
    id = f"m-{secrets.token_hex(16)}"
    with recorder.hold(uid) as recording:
        if recording.archived:
            raise InvalidInput(f"The run {uid} must be in the 'active' state")
        recorder.label(recording, {MODEL + id: _encode(facts).decode()})
        made = LoggedModel(id, uid, recording.entity, recording.project, facts)
    recorder.commit(recording)
    return made


def get_logged(
    store: Store, principal: Principal | None, recorder: Recorder, id: str
) -> LoggedModel:
    """A model that was not deleted.

    Raises:
        NotFound: there is none.
    """
    require(principal, Permission.READ)
    recorder.settle()
    return _find(store, id)


def list_logged(
    store: Store,
    principal: Principal | None,
    recorder: Recorder,
    projects: Sequence[tuple[str, str]],
) -> list[LoggedModel]:
    """The models of some projects that were not deleted."""
    require(principal, Permission.READ)
    if not projects:
        return []
    recorder.settle()
    metrics = {
        (one.uid, one.name[len(METRICS) :]): decode_metrics(one.text)
        for one in stored.find_labels(store, METRICS, projects=projects)
    }
    found: dict[str, LoggedModel] = {}
    for one in stored.find_labels(store, MODEL, projects=projects):
        id = one.name[len(MODEL) :]
        model = _read(one, metrics.get((one.uid, id), []))
        if not model.facts.deleted:
            found.setdefault(id, model)  # a run that was moved has it as well
    return list(found.values())


def change_logged(
    store: Store,
    principal: Principal | None,
    recorder: Recorder,
    id: str,
    *,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    removed: Sequence[str] = (),
    status: str | None = None,
    deleted: bool | None = None,
) -> LoggedModel:
    """Change what is known of a model. One that becomes ready is made an artifact version.

    Raises:
        NotFound: there is no such model, or no such tag to remove.
        InvalidInput: it would have too many params or tags.
    """
    require(principal, Permission.WRITE)
    recorder.settle()
    known = _find(store, id)
    with recorder.hold(known.uid) as recording:
        facts = decode_facts(recording.labels[MODEL + id])
        missing = [name for name in removed if name not in facts.tags]
        if missing:
            raise NotFound(f"No tag with key {missing[0]!r} found for model with ID {id!r}")
        changed = {**facts.tags, **(tags or {})}
        facts = msgspec.structs.replace(
            facts,
            params={**facts.params, **(params or {})},
            tags={name: text for name, text in changed.items() if name not in removed},
            status=facts.status if status is None else status,
            deleted=facts.deleted if deleted is None else deleted,
            updated_us=max(_now_us(), facts.updated_us + 1),
        )
        if max(len(facts.params), len(facts.tags)) > MAX_ITEMS:
            raise InvalidInput(f"A model has at most {MAX_ITEMS} params and {MAX_ITEMS} tags")
        recorder.label(recording, {MODEL + id: _encode(facts).decode()})
    recorder.commit(recording)
    if status == READY:
        _publish(recorder, store, principal, known)
    return msgspec.structs.replace(known, facts=facts)


def log_model_metrics(
    store: Store,
    principal: Principal | None,
    recorder: Recorder,
    id: str,
    metrics: Sequence[ModelMetric],
) -> None:
    """Note metrics of a model; of each the one of the greatest step and time stays.

    Raises:
        NotFound: there is no such model.
        InvalidInput: it would have too many metrics.
    """
    require(principal, Permission.WRITE)
    recorder.settle()
    known = _find(store, id)
    with recorder.hold(known.uid) as recording:
        text = recording.labels.get(METRICS + id, "[]")
        newest = {one.place: one for one in decode_metrics(text)}
        for one in metrics:
            before = newest.get(one.place)
            if before is None or (before.step, before.t_us) <= (one.step, one.t_us):
                newest[one.place] = one
        if len(newest) > MAX_METRICS:
            raise InvalidInput(f"A model has at most {MAX_METRICS} metrics")
        recorder.label(recording, {METRICS + id: _encode(list(newest.values())).decode()})
    recorder.commit(recording)


def _publish(
    recorder: Recorder, store: Store, principal: Principal | None, model: LoggedModel
) -> None:
    """Make a model an artifact version, if it has files that can lie side by side everywhere."""
    with contextlib.suppress(NotFound, InvalidInput):
        packing.pack_model(store, principal, recorder, model.uid, model.folder, model.facts.name)


def _find(store: Store, id: str) -> LoggedModel:
    found = stored.find_labels(store, MODEL, name=id) if _ID.fullmatch(id) else []
    for one in found:
        texts = [m.text for m in stored.find_labels(store, METRICS, name=id) if m.uid == one.uid]
        model = _read(one, decode_metrics(texts[0]) if texts else [])
        if not model.facts.deleted:
            return model
    raise NotFound(f"Logged model with ID '{id[:80]}' not found.")


def _read(found: Found, metrics: list[ModelMetric]) -> LoggedModel:
    id = found.name[len(MODEL) :]
    facts = decode_facts(found.text)
    return LoggedModel(id, found.uid, found.entity, found.project, facts, metrics)


def _holder(recorder: Recorder, store: Store, principal: Principal | None, new: NewLogged) -> str:
    made = tracking.create_run(
        store, principal, recorder,
        NewRun(new.experiment, new.client, new.name, {HOLDER: "model"}),
    )  # fmt: skip
    tracking.change_run(
        store, principal, recorder, made.uid, client=new.client, state=RunState.FINISHED
    )
    return made.uid


def _run_of(uid: str) -> str:
    try:
        return check_uid(uid)
    except InvalidInput:
        raise NotFound(f"Run with id={uid[:80]} not found") from None


def _now_us() -> int:
    return time.time_ns() // 1000
