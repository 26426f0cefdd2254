"""The ``parameters`` of a configuration, with every distribution that W&B knows, nested or not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias, cast

import msgspec

from epochal.search.conditions import check_conditions, read_when
from epochal.search.config import Distribution, Parameter
from epochal.search.places import Path, Places

RANGE: Final = ("min", "max")
NORMAL: Final = ("mu", "sigma")
BETA: Final = ("a", "b")
FIELDS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "constant": (("value",), ()),
    "categorical": (("values",), ("probabilities",)),
    "categorical_w_probabilities": (("values", "probabilities"), ()),
    "int_uniform": (RANGE, ()),
    "uniform": (RANGE, ()),
    "q_uniform": (RANGE, ("q",)),
    "log_uniform": (RANGE, ()),
    "log_uniform_values": (RANGE, ()),
    "q_log_uniform": (RANGE, ("q",)),
    "q_log_uniform_values": (RANGE, ("q",)),
    "inv_log_uniform": (RANGE, ()),
    "inv_log_uniform_values": (RANGE, ()),
    "normal": ((), NORMAL),
    "q_normal": ((), (*NORMAL, "q")),
    "log_normal": ((), NORMAL),
    "q_log_normal": ((), (*NORMAL, "q")),
    "beta": (BETA, ()),
    "q_beta": (BETA, ("q",)),
}
"""What each distribution needs, and what else it takes."""

WORDS: Final = (
    "value", "values", "distribution", "probabilities", "min", "max", "mu", "sigma", "a", "b", "q",
    "parameters", "when",
)  # fmt: skip
MAX_PARAMETERS: Final = 1_000
MAX_VALUES: Final = 100_000
MAX_WHOLE: Final = 2**53
MAX_EXPONENT: Final = 700.0
"""exp(710) is no float anymore."""


def read_parameters(given: Any, places: Places) -> tuple[Parameter, ...]:
    """All parameters, nested ones by their path.

    Raises:
        InvalidInput: one cannot be used; the message names it.
    """
    found = tuple(_read(given, ("parameters",), (), places, ()))
    if not found:
        places.refuse(("parameters",), "there are none; name at least one parameter")
    if len(found) > MAX_PARAMETERS:
        places.refuse(("parameters",), f"{len(found):,} are too many, up to {MAX_PARAMETERS:,} go")
    names: set[str] = set()
    for parameter in found:
        if parameter.name in names:
            places.refuse(("parameters", *parameter.path), "two parameters have this name")
        names.add(parameter.name)
    check_conditions(found, places)
    return found


When: TypeAlias = tuple[tuple[str, tuple[Any, ...]], ...]


def _read(
    given: Any, path: Path, outer: tuple[str, ...], places: Places, when: When
) -> Iterator[Parameter]:
    if not isinstance(given, Mapping):
        places.refuse(path, f"it must map names to distributions, got {given!r:.80}")
    for key, value in given.items():
        here, name = (*path, str(key)), (*outer, str(key))
        if not isinstance(value, Mapping):
            hint = f"values: {value!r:.60}" if isinstance(value, list) else f"value: {value!r:.60}"
            places.refuse(here, f"it must be a mapping; write {{{hint}}}")
        for word in value:
            places.choice((*here, str(word)), word, WORDS, "key of a parameter")
        whenever = (*when, *read_when(value.get("when"), (*here, "when"), places))
        if "parameters" in value:
            if value.keys() - {"parameters", "when"}:
                places.refuse(here, "parameters stand alone; they nest, and have no distribution")
            if len(outer) > 16:
                places.refuse(here, "parameters nest too deeply")
            yield from _read(value["parameters"], (*here, "parameters"), name, places, whenever)
        else:
            plain = {word: item for word, item in value.items() if word != "when"}
            found = _one(plain, here, name, places)
            yield msgspec.structs.replace(found, when=whenever)


def _one(given: Mapping[str, Any], path: Path, name: tuple[str, ...], places: Places) -> Parameter:
    kind = _kind(given, path, places)
    needed, allowed = FIELDS[kind]
    missing = [word for word in needed if word not in given]
    if missing:
        places.refuse(path, f"{kind} needs {' and '.join(missing)}")
    for word in given:
        if word not in (*needed, *allowed, "distribution"):
            fits = ", ".join((*needed, *allowed)) or "nothing"
            places.refuse((*path, word), f"{kind} does not take {word}; it takes {fits}")
    if kind == "constant":
        return Parameter(name, kind, values=(given["value"],))
    if kind in ("categorical", "categorical_w_probabilities"):
        return _categorical(given, path, name, places)
    return _numeric(kind, given, path, name, places)


def _kind(given: Mapping[str, Any], path: Path, places: Places) -> Distribution:
    """The distribution that is named, or the one that W&B infers."""
    word = given.get("distribution")
    if word is None:
        if "values" in given:
            return "categorical"
        if "value" in given:
            return "constant"
        if "min" in given and "max" in given:
            both = (given["min"], given["max"])
            return "int_uniform" if all(type(n) is int for n in both) else "uniform"
        places.refuse(path, "it has no values; give value, values, min and max, or a distribution")
    found = places.choice((*path, "distribution"), word, FIELDS, "distribution")
    return cast("Distribution", found)


def _categorical(
    given: Mapping[str, Any], path: Path, name: tuple[str, ...], places: Places
) -> Parameter:
    values = given["values"]
    if not isinstance(values, list | tuple):
        places.refuse((*path, "values"), f"it must be a list, got {values!r:.80}")
    if not 0 < len(values) <= MAX_VALUES:
        count = "is empty" if not values else f"has more than {MAX_VALUES:,} members"
        places.refuse((*path, "values"), f"the list {count}; nothing can be chosen from it")
    weights = given.get("probabilities") or ()
    if weights:
        where = (*path, "probabilities")
        if not isinstance(weights, list | tuple) or len(weights) != len(values):
            places.refuse(where, f"there must be one for each of the {len(values)} values")
        numbers = [_number(weight, where, places) for weight in weights]
        if min(numbers) < 0 or not math.isclose(sum(numbers), 1.0, abs_tol=1e-6):
            places.refuse(where, f"they must be positive and add up to 1, got {sum(numbers):.6g}")
        return Parameter(name, "categorical_w_probabilities", tuple(values), tuple(numbers))
    return Parameter(name, "categorical", tuple(values))


def _numeric(
    kind: Distribution, given: Mapping[str, Any], path: Path, name: tuple[str, ...], places: Places
) -> Parameter:
    numbers = {
        word: _number(given[word], (*path, word), places)
        for word in (*RANGE, *NORMAL, *BETA, "q")
        if word in given
    }
    low, high = numbers.get("min", 0.0), numbers.get("max", 0.0)
    if "min" in numbers:
        _check_range(kind, low, high, path, places)
    q = numbers.get("q", 1.0) if kind.startswith("q_") else 0.0
    if kind.startswith("q_") and q <= 0:
        places.refuse((*path, "q"), f"it must be greater than 0, got {q:g}")
    for word in ("sigma", "a", "b"):
        if numbers.get(word, 1.0) <= 0:
            places.refuse((*path, word), f"it must be greater than 0, got {numbers[word]:g}")
    whole = kind == "int_uniform" or (q > 0 and type(given.get("q", 1)) is int)
    mu, sigma = numbers.get("mu", 0.0), numbers.get("sigma", 1.0)
    if "a" in numbers:
        mu, sigma = numbers["a"], numbers["b"]
    return Parameter(name, kind, low=low, high=high, mu=mu, sigma=sigma, q=q, whole=whole)


def _check_range(kind: str, low: float, high: float, path: Path, places: Places) -> None:
    if low > high:
        places.refuse((*path, "min"), f"it is greater than max: {low:g} > {high:g}")
    if kind == "int_uniform" and not (low.is_integer() and high.is_integer()):
        places.refuse(path, f"int_uniform needs whole numbers, got {low:g} to {high:g}")
    if kind.endswith("_values") and low <= 0:
        places.refuse((*path, "min"), f"{kind} needs a min greater than 0, got {low:g}")
    if kind == "int_uniform" and max(abs(low), abs(high)) > MAX_WHOLE:
        places.refuse(path, "int_uniform goes up to 2**53")
    is_exponent = kind in ("log_uniform", "q_log_uniform", "inv_log_uniform")
    if is_exponent and max(abs(low), abs(high)) > MAX_EXPONENT:
        places.refuse(
            path,
            f"min and max of {kind} are natural logarithms, e**{high:g} is no number; "
            f"{kind}_values takes the values themselves",
        )


def _number(value: Any, path: Path, places: Places) -> float:
    if isinstance(value, str):  # YAML 1.1 reads 1e-3 as a text
        try:
            value = float(value)
        except ValueError:
            places.refuse(path, f"it must be a number, got {value!r:.80}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        places.refuse(path, f"it must be a finite number, got {value!r:.80}")
    return float(value)
