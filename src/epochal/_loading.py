"""Modules that are loaded when they are needed, by name, as they take long.

Meanwhile nobody looks for garbage, which imports do not make.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
from collections.abc import Iterator
from typing import Any


def load(place: str) -> Any:
    """What ``module:name`` names."""
    module, _, name = place.partition(":")
    with not_collecting():
        return getattr(importlib.import_module(module), name)


@contextlib.contextmanager
def not_collecting() -> Iterator[None]:
    """Look for no garbage inside: that takes a fifth of the time of large imports."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
