"""Runs: create, read, change, log, search, delete and restore."""

from __future__ import annotations

import contextlib
import secrets
from typing import Any, Final

import msgspec

from epochal.domain.access import Principal
from epochal.domain.logged import HOLDER
from epochal.domain.tracked import (
    INPUTS,
    NOTES,
    OUTPUTS,
    USER,
    Clause,
    Sort,
    TrackedQuery,
    TrackedRun,
    experiment_id,
)
from epochal.errors import InvalidInput, NotFound
from epochal.protocols import Caller
from epochal.protocols.mlflow import filters, logged
from epochal.protocols.mlflow.arguments import (
    Arguments,
    as_experiment,
    as_integer,
    as_text,
    bad,
    missing,
    needed,
)
from epochal.protocols.mlflow.errors import invalid
from epochal.protocols.mlflow.experiments import view
from epochal.protocols.mlflow.limits import (
    MAX_RUNS,
    MAX_TAG,
    check_batch,
    check_first_tags,
    check_key,
    check_length,
    check_params,
    check_tags,
    read_points,
)
from epochal.protocols.mlflow.pages import check_limit, read_token, write_token
from epochal.protocols.mlflow.shapes import (
    NUMBERED,
    RUN_NAME,
    STATES,
    STATUS,
    encode,
    info_json,
    root,
    run_json,
)
from epochal.service import experiments, packing, tracking
from epochal.service.recording import Recorder
from epochal.service.tracking import Batch, NewRun
from epochal.service.workers import StoreHandle

CLIENT: Final = "mlflow"
MAX_EXPERIMENTS: Final = 5_000
MAX_DATASETS: Final = 1_000
HISTORY: Final = "mlflow.log-model.history"
_MODEL_INFO: Final = ("artifact_path", "flavors", "utc_time_created", "run_id")
_ADJECTIVES: Final = ("bold", "calm", "clever", "gentle", "keen", "lucid", "quiet", "swift")
_NOUNS: Final = ("comet", "delta", "falcon", "harbor", "lynx", "maple", "otter", "quartz")
_NAMES: Final = [f"{adjective}-{noun}" for adjective in _ADJECTIVES for noun in _NOUNS]
_DATASET: Final = {"name": 500, "digest": 36, "source_type": 65_535, "source": 65_535}
_DESCRIBED: Final = {"schema": 1_048_575, "profile": 16_777_215}
_INPUT_TAG: Final = {"key": 255, "value": 500}


async def create(call: Caller, given: Arguments) -> dict[str, Any]:
    """Begin a run."""
    tags = check_first_tags(given.pairs("tags"))
    notes = tags.pop(NOTES, "")
    name = given.text("run_name", "").strip() or ""
    tagged = tags.get(RUN_NAME, "").strip()
    if name and tagged and name != tagged:
        raise invalid(
            f"Both 'run_name' argument and 'mlflow.runName' tag are specified, but with "
            f"different values (run_name='{name}', mlflow.runName='{tagged}')."
        )
    name = name or tagged or _new_name()
    user = given.text("user_id", "")
    new = NewRun(
        experiment=as_experiment(given.fields.get("experiment_id") or "0"),
        client=CLIENT,
        name=name,
        labels={**tags, RUN_NAME: name, USER: user},
        notes=notes,
        user=user,
        started_us=_micros(given, "start_time"),
    )
    made = await call.record(tracking.create_run, call.workers.recorder, new)
    return {"run": run_json(made, new.experiment)}


async def get(call: Caller, given: Arguments) -> dict[str, Any]:
    """One run, deleted ones too."""
    recorder, uid = call.workers.recorder, given.run_id
    found = tracking.known_run(call.workers.store, call.principal, recorder, uid)
    if found is None:
        found = await call.ask(tracking.read_run, recorder, uid)
    return {"run": run_json(found, _experiment(found))}


async def update(call: Caller, given: Arguments) -> dict[str, Any]:
    """Tell a run's status, or give it another name."""
    labels: dict[str, str] = {}
    status = given.fields.get("status")
    word = NUMBERED.get(str(status), str(status)) if status is not None else ""
    if status is not None and word not in STATES:
        raise bad("status", status)
    if word:
        labels[STATUS] = word
    name = given.text("run_name", "").strip()
    if name:
        labels[RUN_NAME] = name
    found = await call.record(
        tracking.change_run, call.workers.recorder, given.run_id, client=CLIENT, name=name,
        state=STATES.get(word), ended_us=_micros(given, "end_time"), labels=labels,
    )  # fmt: skip
    return {"run_info": info_json(found, _experiment(found))}


async def delete(call: Caller, given: Arguments) -> dict[str, Any]:
    """Hide a run; `restore` takes it back."""
    await call.write(tracking.archive_run, call.workers.recorder, given.run_id, archived=True)
    return {}


async def restore(call: Caller, given: Arguments) -> dict[str, Any]:
    """Restore a hidden run."""
    await call.write(tracking.archive_run, call.workers.recorder, given.run_id, archived=False)
    return {}


async def log_metric(call: Caller, given: Arguments) -> dict[str, Any]:
    """Log one value of a metric."""
    uid = given.run_id
    points = read_points([given.fields], "")
    if "model_id" in given.fields:
        points = read_points(await _fresh(call, uid, [given.fields]), "")
    batch = Batch(points=points, digest=given.digest)
    await call.record(tracking.log, call.workers.recorder, uid, batch)
    await logged.log_metrics(call, [given.fields], uid)
    return {}


async def log_batch(call: Caller, given: Arguments) -> dict[str, Any]:
    """Log metrics, params and tags; all of them or none."""
    uid = given.run_id
    metrics, params, tags = given.objects("metrics"), given.pairs("params"), given.pairs("tags")
    check_batch(len(metrics), len(params), len(tags))
    labels = check_tags(tags)
    notes = labels.pop(NOTES, None)
    points = read_points(metrics)
    of_models = [one for one in metrics if "model_id" in one]
    if of_models:
        points = read_points(await _fresh(call, uid, metrics))
    batch = Batch(
        params=check_params(params),
        points=points,
        labels=labels,
        name=labels.get(RUN_NAME),
        digest=given.digest,
        notes=notes,
    )
    await call.record(tracking.log, call.workers.recorder, uid, batch)
    await logged.log_metrics(call, of_models, uid)
    return {}


async def log_parameter(call: Caller, given: Arguments) -> dict[str, Any]:
    """Log a param; it cannot be changed later."""
    uid = given.run_id
    params = check_params([(needed(given, "key"), given.text("value", ""))])
    await call.record(tracking.log, call.workers.recorder, uid, Batch(params=params))
    return {}


async def set_tag(call: Caller, given: Arguments) -> dict[str, Any]:
    """Set a tag; ``mlflow.runName`` renames the run."""
    uid = given.run_id
    labels = {check_key(needed(given, "key")): given.text("value", "")[:MAX_TAG]}
    notes = labels.pop(NOTES, None)
    batch = Batch(labels=labels, name=labels.get(RUN_NAME), notes=notes)
    await call.record(tracking.log, call.workers.recorder, uid, batch)
    return {}


async def delete_tag(call: Caller, given: Arguments) -> dict[str, Any]:
    """Remove a tag."""
    uid, key = given.run_id, check_key(needed(given, "key"))
    recorder = call.workers.recorder
    if key == NOTES and (await call.ask(tracking.read_run, recorder, uid)).notes:
        await call.record(tracking.log, recorder, uid, Batch(notes=""))
        return {}
    await call.record(tracking.remove_label, recorder, uid, key)
    return {}


async def log_inputs(call: Caller, given: Arguments) -> dict[str, Any]:
    """Note which datasets and models the run used. The first word on a dataset counts."""
    items: dict[str, object] = {}
    datasets = given.objects("datasets")
    if len(datasets) > MAX_DATASETS:
        raise invalid(f"A request can contain at most {MAX_DATASETS} datasets")
    for index, entry in enumerate(datasets):
        where = f"datasets[{index}]"
        given_facts = entry.get("dataset")
        if not isinstance(given_facts, dict):
            raise missing(f"{where}.dataset")
        dataset = _texts(given_facts, _DATASET, f"{where}.dataset")
        dataset |= _texts(given_facts, _DESCRIBED, f"{where}.dataset", optional=True)
        tags = [
            _texts(tag, _INPUT_TAG, f"{where}.tags[{at}]")
            for at, tag in enumerate(Arguments(entry).objects("tags"))
        ]
        name = f"dataset:{dataset['name']}\n{dataset['digest']}"
        items.setdefault(name, {"tags": tags, "dataset": dataset})
    for index, entry in enumerate(given.objects("models")):
        model = as_text(entry.get("model_id"), f"models[{index}].model_id")
        items[f"model:{model}"] = {"model_id": model}
    await call.record(tracking.extend_label, call.workers.recorder, given.run_id, INPUTS, items)
    return {}


async def outputs(call: Caller, given: Arguments) -> dict[str, Any]:
    """Note which models the run made."""
    items: dict[str, object] = {}
    for index, entry in enumerate(given.objects("models")):
        model = as_text(entry.get("model_id"), f"models[{index}].model_id")
        step = as_integer(entry.get("step") or 0, f"models[{index}].step")
        items[f"{model}\n{step}"] = {"model_id": model, "step": step}
    await call.record(tracking.extend_label, call.workers.recorder, given.run_id, OUTPUTS, items)
    return {}


async def log_model(call: Caller, given: Arguments) -> dict[str, Any]:
    """Note that a folder of the run is a model, as clients before MLflow 3 do."""
    uid = given.run_id
    try:
        model = msgspec.json.decode(given.text("model_json"), type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise invalid(f"Malformed model info. \n Model info must be valid JSON: {error}") from None
    absent = [name for name in _MODEL_INFO if name not in model]
    if absent:
        raise invalid(
            f"Model json is missing mandatory fields: {absent}. The model info must have "
            f"{list(_MODEL_INFO)}"
        )
    recorder = call.workers.recorder
    found = await call.ask(tracking.read_run, recorder, uid)
    try:
        before = msgspec.json.decode(found.labels.get(HISTORY, "[]"), type=list[Any])
    except msgspec.MsgspecError:
        before = []
    labels = {HISTORY: msgspec.json.encode([*before, model]).decode()}
    await call.record(tracking.log, recorder, uid, Batch(labels=labels))
    folder = as_text(model["artifact_path"], "model_json.artifact_path").strip("/")
    with contextlib.suppress(NotFound, InvalidInput):  # then it stays a folder of the run
        await call.record(packing.pack_model, recorder, uid, folder)
    return {}


async def search(call: Caller, given: Arguments) -> dict[str, Any]:
    """A page of runs, whole."""
    wanted = {as_experiment(value) for value in given.items("experiment_ids")}
    if len(wanted) > MAX_EXPERIMENTS:
        raise invalid(f"A search covers at most {MAX_EXPERIMENTS} experiments")
    limit = check_limit(given.number("max_results", 1000), MAX_RUNS)
    offset = read_token(given.text("page_token", ""))
    clauses = [
        _in_our_words(clause)
        for clause in filters.parse_filter(given.text("filter", ""), filters.RUNS)
    ]
    clauses.append(Clause("tag", HOLDER, "null"))
    order = [
        Sort("attribute", "notes", sort.descending) if _on_notes(sort) else sort
        for sort in filters.parse_order(given.texts("order_by"), filters.RUNS)
    ]
    archived = view(given, "run_view_type")
    every = await call.read(experiments.list_experiments, call.workers.recorder)
    places = [(one.entity, one.project) for one in every if one.id in wanted]
    roots = {(one.entity, one.project): root(one.id) for one in every if one.id in wanted}
    query = TrackedQuery(places, clauses, order, archived, limit, offset, roots)
    shown, more = await call.read(_found, call.workers.recorder, query)
    answer: dict[str, Any] = {"runs": shown}
    if more:
        answer["next_page_token"] = write_token(offset + limit)
    return answer


def _found(
    store: StoreHandle, principal: Principal | None, recorder: Recorder, query: TrackedQuery
) -> tuple[msgspec.Raw, bool]:
    """Runs as JSON, and whether more follow; a long page is written in the thread that read it."""
    found, more = tracking.search_runs(store, principal, recorder, query)
    return msgspec.Raw(encode([run_json(one, _experiment(one)) for one in found])), more


async def _fresh(call: Caller, uid: str, metrics: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The metrics without those that only tell a model what the run knows already."""
    run = await call.ask(tracking.read_run, call.workers.recorder, uid)
    newest = {last.key: (last.step, last.t_us // 1000, last.value) for last in run.metrics}
    known = {key: {point} for key, point in newest.items()}
    read: set[str] = set()
    fresh: list[dict[str, Any]] = []
    for one in metrics:
        key = one["key"]
        if not one.get("model_id") or key not in newest:
            fresh.append(one)
            continue
        point = int(one.get("step") or 0), int(one["timestamp"]), float(one["value"])
        if key not in read and point not in known[key] and point[0] <= newest[key][0]:
            read.add(key)
            past = await call.read(tracking.read_history, call.workers.recorder, uid, key)
            times = [t_us // 1000 for t_us in past.t_us]
            known[key] |= set(zip(past.step, times, past.value, strict=True))
        if point not in known[key]:
            fresh.append(one)
    return fresh


def _texts(
    given: dict[str, Any], limits: dict[str, int], where: str, *, optional: bool = False
) -> dict[str, str]:
    """Some fields that are texts; one that is missing is empty, or left out where ``optional``."""
    found: dict[str, str] = {}
    for name, limit in limits.items():
        text = given.get(name)
        if text is not None or not optional:
            text = as_text("" if text is None else text, f"{where}.{name}")
            found[name] = check_length(text, name, limit)
    return found


def _in_our_words(clause: Clause) -> Clause:
    """A condition on the status asks for our state; one that is no word is found nowhere.

    One on the tag of the notes asks for the notes.
    """
    if _on_notes(clause):
        return Clause("attribute", "notes", clause.operator, clause.value)
    if clause.kind != "attribute" or clause.key != "status":
        return clause
    return Clause("attribute", "status", clause.operator, str(clause.value).lower())


def _on_notes(asked: Clause | Sort) -> bool:
    return (asked.kind, asked.key) == ("tag", NOTES)


def _experiment(found: TrackedRun) -> int:
    return experiment_id(found.entity, found.project)


def _micros(given: Arguments, name: str) -> int | None:
    time_ms = given.optional(name)
    if time_ms is not None and not 0 <= time_ms < 2**53:
        raise bad(name, time_ms, "A time is in milliseconds since 1970, from 0 to 2**53.")
    return None if time_ms is None else time_ms * 1000


def _new_name() -> str:
    place, number = divmod(secrets.randbelow(len(_NAMES) * 1000), 1000)
    return f"{_NAMES[place]}-{number}"
