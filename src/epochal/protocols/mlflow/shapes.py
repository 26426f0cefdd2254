"""Our values in MLflow's JSON: absent fields are left out, times are milliseconds."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from epochal.domain.logged import ModelMetric
from epochal.domain.models import ModelRow, ModelVersionRow, Stage
from epochal.domain.run import RunState
from epochal.domain.tracked import (
    ENDED,
    INPUTS,
    NOTES,
    OUTPUTS,
    USER,
    Experiment,
    TrackedRun,
    experiment_id,
)
from epochal.protocols.mlflow.errors import invalid
from epochal.protocols.mlflow.places import content_uri
from epochal.service.logged import LoggedModel

LARGEST: Final = sys.float_info.max
ARTIFACTS: Final = "/artifacts"
STATUS: Final = "$status"
RUN_NAME: Final = "mlflow.runName"
SOURCE: Final = "$source"
LINK: Final = "$run_link"
LOGGED: Final = "$model"
RUN: Final = "$run"

SHOWN_STAGES: Final[dict[Stage, str]] = {
    "none": "None",
    "development": "None",
    "staging": "Staging",
    "production": "Production",
    "archived": "Archived",
}
STAGES: Final[dict[str, Stage]] = {
    "none": "none", "staging": "staging", "production": "production", "archived": "archived",
}  # fmt: skip

STATUSES: Final[dict[RunState, str]] = {
    RunState.RUNNING: "RUNNING",
    RunState.FINISHED: "FINISHED",
    RunState.FAILED: "FAILED",
    RunState.CRASHED: "FAILED",
    RunState.KILLED: "KILLED",
}
STATES: Final[dict[str, RunState]] = {
    "RUNNING": RunState.RUNNING,
    "SCHEDULED": RunState.RUNNING,
    "FINISHED": RunState.FINISHED,
    "FAILED": RunState.FAILED,
    "KILLED": RunState.KILLED,
}
NUMBERED: Final = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}

encode = msgspec.json.Encoder().encode


class Metric(msgspec.Struct, gc=False):
    """MLflow's Metric; there are many in a search, and this is the cheapest way to show them."""

    key: str
    value: float | str
    timestamp: int
    step: int


def number(value: float) -> float | str:
    """A double as MLflow's JSON has it: NaN as text, infinities as the largest numbers."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return math.copysign(LARGEST, value)


def milliseconds(micros: int) -> int:
    """A time as MLflow counts it."""
    return micros // 1000


def root(experiment: int) -> str:
    """Where an experiment's artifacts are, as clients name it."""
    return f"mlflow-artifacts:/{experiment}"


def stage(gone: bool) -> str:
    """The lifecycle stage."""
    return "deleted" if gone else "active"


def pairs(texts: dict[str, str]) -> list[dict[str, str]]:
    """A mapping as a list of keys and values, without what belongs to us."""
    return [
        {"key": key, "value": value} for key, value in texts.items() if not key.startswith("$")
    ]


def experiment_json(found: Experiment) -> dict[str, Any]:
    """MLflow's Experiment."""
    return {
        "experiment_id": str(found.id),
        "name": found.name,
        "artifact_location": root(found.id),
        "lifecycle_stage": stage(found.deleted),
        "creation_time": milliseconds(found.created_us),
        "last_update_time": milliseconds(found.updated_us),
        "tags": pairs(found.tags),
    }


def info_json(found: TrackedRun, experiment: int) -> dict[str, Any]:
    """MLflow's RunInfo."""
    status = STATUSES[found.state]
    if status == "RUNNING":
        status = found.labels.get(STATUS, status)
    info = {
        "run_id": found.uid,
        "run_uuid": found.uid,
        "run_name": found.name,
        "experiment_id": str(experiment),
        "user_id": found.labels.get(USER, ""),
        "status": status,
        "start_time": milliseconds(found.created_us),
        "artifact_uri": f"{root(experiment)}/{found.uid}{ARTIFACTS}",
        "lifecycle_stage": stage(found.archived),
    }
    ended_us = found.labels.get(ENDED) if found.ended_us is None else found.ended_us
    if ended_us is not None:
        info["end_time"] = milliseconds(int(ended_us))
    return info


def run_json(found: TrackedRun, experiment: int) -> dict[str, Any]:
    """MLflow's Run."""
    metrics = [
        Metric(
            last.key,
            value if (value := last.value) - value == 0.0 else number(value),  # finite
            last.t_us // 1000,
            last.step,
        )
        for last in found.metrics
    ]
    params = [{"key": key, "value": value} for key, value in found.params.items()]
    tags = {**found.labels, RUN_NAME: found.name}
    if found.notes:
        tags[NOTES] = found.notes
    return {
        "info": info_json(found, experiment),
        "data": {"metrics": metrics, "params": params, "tags": pairs(tags)},
        "inputs": {
            "dataset_inputs": _held(found, INPUTS, "dataset:"),
            "model_inputs": _held(found, INPUTS, "model:"),
        },
        "outputs": {"model_outputs": _held(found, OUTPUTS, "")},
    }


def _held(found: TrackedRun, label: str, prefix: str) -> list[Any]:
    """The entries of a label whose names begin with ``prefix``."""
    text = found.labels.get(label)
    if text is None:
        return []
    entries = msgspec.json.decode(text, type=dict[str, Any])
    return [entry for name, entry in entries.items() if name.startswith(prefix)]


def stage_of(text: str) -> Stage:
    """The stage of a model version that a client names.

    Raises:
        InvalidInput: there is none of that name.
    """
    found = STAGES.get(text.lower())
    if found is None:
        known = "None, Staging, Production, Archived"
        raise invalid(f"Invalid Model Version stage: {text[:80]}. Value must be one of {known}.")
    return found


def run_of(row: ModelVersionRow) -> str:
    """The run of a model version; empty when no run made it."""
    return row.tags.get(RUN, row.run.uid if row.run else "")


def source_of(row: ModelVersionRow) -> str:
    """Where a model version came from, as its client said."""
    return row.tags.get(SOURCE) or content_uri(row.digest)


def version_json(row: ModelVersionRow) -> dict[str, Any]:
    """MLflow's ModelVersion."""
    shown = {
        "name": row.model,
        "version": str(row.version),
        "creation_timestamp": milliseconds(row.created_us),
        "last_updated_timestamp": milliseconds(row.updated_us),
        "current_stage": SHOWN_STAGES[row.stage],
        "description": row.description,
        "source": source_of(row),
        "run_id": run_of(row),
        "status": "READY" if row.state == "ready" else "PENDING_REGISTRATION",
        "run_link": row.tags.get(LINK, ""),
        "tags": pairs(row.tags),
        "aliases": row.aliases,
    }
    model = row.tags.get(LOGGED)
    return {**shown, "model_id": model} if model else shown


def model_json(row: ModelRow, versions: Iterable[ModelVersionRow]) -> dict[str, Any]:
    """MLflow's RegisteredModel, with the newest version of each stage."""
    newest: dict[str, ModelVersionRow] = {}
    for one in sorted(versions, key=lambda row: row.version):
        newest[SHOWN_STAGES[one.stage]] = one  # stages in the order of their first versions
    return {
        "name": row.name,
        "creation_timestamp": milliseconds(row.created_us),
        "last_updated_timestamp": milliseconds(row.updated_us),
        "description": row.description,
        "latest_versions": [version_json(one) for one in newest.values()],
        "tags": pairs(row.tags),
        "aliases": [
            {"alias": alias, "version": str(number)} for alias, number in row.aliases.items()
        ],
    }


def logged_json(found: LoggedModel) -> dict[str, Any]:
    """MLflow's LoggedModel."""
    experiment = experiment_id(found.entity, found.project)
    facts = found.facts
    info = {
        "model_id": found.id,
        "experiment_id": str(experiment),
        "name": facts.name,
        "creation_timestamp_ms": milliseconds(facts.created_us),
        "last_updated_timestamp_ms": milliseconds(facts.updated_us),
        "artifact_uri": f"{root(experiment)}/models/{found.id}/artifacts",
        "status": facts.status,
        "model_type": facts.kind,
        "source_run_id": facts.run,
        "tags": pairs(facts.tags),
    }
    params = [{"key": key, "value": value} for key, value in facts.params.items()]
    metrics = [_model_metric(found.id, one) for one in found.metrics]
    return {"info": info, "data": {"params": params, "metrics": metrics}}


def _model_metric(id: str, one: ModelMetric) -> dict[str, Any]:
    shown = {
        "key": one.key, "value": number(float(one.value)), "step": one.step,
        "timestamp": milliseconds(one.t_us), "model_id": id, "run_id": one.run,
    }  # fmt: skip
    if one.dataset:
        shown |= {"dataset_name": one.dataset, "dataset_digest": one.digest}
    return shown
