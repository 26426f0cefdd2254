"""The one module of the media that loads packages by name, when a value first needs them."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from epochal.errors import InvalidInput


def numpy() -> Any:
    """NumPy; loaded when the first array comes."""
    return importlib.import_module("numpy")


def pillow(what: str) -> Any:
    """``PIL.Image``.

    Raises:
        InvalidInput: it is not installed.
    """
    try:
        return importlib.import_module("PIL.Image")
    except ImportError:
        raise InvalidInput(f"{what} needs Pillow; pip install pillow, or use PNG") from None


def loaded(name: str) -> ModuleType | None:
    """A module that the user's program has loaded already, or None."""
    return sys.modules.get(name)


def comes_from(value: object, package: str) -> bool:
    """Whether a base class of the value belongs to a package, without loading it."""
    return any(
        (kind.__module__ or "").partition(".")[0] == package for kind in type(value).__mro__
    )
