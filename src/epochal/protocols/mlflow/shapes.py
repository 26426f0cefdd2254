"""Our values in MLflow's JSON: absent fields are left out, times are milliseconds."""

from __future__ import annotations

import math
import sys
from typing import Any, Final

import msgspec

from epochal.domain.run import RunState
from epochal.domain.tracked import Experiment, TrackedRun

LARGEST: Final = sys.float_info.max
INPUTS: Final = "$inputs"
OUTPUTS: Final = "$outputs"
STATUS: Final = "$status"
USER: Final = "$user"
RUN_NAME: Final = "mlflow.runName"

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
        "artifact_uri": f"{root(experiment)}/{found.uid}/artifacts",
        "lifecycle_stage": stage(found.archived),
    }
    if found.ended_us is not None:
        info["end_time"] = milliseconds(found.ended_us)
    return info


def run_json(found: TrackedRun, experiment: int) -> dict[str, Any]:
    """MLflow's Run."""
    metrics = [
        {
            "key": last.key,
            "value": number(last.value),
            "timestamp": milliseconds(last.t_us),
            "step": last.step,
        }
        for last in found.metrics
    ]
    params = [{"key": key, "value": value} for key, value in found.params.items()]
    tags = {**found.labels, RUN_NAME: found.name}
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
