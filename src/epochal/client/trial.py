"""The trial of a sweep that this process runs, as its agent tells through the environment.

The first `init` becomes the trial's run: id, project and parameters come from the sweep. The agent
asks for an early end by a file; looking for it is one `stat`, at most ten times a second.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from epochal.errors import InvalidInput

VARIABLE = "EPOCHAL_TRIAL"
LOOK_S = 0.1


class Trial(msgspec.Struct, frozen=True):
    """What the agent tells.

    Attributes:
        sweep: id of the sweep.
        run: id of the run to record.
        entity: whose project.
        project: where the run goes.
        config: parameters, nested; they win over what `init` is given.
        stop: path of the file that appears when the trial shall end.
    """

    sweep: str
    run: str
    entity: str
    project: str
    config: dict[str, Any]
    stop: str


_runs: dict[str, Any] = {}
_looked: dict[str, tuple[float, bool]] = {}


def read_trial(environment: Mapping[str, str]) -> Trial | None:
    """The trial of this process that has no run yet, or None.

    Raises:
        InvalidInput: the variable does not hold what an agent writes.
    """
    text = environment.get(VARIABLE)
    if not text:
        return None
    try:
        found = msgspec.json.decode(text, type=Trial)
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"{VARIABLE} is no trial of a sweep: {error}; unset it") from None
    return None if found.run in _runs else found


def merge(config: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """A config with the chosen parameters in it, which win; mappings are joined."""
    merged = dict(config)
    for key, value in chosen.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def take(trial: Trial, run: Any) -> None:
    """This run is the trial's."""
    _runs[trial.run] = run


def run_of(run_id: str) -> Any:
    """The run that took a trial in this process, or None."""
    return _runs.get(run_id)


def forget(run_id: str) -> None:
    """The trial is over."""
    _runs.pop(run_id, None)


def stopping(trial: Trial) -> bool:
    """Whether the agent wants the trial to end."""
    now = time.monotonic()
    looked, answer = _looked.get(trial.stop, (-LOOK_S, False))
    if not answer and now - looked >= LOOK_S:
        answer = os.path.exists(trial.stop)
        _looked.clear()
        _looked[trial.stop] = (now, answer)
    return answer
