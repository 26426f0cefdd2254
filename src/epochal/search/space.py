"""Coordinates: where a value lies on the axis on which a sampler searches, and back.

Every distribution has an axis that samplers understand: a choice, whole numbers, a straight or a
logarithmic stretch, or the unit interval that a quantile function bends. A trial keeps its
coordinates, so a search goes on exactly where it was after a restart.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from statistics import NormalDist
from typing import Any, Final, Literal, TypeAlias

import msgspec

from epochal.domain.sweep import SearchedParameter
from epochal.search.betas import beta_cdf, beta_quantile
from epochal.search.conditions import is_there, same
from epochal.search.config import Parameter, SweepConfig

Coordinate: TypeAlias = int | float
EDGE: Final = 1e-9
"""The unit interval without its ends, where quantiles are infinite."""

_LOGARITHMS: Final = frozenset({"log_uniform", "q_log_uniform", "inv_log_uniform"})


class Axis(msgspec.Struct, frozen=True):
    """Where a sampler searches; both ends belong to it."""

    kind: Literal["choice", "whole", "straight", "log", "unit"]
    low: float
    high: float


def axis_of(parameter: Parameter) -> Axis:
    """The axis of a parameter that is not constant."""
    kind, low, high = parameter.distribution, parameter.low, parameter.high
    if parameter.values:
        return Axis("choice", 0, len(parameter.values) - 1)
    if kind == "int_uniform":
        return Axis("whole", low, high)
    if kind in ("uniform", "q_uniform"):
        return Axis("straight", low, high)
    if kind == "inv_log_uniform":
        return Axis("log", math.exp(-high), math.exp(-low))
    if kind in _LOGARITHMS:
        return Axis("log", math.exp(low), math.exp(high))
    if kind.endswith("log_uniform_values"):
        return Axis("log", low, high)
    return Axis("unit", EDGE, 1 - EDGE)


def drawn(parameter: Parameter) -> SearchedParameter:
    """The axis of a parameter for people: in its values, not in coordinates."""
    axis = axis_of(parameter)
    if axis.kind == "choice":
        return SearchedParameter(parameter.name, "choice", values=list(parameter.values))
    if axis.kind == "unit":
        ends = (0.0, 1.0) if parameter.distribution.endswith("beta") else (None, None)
        scale: Literal["linear", "log"] = "log" if "log" in parameter.distribution else "linear"
        return SearchedParameter(
            parameter.name, scale, low=ends[0], high=ends[1], whole=parameter.whole
        )
    scale = "log" if axis.kind == "log" else "linear"
    return SearchedParameter(parameter.name, scale, axis.low, axis.high, whole=parameter.whole)


def value_at(parameter: Parameter, coordinate: Coordinate) -> Any:
    """The value that a run gets."""
    if parameter.values:
        return parameter.values[int(coordinate)]
    if parameter.distribution == "int_uniform":
        return int(coordinate)
    axis = axis_of(parameter)
    value = _bend(parameter)(float(coordinate)) if axis.kind == "unit" else float(coordinate)
    if parameter.q:
        value = _rounded(parameter, axis, value)
    return int(value) if parameter.whole else value


def coordinate_of(parameter: Parameter, value: Any) -> Coordinate | None:
    """Where a value that somebody gave lies; None when the parameter cannot have it."""
    if parameter.values:
        alike = (index for index, known in enumerate(parameter.values) if same(known, value))
        return next(alike, None)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    axis = axis_of(parameter)
    found = _unbend(parameter, float(value)) if axis.kind == "unit" else float(value)
    if found is None or not axis.low <= found <= axis.high:
        return None
    if axis.kind == "whole":
        return int(found) if found.is_integer() else None
    return found


def draw(parameter: Parameter, source: random.Random) -> Coordinate:
    """A coordinate at random."""
    axis = axis_of(parameter)
    if axis.kind == "choice":
        weights = parameter.probabilities or None
        return source.choices(range(len(parameter.values)), weights)[0]
    if axis.kind == "whole":
        return source.randint(int(axis.low), int(axis.high))
    if axis.kind == "log":
        found = math.exp(source.uniform(math.log(axis.low), math.log(axis.high)))
    else:
        found = source.uniform(axis.low, axis.high)
    return min(max(found, axis.low), axis.high)


def choose(config: SweepConfig, pick: Callable[[Parameter], Coordinate]) -> dict[str, Coordinate]:
    """Coordinates of the parameters that are there, each picked after those above it."""
    found: dict[str, Coordinate] = {}
    values: dict[str, Any] = {}
    for parameter in config.parameters:
        if not is_there(parameter, values):
            continue
        if parameter.distribution == "constant":
            values[parameter.name] = parameter.values[0]
        else:
            found[parameter.name] = pick(parameter)
            values[parameter.name] = value_at(parameter, found[parameter.name])
    return found


def values_of(config: SweepConfig, coordinates: Mapping[str, Coordinate]) -> dict[str, Any]:
    """The values of the parameters that are there by name, constants included."""
    values: dict[str, Any] = {}
    for parameter in config.parameters:
        if is_there(parameter, values):
            constant = parameter.distribution == "constant"
            values[parameter.name] = (
                parameter.values[0]
                if constant
                else value_at(parameter, coordinates[parameter.name])
            )
    return values


def coordinates_of(config: SweepConfig, values: Mapping[str, Any]) -> dict[str, Coordinate] | None:
    """Where values that somebody gave lie; None when not all of them lie in the space."""
    found: dict[str, Coordinate] = {}
    for parameter in config.searched:
        if not is_there(parameter, values):
            continue
        place = coordinate_of(parameter, values.get(parameter.name))
        if place is None:
            return None
        found[parameter.name] = place
    return found


def nested(config: SweepConfig, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the config that a run gets: nested as the parameters are."""
    paths = {parameter.name: parameter.path for parameter in config.parameters}
    found: dict[str, Any] = {}
    for name, value in values.items():
        *outer, last = paths.get(name, (name,))
        inner = found
        for word in outer:
            inner = inner.setdefault(word, {})
        inner[last] = value
    return found


def _rounded(parameter: Parameter, axis: Axis, value: float) -> float:
    """The nearest multiple of ``q`` that the range allows, if there is one."""
    q = parameter.q
    multiple = round(value / q)
    if axis.kind != "unit":
        first, last = math.ceil(axis.low / q - EDGE), math.floor(axis.high / q + EDGE)
        if first <= last:
            multiple = min(max(multiple, first), last)
    digits = max(0, -math.floor(math.log10(q)) + 12)
    return round(multiple * q, digits)


def _bend(parameter: Parameter) -> Callable[[float], float]:
    """From the unit interval to values."""
    if parameter.distribution.endswith("beta"):
        return lambda u: beta_quantile(u, parameter.mu, parameter.sigma)
    normal = NormalDist(parameter.mu, parameter.sigma)
    if "log" in parameter.distribution:
        return lambda u: math.exp(min(normal.inv_cdf(u), 700.0))
    return normal.inv_cdf


def _unbend(parameter: Parameter, value: float) -> float | None:
    """From a value to the unit interval."""
    if parameter.distribution.endswith("beta"):
        return beta_cdf(value, parameter.mu, parameter.sigma) if 0 <= value <= 1 else None
    normal = NormalDist(parameter.mu, parameter.sigma)
    if "log" in parameter.distribution:
        return normal.cdf(math.log(value)) if value > 0 else None
    return normal.cdf(value)
