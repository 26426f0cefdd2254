"""What a model's ``MLmodel`` file says of it, in the words of our own models' metadata.

So lists and pages show format, class and signature of a model that MLflow saved as they do for
one of ours. The file is data of strangers: what cannot be read is left out, nothing of it is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

FILE: Final = "MLmodel"
LONGEST: Final = 256 * 1024
"""Bytes up to which such a file is read."""
LONGEST_SIGNATURE: Final = 64 * 1024
_GENERIC: Final = "python_function"
_VERSIONED: Final = ("pytorch", "sklearn", "onnx", "transformers", "lightning", "xgboost")


def describe(data: bytes) -> dict[str, Any]:
    """The metadata of an artifact that holds a model; empty when this is no ``MLmodel`` file.

    Args:
        data: the file, in YAML or JSON.
    """
    if len(data) > LONGEST:
        return {}
    try:
        document = msgspec.yaml.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError):
        return {}
    flavors = _mapping(_mapping(document).get("flavors"))
    if not flavors:
        return {}
    named = [str(name)[:64] for name in flavors if name != _GENERIC]
    generic = _mapping(flavors.get(_GENERIC))
    kind = named[0] if named else _GENERIC
    shown = {
        "format": f"mlflow {kind}",
        "class": str(generic.get("loader_module") or "")[:200],
        "signature": _signature(_mapping(document).get("signature")),
        "versions": _versions(_mapping(document), flavors, generic),
    }
    return {"model": shown}


def _signature(given: object) -> dict[str, str | None] | None:
    """Each part is JSON in a text, as in our own models."""
    known = _mapping(given)
    if not known:
        return None
    parts: dict[str, str | None] = {}
    for name in ("inputs", "outputs", "params"):
        text = known.get(name)
        whole = isinstance(text, str) and len(text) <= LONGEST_SIGNATURE
        parts[name] = text if whole else None
    return parts


def _versions(
    document: Mapping[str, Any], flavors: Mapping[str, Any], generic: Mapping[str, Any]
) -> dict[str, str]:
    found = {"mlflow": document.get("mlflow_version"), "python": generic.get("python_version")}
    for name in _VERSIONED:
        found[name] = _mapping(flavors.get(name)).get(f"{name}_version")
    return {name: version[:64] for name, version in found.items() if isinstance(version, str)}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
