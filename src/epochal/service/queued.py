"""Configurations that somebody asked for, made whole: what they leave out is chosen by chance."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from epochal.search.config import SweepConfig
from epochal.search.space import draw, value_at


def complete(config: SweepConfig, wanted: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """All parameters by name; those that ``wanted`` lacks are drawn, constants as they are."""
    source = random.Random(seed)  # noqa: S311 - no secret is made
    found: dict[str, Any] = {}
    for parameter in config.parameters:
        if parameter.distribution == "constant":
            chosen = parameter.values[0]
        else:
            chosen = value_at(parameter, draw(parameter, source))
        found[parameter.name] = wanted.get(parameter.name, chosen)
    return found
