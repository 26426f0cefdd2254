"""The ``MLmodel`` file, by which MLflow loads what we saved, and we load what MLflow saved.

Fields: https://mlflow.org/docs/latest/ml/model/ ("MLmodel file").
"""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Mapping
from typing import Any

import msgspec

from epochal.errors import DamagedModel, InvalidInput
from epochal.models.optional import need
from epochal.models.signature import Signature

FILE = "MLmodel"
LOADER = "epochal.models.mlflow_flavor"
_NUMPY_KNOWS_NOT = ("bfloat16", "float8")


def write_mlmodel(
    signature: Signature | None, identity: str, created_us: int, code: str | None, kind: str
) -> str:
    """The text of an ``MLmodel`` file for a model of ours.

    Args:
        signature: left out when it has a dtype that MLflow cannot read.
        identity: 32 hex digits.
        created_us: microseconds since 1970 UTC.
        code: directory that MLflow puts on the import path, or None.
        kind: format of the model.
    """
    created = datetime.datetime.fromtimestamp(created_us / 1e6, datetime.UTC)
    pyfunc: dict[str, Any] = {
        "loader_module": LOADER,
        "python_version": platform.python_version(),
        "env": {"virtualenv": "python_env.yaml"},
    }
    if code:
        pyfunc["code"] = code
    document: dict[str, Any] = {
        "flavors": {"epochal": {"kind": kind}, "python_function": pyfunc},
        "model_uuid": identity,
        "utc_time_created": created.strftime("%Y-%m-%d %H:%M:%S.%f"),
    }
    known = signature and not any(word in str(signature) for word in _NUMPY_KNOWS_NOT)
    if signature and known:
        document["signature"] = signature.to_dict()
    return _yaml(document, "")


def _yaml(mapping: Mapping[str, Any], indent: str) -> str:
    lines = []
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            lines.append(f"{indent}{key}:\n{_yaml(value, indent + '  ')}")
        else:
            lines.append(f"{indent}{key}: {json.dumps(value)}\n")
    return "".join(lines)


class Foreign(msgspec.Struct, frozen=True):
    """What an ``MLmodel`` file of MLflow says.

    Attributes:
        flavors: settings by flavor.
        signature: when it has one.
        metadata: what the user put there.
        example: file of the input example, and its type.
    """

    flavors: dict[str, dict[str, Any]]
    signature: Signature | None = None
    metadata: dict[str, Any] = {}
    example: tuple[str, str] | None = None


def read_mlmodel(data: bytes, root: object) -> Foreign:
    """Read an ``MLmodel`` file.

    Raises:
        DamagedModel: it is none.
    """
    yaml = need("yaml", "a model that MLflow saved")
    try:
        document = yaml.safe_load(data)
        flavors = msgspec.convert(document["flavors"], dict[str, dict[str, Any]])
        signature = document.get("signature")
        info = document.get("saved_input_example_info") or {}
        return Foreign(
            flavors=flavors,
            signature=Signature.from_dict(signature) if signature else None,
            metadata=dict(document.get("metadata") or {}),
            example=(str(info["artifact_path"]), str(info.get("type"))) if info else None,
        )
    except InvalidInput as error:
        raise DamagedModel(root, f"{FILE} says: {error.message}") from None
    except (yaml.YAMLError, msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise DamagedModel(root, f"{FILE} cannot be read ({error})") from None


def python_env() -> str:
    """The text of ``python_env.yaml``, from which MLflow makes an environment to serve in."""
    lines = [f"python: {platform.python_version()}", "dependencies:", "- -r requirements.txt"]
    return "\n".join(lines) + "\n"
