"""The points of a grid by number: the first parameter changes last.

Where parameters have conditions, a branch has as many points as its own parameters make.
"""

from __future__ import annotations

import math
from typing import Any, Final

from epochal.errors import InvalidInput
from epochal.search.conditions import is_there
from epochal.search.config import Parameter, SweepConfig
from epochal.search.space import EDGE, Coordinate, value_at

State = tuple[int, tuple[tuple[str, Any], ...]]
MAX_BRANCHES: Final = 100_000


def grid_size(config: SweepConfig) -> int:
    """How many points the grid has.

    Raises:
        InvalidInput: a parameter has no end of values, or conditions make too many branches.
    """
    if config.conditional:
        return _Tree(config).size(0, {})
    return math.prod(_count(parameter) for parameter in config.searched)


def grid_point(config: SweepConfig, index: int) -> dict[str, Coordinate]:
    """The coordinates of a point of the grid; the last parameter changes first."""
    if config.conditional:
        return _Tree(config).point(index)
    found: dict[str, Coordinate] = {}
    for parameter in reversed(config.searched):
        index, place = divmod(index, _count(parameter))
        found[parameter.name] = _at(parameter, place)
    return found


class _Tree:
    """The branches of a conditional grid; those that decide alike are counted once."""

    def __init__(self, config: SweepConfig) -> None:
        self._parameters = config.parameters
        self._parents = {name for p in config.parameters for name, _ in p.when}
        self._sizes: dict[tuple[int, str], int] = {}

    def size(self, at: int, values: dict[str, Any]) -> int:
        """How many points the parameters from ``at`` on make, after these values of parents."""
        if at == len(self._parameters):
            return 1
        key = (at, repr(sorted(values.items())))
        if key not in self._sizes:
            if len(self._sizes) >= MAX_BRANCHES:
                raise InvalidInput(
                    f"the conditions of this grid make more than {MAX_BRANCHES:,} branches; "
                    f"give fewer values, or method: random"
                )
            self._sizes[key] = sum(
                count * self.size(at + 1, after) for _, count, after in self._ways(at, values)
            )
        return self._sizes[key]

    def point(self, index: int) -> dict[str, Coordinate]:
        """The coordinates of a point."""
        found: dict[str, Coordinate] = {}
        values: dict[str, Any] = {}
        for at, parameter in enumerate(self._parameters):
            for first, count, after in self._ways(at, values):
                rest = self.size(at + 1, after)
                if index < count * rest:
                    place, index = divmod(index, rest)
                    if is_there(parameter, values) and parameter.distribution != "constant":
                        found[parameter.name] = _at(parameter, first + place)
                    values = after
                    break
                index -= count * rest
        return found

    def _ways(self, at: int, values: dict[str, Any]) -> list[tuple[int, int, dict[str, Any]]]:
        """First place, number of places, and the parents' values after them."""
        parameter = self._parameters[at]
        if not is_there(parameter, values):
            return [(0, 1, values)]
        constant = parameter.distribution == "constant"
        if parameter.name not in self._parents:
            return [(0, 1 if constant else _count(parameter), values)]
        if constant:
            return [(0, 1, {**values, parameter.name: parameter.values[0]})]
        return [
            (place, 1, {**values, parameter.name: value_at(parameter, _at(parameter, place))})
            for place in range(_count(parameter))
        ]


def _at(parameter: Parameter, place: int) -> Coordinate:
    """The coordinate of the n-th value."""
    if parameter.values:
        return place
    if parameter.distribution == "int_uniform":
        return int(parameter.low) + place
    return (_first_multiple(parameter) + place) * parameter.q


def _count(parameter: Parameter) -> int:
    if parameter.values:
        return len(parameter.values)
    if parameter.distribution == "int_uniform":
        return int(parameter.high - parameter.low) + 1
    if parameter.distribution == "q_uniform":
        last = math.floor(parameter.high / parameter.q + EDGE)
        count = last - _first_multiple(parameter) + 1
        if count > 0:
            return count
    raise InvalidInput(
        f"{parameter.name}: {parameter.distribution} has no list of values, which method grid "
        f"needs; write values: [...], a q_uniform, or method: random"
    )


def _first_multiple(parameter: Parameter) -> int:
    return math.ceil(parameter.low / parameter.q - EDGE)
