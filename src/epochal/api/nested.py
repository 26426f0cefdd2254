"""A nested mapping that can be read with dots, for configs in notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Nested(dict[str, Any]):
    """A dict whose keys are also attributes: ``config.optim.lr`` is ``config["optim"]["lr"]``.

    It is a copy: changing it changes no run. A key that hides behind a method of dict, such as
    ``items``, is read with brackets.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            known = ", ".join(map(str, list(self)[:20])) or "nothing"
            raise AttributeError(f"there is no {name!r} here; there is {known}") from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(key for key in self if key.isidentifier())]


def nested(data: Mapping[str, Any]) -> Nested:
    """Copy a mapping into a `Nested`, at every depth."""
    return Nested({key: _inner(value) for key, value in data.items()})


def _inner(value: Any) -> Any:
    if isinstance(value, Mapping):
        return nested(value)
    if isinstance(value, list):
        return [_inner(item) for item in value]
    return value
