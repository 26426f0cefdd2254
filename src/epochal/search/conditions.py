"""Parameters that are there only when others have certain values: ``when: {optimizer: sgd}``.

A condition names a parameter that stands above, with one value or a list of them; several
conditions hold together. What stands within a nested group takes over the group's condition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from epochal.search.config import Parameter
from epochal.search.places import Path, Places, nearest

_MISSING: Final = object()


def read_when(given: Any, path: Path, places: Places) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """Read ``when``.

    Raises:
        InvalidInput: it is no mapping of names to values.
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping) or not given:
        places.refuse(path, f"it must map a parameter to its values, got {given!r:.80}")
    return tuple(
        (str(name), tuple(values) if isinstance(values, list | tuple) else (values,))
        for name, values in given.items()
    )


def check_conditions(parameters: Sequence[Parameter], places: Places) -> None:
    """See that conditions name parameters that stand above and values that these can have.

    Raises:
        InvalidInput: one does not.
    """
    above: dict[str, Parameter] = {}
    names = [parameter.name for parameter in parameters]
    for parameter in parameters:
        for name, values in parameter.when:
            where: Path = ("parameters", *parameter.path, "when", name)
            if name not in above:
                hint = "stands below; write it above" if name in names else "is no parameter"
                close = "" if name in names else nearest(name, above)
                places.refuse(where, f"{name!r} {hint}{close}")
            _check_values(above[name], values, where, places)
        above[parameter.name] = parameter


def _check_values(parent: Parameter, values: tuple[Any, ...], where: Path, places: Places) -> None:
    if not values:
        places.refuse(where, "the list is empty, so the parameter would never be there")
    for value in values:
        if parent.values:
            if not any(same(value, known) for known in parent.values):
                words = [str(known) for known in parent.values]
                places.refuse(
                    where,
                    f"{parent.name} never is {value!r:.60}{nearest(value, words)}; "
                    f"it is one of {', '.join(words[:20])}",
                )
        elif parent.distribution != "int_uniform":
            places.refuse(where, f"{parent.name} is no choice; conditions need values or integers")
        elif type(value) is not int or not parent.low <= value <= parent.high:
            span = f"a whole number from {parent.low:g} to {parent.high:g}"
            places.refuse(where, f"{parent.name} never is {value!r:.60}; it is {span}")


def is_there(parameter: Parameter, values: Mapping[str, Any]) -> bool:
    """Whether a trial with these values has the parameter."""
    return all(
        any(same(values.get(name, _MISSING), wanted) for wanted in allowed)
        for name, allowed in parameter.when
    )


def same(one: Any, other: Any) -> bool:
    """Equal, where true is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
