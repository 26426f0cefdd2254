"""Parameters from a file: YAML, TOML or JSON, with a part for the pipeline and one for each step.

parameters: {lr: 0.1}
steps:
  fit:
    parameters: {epochs: 3}
    retries: 2
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from epochal.errors import InvalidInput, NotFound
from epochal.models.optional import need


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file says.

    Attributes:
        parameters: of the pipeline's function.
        steps: by step: ``parameters``, and options such as ``cache`` and ``retries``.
    """

    parameters: dict[str, Any] = {}
    steps: dict[str, dict[str, Any]] = {}


def read_configuration(source: Any) -> Configuration:
    """A configuration from a mapping or a file.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it cannot be read, or says something unknown.
        MissingExtra: it is YAML, and PyYAML is not installed.
    """
    if source is None:
        return Configuration()
    if isinstance(source, Configuration):
        return source
    data = dict(source) if isinstance(source, Mapping) else _read(Path(os.fspath(source)))
    try:
        return msgspec.convert(data, Configuration)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            f"the configuration cannot be used: {error}; it has 'parameters' and 'steps'"
        ) from None


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"there is no configuration file {str(path)!r}; check the path") from None
    try:
        if path.suffix == ".toml":
            return tomllib.loads(text)
        if path.suffix == ".json":
            return msgspec.json.decode(text)
        yaml = need("yaml", "reading a YAML file")
        return yaml.safe_load(text) or {}
    except (tomllib.TOMLDecodeError, msgspec.MsgspecError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from None
    except Exception as error:
        if type(error).__module__.startswith("yaml"):
            raise InvalidInput(f"{path} is no YAML: {error}") from None
        raise
