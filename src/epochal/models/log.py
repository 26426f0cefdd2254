"""Saves a model and logs it with a run, as an artifact of type ``model``.

The model is saved and checked before anything is logged, so a model that would not come back
leaves no version behind. The version's digest is the model's, so trust in one is trust in both.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from epochal.client.api import need_run
from epochal.client.artifact import Artifact
from epochal.domain.artifact import check_artifact_name
from epochal.models.save import SavedModel, save_model


def log_model(
    model: Any,
    name: str = "model",
    *,
    run: Any = None,
    registered_model_name: str | None = None,
    aliases: Iterable[str] | None = None,
    **save_options: Any,
) -> Artifact:
    """Save a model and log it with a run.

    Args:
        model: see `save_model`.
        name: of the artifact; each call makes a new version.
        run: which run; the current one when left out.
        registered_model_name: also make it a version of this registered model.
        aliases: names for the version, such as ``best``; of the model version too.
        save_options: see `save_model`: ``signature``, ``input_example``, ``format``, ...

    Returns:
        The logged artifact; ``digest`` is the model's.

    Raises:
        RunStateError: no run is active.
        InvalidInput: the model cannot be saved, see `save_model`.
    """
    check_artifact_name(name)
    target = run if run is not None else need_run("log_model()")
    chosen = list(aliases or ())
    with tempfile.TemporaryDirectory(prefix="epochal-model-") as private:
        saved = save_model(model, Path(private, "model"), **save_options)
        artifact = Artifact(name, type="model", metadata=describe_model(saved))
        artifact.add_dir(saved.path)
        logged: Artifact = target.log_artifact(artifact, aliases=chosen)
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
