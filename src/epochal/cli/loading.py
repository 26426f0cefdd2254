"""Modules that are loaded when they are needed, by name, as they take long."""

from __future__ import annotations

import importlib
from typing import Any

from epochal.server.collecting import not_collecting


def load(place: str) -> Any:
    """What ``module:name`` names."""
    module, _, name = place.partition(":")
    with not_collecting():
        return getattr(importlib.import_module(module), name)
