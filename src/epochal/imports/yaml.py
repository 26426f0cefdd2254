"""YAML that other programs wrote, read as plain values; nothing in it runs any code.

A tag that is not known, such as that of a Python object, becomes what stands behind it.
"""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from typing import Any

from epochal.errors import InvalidInput, MissingExtra


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a file holds; an empty file is an empty one.

    Raises:
        InvalidInput: it cannot be read, or is no YAML, or no mapping.
        MissingExtra: PyYAML is not installed.
    """
    yaml, loader = _yaml()
    try:
        # The loader is one of PyYAML's safe ones.
        found = yaml.load(path.read_text("utf-8", "replace"), Loader=loader)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = " ".join(str(error).split())
        raise InvalidInput(f"{path} is no YAML that can be read: {where:.200}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} holds a {type(found).__name__}; a mapping was expected")
    return {str(key): value for key, value in found.items()}


@functools.cache
def _yaml() -> tuple[Any, Any]:
    """PyYAML, and a loader of ours."""
    try:
        yaml = importlib.import_module("yaml")
    except ModuleNotFoundError:
        raise MissingExtra("reading YAML files", "imports") from None
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("PlainLoader", (base,), {})
    loader.add_multi_constructor("", _plain)
    return yaml, loader


def _plain(loader: Any, suffix: str, node: Any) -> Any:
    del suffix
    if node.id == "mapping":
        return loader.construct_mapping(node, deep=True)
    if node.id == "sequence":
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)
