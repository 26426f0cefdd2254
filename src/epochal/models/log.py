"""Saves a model and logs it with a run, as an artifact of type ``model``.

The model is saved and checked before anything is logged, so a model that would not come back
leaves no version behind.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import epochal
from epochal.domain.artifact import check_artifact_name
from epochal.errors import RunStateError
from epochal.models.save import SavedModel, save_model


def log_model(
    model: Any,
    name: str = "model",
    *,
    run: Any = None,
    registered_model_name: str | None = None,
    aliases: Iterable[str] | None = None,
    **save_options: Any,
) -> Any:
    """Save a model and log it with a run.

    Args:
        model: see `save_model`.
        name: of the artifact; each call makes a new version.
        run: which run; the current one when left out.
        registered_model_name: also make it a version of this registered model.
        aliases: names for the version, such as ``best``.
        save_options: see `save_model`: ``signature``, ``input_example``, ``format``, ...

    Returns:
        The logged artifact.

    Raises:
        RunStateError: no run is active.
        InvalidInput: the model cannot be saved, see `save_model`.
    """
    check_artifact_name(name)
    doors: Any = epochal
    target = run if run is not None else doors.run
    if not target:
        raise RunStateError("no run is active; call epochal.init() first, or pass run=")
    chosen = list(aliases or ())
    with tempfile.TemporaryDirectory(prefix="epochal-model-") as private:
        saved = save_model(model, Path(private, "model"), **save_options)
        artifact = doors.Artifact(name, type="model", metadata=describe_model(saved))
        artifact.add_dir(str(saved.path))
        logged = target.log_artifact(artifact, aliases=chosen)
        logged.wait()
    if registered_model_name is not None:
        target.link_artifact(logged, registered_model_name, aliases=chosen)
    return logged


def describe_model(saved: SavedModel) -> dict[str, Any]:
    """What lists and pages show of a model without opening it: the artifact's metadata."""
    described = saved.description
    return {
        **described.metadata,
        "model": {
            "format": described.kind,
            "class": described.class_name,
            "parameters": described.parameters,
            "signature": described.signature,
            "versions": described.versions,
            "bytes": saved.size,
            "digest": saved.digest,
        },
    }
