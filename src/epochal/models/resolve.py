"""Where a model's name becomes a directory.

Names are resolved by one function that whoever knows the home or the server sets; paths need none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from epochal.errors import InvalidInput, NotFound

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
        NotFound: it is a name, and nothing is set that finds it.
    """
    if not isinstance(source, str | os.PathLike):
        raise InvalidInput(f"a model is named by a path or a string, got {type(source).__name__}")
    text = os.fspath(source)
    if not isinstance(source, str) or not is_name(text):
        return Path(text)
    if not _resolvers:
        raise NotFound(
            f"no model {text!r} can be found by name here; give the directory of the model, "
            f"or set what finds names with epochal.models.set_resolver(function)"
        )
    return Path(_resolvers[0](text))
