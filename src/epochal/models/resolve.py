"""Where a model's name becomes a directory.

Paths are taken as they are. Names are resolved by the function that was set, else by the reading
side, which knows homes and servers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from epochal.client.reach import reading
from epochal.errors import InvalidInput

Resolver: TypeAlias = Callable[[str], str | os.PathLike[str]]
"""From a name (``runs:/<id>/model``, ``models:/name/3``, ``models:/name@alias``, ``name:alias``)
to a local directory that holds the model; raises NotFound."""

_SCHEMES = ("runs:/", "models:/")
_NAME = re.compile(r"([^/\\:]+/){0,2}[^/\\:]+:[^/\\:]+")
_resolvers: list[Resolver] = []


def set_resolver(resolver: Resolver | None) -> None:
    """Set, or with None take away, the function that finds models by name."""
    _resolvers[:] = [] if resolver is None else [resolver]


def is_name(text: str) -> bool:
    """Whether a text names a model rather than a directory."""
    if text.startswith(_SCHEMES):
        return True
    return _NAME.fullmatch(text) is not None and not os.path.exists(text)


def resolve(source: str | os.PathLike[str]) -> Path:
    """The directory of a model.

    Raises:
        InvalidInput: ``source`` is neither a path nor a name.
        NotFound: it is a name, and there is no such model.
    """
    if not isinstance(source, str | os.PathLike):
        raise InvalidInput(f"a model is named by a path or a string, got {type(source).__name__}")
    text = os.fspath(source)
    if not isinstance(source, str) or not is_name(text):
        return Path(text)
    if _resolvers:
        return Path(_resolvers[0](text))
    return Path(reading().find_model(text))
