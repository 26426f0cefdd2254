"""Logged models of MLflow 3: begin, describe, finish, find and delete."""

from __future__ import annotations

import secrets
from typing import Any, Final

import msgspec

from epochal.domain.logged import READY, ModelMetric
from epochal.domain.tracked import Clause, Sort, Value, experiment_id
from epochal.protocols import Caller
from epochal.protocols.mlflow import filters
from epochal.protocols.mlflow.arguments import (
    Arguments,
    as_experiment,
    as_text,
    bad,
    missing,
)
from epochal.protocols.mlflow.errors import invalid
from epochal.protocols.mlflow.limits import MAX_PARAM, check_any_key, check_first_tags
from epochal.protocols.mlflow.pages import check_limit, read_token, write_token
from epochal.protocols.mlflow.searching import Thing, choose
from epochal.protocols.mlflow.shapes import logged_json, milliseconds, pairs
from epochal.service import experiments, logged
from epochal.service.logged import LoggedModel, NewLogged

CLIENT: Final = "mlflow"
MAX_NAME: Final = 500
MAX_MODELS: Final = 1_000
MAX_EXPERIMENTS: Final = 5_000
STATUSES: Final = {
    "LOGGED_MODEL_PENDING": "LOGGED_MODEL_PENDING", "1": "LOGGED_MODEL_PENDING",
    "LOGGED_MODEL_READY": READY, "2": READY,
    "LOGGED_MODEL_UPLOAD_FAILED": "LOGGED_MODEL_UPLOAD_FAILED", "3": "LOGGED_MODEL_UPLOAD_FAILED",
}  # fmt: skip
SHOWN: Final = {"PENDING": "PENDING", "READY": "READY", "FAILED": "UPLOAD_FAILED"}
"""What clients show of them, and what an order goes by: the failed ones come last."""
_REFUSED: Final = frozenset("/:.%\"'")


async def create(call: Caller, given: Arguments) -> dict[str, Any]:
    """Begin a model."""
    name = given.text("name", "") or f"model-{secrets.token_hex(4)}"
    bad_ones = sorted(set(name) & _REFUSED)
    if bad_ones or not name.strip() or len(name) > MAX_NAME:
        raise invalid(
            f"Invalid model name ({name[:80]!r}) provided. Model name must be a non-empty string "
            f"and cannot contain the following characters: ('/', ':', '.', '%', '\"', \"'\")"
        )
    new = NewLogged(
        as_experiment(given.fields.get("experiment_id")), CLIENT, name,
        kind=given.text("model_type", ""), run=given.text("source_run_id", ""),
        params=_params(given), tags=check_first_tags(given.pairs("tags")),
    )  # fmt: skip
    await call.read(experiments.get_experiment, call.workers.recorder, new.experiment)
    made = await call.record(logged.create_logged, call.workers.recorder, new)
    return {"model": logged_json(made)}


async def get(call: Caller, given: Arguments) -> dict[str, Any]:
    """One model."""
    found = await call.read(logged.get_logged, call.workers.recorder, given.text("model_id"))
    return {"model": logged_json(found)}


async def finalize(call: Caller, given: Arguments) -> dict[str, Any]:
    """Say that a model is ready, or that it could not be uploaded."""
    word = given.fields.get("status")
    if word is None:
        raise missing("status")
    status = STATUSES.get(str(word))
    if status is None:
        raise bad("status", word)
    found = await call.record(
        logged.change_logged, call.workers.recorder, given.text("model_id"), status=status
    )
    return {"model": logged_json(found)}


async def delete(call: Caller, given: Arguments) -> dict[str, Any]:
    """Delete a model; its files stay with its run."""
    await call.record(
        logged.change_logged, call.workers.recorder, given.text("model_id"), deleted=True
    )
    return {}


async def log_params(call: Caller, given: Arguments) -> dict[str, Any]:
    """Add params."""
    await call.record(
        logged.change_logged, call.workers.recorder, given.text("model_id"), params=_params(given)
    )
    return {}


async def set_tags(call: Caller, given: Arguments) -> dict[str, Any]:
    """Set tags."""
    tags = check_first_tags(given.pairs("tags"))
    found = await call.record(
        logged.change_logged, call.workers.recorder, given.text("model_id"), tags=tags
    )
    return {"model": logged_json(found)}


async def delete_tag(call: Caller, given: Arguments) -> dict[str, Any]:
    """Remove a tag."""
    removed = (given.text("tag_key"),)
    await call.record(
        logged.change_logged, call.workers.recorder, given.text("model_id"), removed=removed
    )
    return {}


async def search(call: Caller, given: Arguments) -> dict[str, Any]:
    """A page of models of some experiments."""
    wanted = {as_experiment(value) for value in given.items("experiment_ids")}
    if len(wanted) > MAX_EXPERIMENTS:
        raise invalid(f"A search covers at most {MAX_EXPERIMENTS} experiments")
    given_limit = given.optional("max_results")
    limit = check_limit(50 if given_limit is None else given_limit, MAX_MODELS)
    offset = read_token(given.text("page_token", ""))
    clauses = [
        _in_our_words(clause)
        for clause in filters.parse_filter(given.text("filter", ""), filters.LOGGED)
    ]
    order = _order(given)
    datasets = {
        (_dataset_name(one), one.get("dataset_digest")) for one in given.objects("datasets")
    }
    every = await call.read(experiments.list_experiments, call.workers.recorder)
    places = [(one.entity, one.project) for one in every if one.id in wanted]
    found = await call.read(logged.list_logged, call.workers.recorder, places)
    if datasets and not any(clause.kind == "metric" for clause in clauses):
        found = [one for one in found if any(_is_on(m, datasets) for m in one.metrics)]
    found.sort(key=lambda one: (-one.facts.created_us, one.id))
    page = choose(found, lambda one: _thing(one, datasets), clauses, order)
    answer: dict[str, Any] = {
        "models": [logged_json(one) for one in page[offset : offset + limit]]
    }
    if len(page) > offset + limit:
        answer["next_page_token"] = write_token(offset + limit)
    return answer


async def log_metrics(call: Caller, metrics: list[dict[str, Any]], uid: str) -> None:
    """Note with their models the metrics of a run that name one.

    Args:
        call: the request.
        metrics: checked entries of a request.
        uid: the run that logged them.

    Raises:
        NotFound: there is no such model.
    """
    by_model: dict[str, list[ModelMetric]] = {}
    for one in metrics:
        if model := one.get("model_id"):
            metric = ModelMetric(
                one["key"], repr(float(one["value"])), int(one.get("step") or 0),
                int(one["timestamp"]) * 1000, uid,
                as_text(one.get("dataset_name") or "", "dataset_name")[:500],
                as_text(one.get("dataset_digest") or "", "dataset_digest")[:36],
            )  # fmt: skip
            by_model.setdefault(as_text(model, "model_id"), []).append(metric)
    for id, noted in by_model.items():
        await call.record(logged.log_model_metrics, call.workers.recorder, id, noted)


def _params(given: Arguments) -> dict[str, str]:
    return {check_any_key(key): value[:MAX_PARAM] for key, value in given.pairs("params")}


def _dataset_name(given: dict[str, Any]) -> str:
    name = given.get("dataset_name")
    if not name:
        raise invalid("`dataset_name` in the `datasets` clause must be specified.")
    return as_text(name, "datasets.dataset_name")


def _in_our_words(clause: Clause) -> Clause:
    """A condition on the status has the words that the client shows.

    Raises:
        InvalidInput: no model has such a status, or it is asked for in another way.
    """
    if (clause.kind, clause.key) != ("attribute", "status"):
        return clause
    if clause.operator not in ("=", "!=", "in", "not in"):
        raise invalid(f"Invalid comparison operator for status: {clause.operator.upper()}")
    values = clause.value if isinstance(clause.value, tuple) else (clause.value,)
    unknown = [value for value in values if value not in SHOWN]
    if unknown:
        raise invalid(
            f"Unknown model status in filter: {unknown[0]!r}. Value must be one of {list(SHOWN)}."
        )
    ours = tuple(SHOWN[str(value)] for value in values)
    value: Value = ours if isinstance(clause.value, tuple) else ours[0]
    return msgspec.structs.replace(clause, value=value)


def _order(given: Arguments) -> list[Sort]:
    """Sort criteria, which are objects here and not texts.

    Raises:
        InvalidInput: one does not name a field.
    """
    order: list[Sort] = []
    for index, one in enumerate(given.objects("order_by")):
        name = one.get("field_name")
        if not name:
            raise missing(f"order_by[{index}].field_name")
        (sort,) = filters.parse_order([as_text(name, "field_name")], filters.LOGGED)
        key = sort.key
        if sort.kind == "metric" and one.get("dataset_name"):
            key = _on(key, str(one["dataset_name"]), str(one.get("dataset_digest") or ""))
        order.append(Sort(sort.kind, key, descending=one.get("ascending") is False))
    return order


def _on(key: str, dataset: str, digest: str = "") -> str:
    """What a metric on a dataset is called in an order, of any digest or of one."""
    return f"{key}\n{dataset}\n{digest}"


def _is_on(metric: ModelMetric, datasets: set[tuple[str, Any]]) -> bool:
    """Whether a metric is on one of some datasets, given by name and digest, or by name alone."""
    given = (metric.dataset, metric.digest), (metric.dataset, None)
    return any(pair in datasets for pair in given)


def _thing(one: LoggedModel, datasets: set[tuple[str, Any]]) -> Thing:
    facts = one.facts
    attributes = {
        "name": facts.name, "model_id": one.id, "model_type": facts.kind or None,
        "status": facts.status.removeprefix("LOGGED_MODEL_"), "source_run_id": facts.run or None,
        "created": milliseconds(facts.created_us), "updated": milliseconds(facts.updated_us),
        "experiment_id": str(experiment_id(one.entity, one.project)),
    }  # fmt: skip
    metrics: dict[str, float] = {}
    for metric in sorted(one.metrics, key=lambda m: (m.step, m.t_us)):
        key, dataset, digest = metric.key, metric.dataset, metric.digest
        names = [_on(key, dataset), _on(key, dataset, digest)] if dataset else []
        if not datasets or _is_on(metric, datasets):
            names.append(key)
        metrics |= dict.fromkeys(names, float(metric.value))
    tags = {pair["key"]: pair["value"] for pair in pairs(facts.tags)}
    return Thing(attributes, tags, facts.params, metrics)
