"""What an experiment is besides its runs: its name, tags and deletion, told when they changed."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from epochal.domain.tracked import DEFAULT_EXPERIMENT, KeptExperiment
from epochal.imports.ledger import Mark
from epochal.imports.mlflow.nouns import Experiment

_KEY: Final = "experiment:"


def mark_key(experiment: Experiment) -> str:
    """How the ledger names it; no run has an id with a colon."""
    return f"{_KEY}{experiment.id}"


def to_tell(
    experiment: Experiment, project: str, *, has_runs: bool, before: Mark | None
) -> tuple[KeptExperiment, Mark] | None:
    """What is to be told of an experiment, and what to remember then.

    Args:
        experiment: as its store has it.
        project: the project that it is here.
        has_runs: whether it has any, so that the project is there by itself.
        before: what was remembered when it was told last.

    Returns:
        None when nothing changed since, or when there is nothing but the name of the project.
        What no text here may hold, NUL and halves of surrogate pairs, is replaced.
    """
    experiment = msgspec.structs.replace(
        experiment,
        name=_readable(experiment.name),
        tags={_readable(key): _readable(text) for key, text in experiment.tags.items()},
    )
    state = [experiment.name, experiment.deleted, experiment.tags]
    digest = hashlib.blake2b(msgspec.msgpack.encode(state), digest_size=16).hexdigest()
    is_plain = project == experiment.name and not experiment.tags and not experiment.deleted
    is_there = has_runs and not experiment.created_ms
    if before is None:
        if is_plain and (is_there or (experiment.name == DEFAULT_EXPERIMENT and not has_runs)):
            return None
    elif before.fingerprint == digest:
        return None
    known = before or Mark(mark_key(experiment), "")
    tags: dict[str, str | None] = {key: None for key in known.notes if key not in experiment.tags}
    tags |= {key: text for key, text in experiment.tags.items() if known.notes.get(key) != text}
    told = KeptExperiment(
        project,
        experiment.name,
        max(0, experiment.created_ms) * 1000,
        experiment.deleted if experiment.deleted != known.archived else None,
        tags,
    )
    mark = Mark(
        known.key, "", fingerprint=digest, archived=experiment.deleted,
        notes=dict(experiment.tags),
    )  # fmt: skip
    return told, mark


def _readable(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
