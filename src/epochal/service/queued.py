"""Configurations that somebody asked for, made whole: what they leave out is chosen by chance."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from epochal.search.conditions import is_there
from epochal.search.config import SweepConfig
from epochal.search.space import draw, value_at


def complete(config: SweepConfig, wanted: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """All parameters by name; those that ``wanted`` lacks are drawn, constants as they are.

    What is no parameter stays: a repeat brings its seed, and functions name theirs later.
    """
    source = random.Random(seed)  # noqa: S311 - no secret is made
    names = {parameter.name for parameter in config.parameters}
    found: dict[str, Any] = {}
    for parameter in config.parameters:
        if not is_there(parameter, found):
            continue
        if parameter.distribution == "constant":
            chosen = parameter.values[0]
        else:
            chosen = value_at(parameter, draw(parameter, source))
        found[parameter.name] = wanted.get(parameter.name, chosen)
    return {**found, **{name: value for name, value in wanted.items() if name not in names}}
