"""Checkpoints of Lightning's ModelCheckpoint as versions of an artifact.

Each file is logged once, and again when it was written anew. The newest version is ``latest``, the
best one ``best``. A file that is gone or cannot be kept costs a warning, never the training.
"""

from __future__ import annotations

import math
import os
from typing import Any, Final, NamedTuple

from epochal.client import guard
from epochal.client.artifact import Artifact
from epochal.client.plain import to_plain
from epochal.client.run import Run

FILE: Final = "model.ckpt"
_SETTINGS: Final = (
    "monitor", "mode", "save_last", "save_top_k", "save_weights_only", "_every_n_train_steps",
)  # fmt: skip


class Checkpoint(NamedTuple):
    """A checkpoint on disk: ``score`` is None where nothing is monitored."""

    modified_ns: int
    path: str
    score: float | None


class Checkpoints:
    """What of a logger's checkpoints is recorded already.

    Args:
        name: of the artifact; by default made from the run's id.
    """

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._logged: dict[str, int] = {}

    def log(self, run: Run, callback: Any) -> None:
        """Record the checkpoints of a callback that are new."""
        with guard.Shield("logging a checkpoint"):
            best = str(getattr(callback, "best_model_path", "") or "")
            for found in find_checkpoints(callback):
                if self._logged.get(found.path) == found.modified_ns:
                    continue
                with guard.Shield(f"logging the checkpoint {found.path}"):
                    aliases = ["best"] if best and os.path.abspath(best) == found.path else []
                    run.log_artifact(self._artifact(run, callback, found), aliases=aliases)
                    self._logged[found.path] = found.modified_ns

    def _artifact(self, run: Run, callback: Any, found: Checkpoint) -> Artifact:
        settings = {name: getattr(callback, name, None) for name in _SETTINGS}
        metadata = {
            "score": found.score,
            "original_filename": os.path.basename(found.path),
            type_of(callback): settings,
        }
        artifact = Artifact(self._name or f"model-{run.id}", "model", metadata=to_plain(metadata))
        if os.path.isdir(found.path):  # sharded
            artifact.add_dir(found.path, FILE)
        else:
            artifact.add_file(found.path, FILE)
        return artifact


def find_checkpoints(callback: Any) -> list[Checkpoint]:
    """The checkpoints of a callback that are on disk, oldest first."""
    scores: dict[str, Any] = {}
    last, best = getattr(callback, "last_model_path", ""), getattr(callback, "best_model_path", "")
    if last:
        scores[last] = getattr(callback, "current_score", None)
    scores.update(getattr(callback, "best_k_models", None) or {})
    if best:
        scores[best] = getattr(callback, "best_model_score", None)
    found = []
    for path, score in scores.items():
        try:
            facts = os.stat(path)
        except OSError:
            continue  # removed, or on another machine's disk
        found.append(Checkpoint(facts.st_mtime_ns, os.path.abspath(path), _number(score)))
    return sorted(found)


def type_of(callback: Any) -> str:
    """The name of the callback's class, also through the weak proxy that loggers get."""
    return str(callback.__class__.__name__)


def _number(score: Any) -> float | None:
    """A score as a number; None where there is none."""
    number = guard.attempt(lambda: float(score), default=math.nan)
    return number if math.isfinite(number) else None
