"""The outcome of a run, key by key.

What the user set, else what `define_metric` asks for, else the last value logged.

Values that are logged are seen here by reference to the last rows; nothing is copied while
training.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, MutableMapping, ValuesView
from typing import Any

from epochal.client.flattening import key_of
from epochal.client.plain import to_mapping, to_plain
from epochal.domain.values import flatten

SummarySink = Callable[[dict[str, Any], list[str]], None]
TakeMedia = Callable[[str, object], bool]
Lookup = Callable[[], Mapping[str, Any]]


class RunSummary(MutableMapping[str, Any]):
    """A mapping that is written with keys or attributes and read the same way.

    Args:
        logged: gives the values that follow from what was logged.
        changed: told ``(changes, removed)`` with flat keys.
        earlier: values from before a resume.
        take_media: logs a value that is media, and tells whether it is.
    """

    __slots__ = ("_changed", "_earlier", "_logged", "_set", "_take_media")

    def __init__(
        self,
        logged: Lookup,
        changed: SummarySink,
        earlier: Mapping[str, Any],
        take_media: TakeMedia | None = None,
    ) -> None:
        object.__setattr__(self, "_take_media", take_media)
        object.__setattr__(self, "_logged", logged)
        object.__setattr__(self, "_changed", changed)
        object.__setattr__(self, "_earlier", dict(earlier))
        object.__setattr__(self, "_set", {})

    def __getitem__(self, key: str) -> Any:
        if key in self._set:
            return self._set[key]
        logged = self._logged()
        if key in logged:
            return logged[key]
        return self._earlier[key]

    def __setitem__(self, key: str, value: object) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        del self._set[key]
        self._changed({}, [key])

    def __iter__(self) -> Iterator[str]:
        return iter({**self._earlier, **self._logged(), **self._set})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(f"the summary has no key {key!r}") from None

    def __setattr__(self, key: str, value: object) -> None:
        self[key] = value

    def __repr__(self) -> str:
        return repr(self.as_dict())

    def update(self, values: object = (), /, **more: Any) -> None:
        """Set several keys with one record; nested mappings get keys joined with a dot."""
        given = {**to_mapping(values or None, "summary"), **more}
        for key in [key for key, value in given.items() if self._is_media(key, value)]:
            self._set[key_of(key)] = f"<{type(given.pop(key)).__name__}>"
        flat = {key_of(key): to_plain(value) for key, value in flatten(to_plain(given))}
        if flat:
            self._set.update(flat)
            self._changed(dict(flat), [])

    def _is_media(self, key: str, value: object) -> bool:
        plain = isinstance(value, (int, float, str, Mapping, type(None)))
        return not plain and self._take_media is not None and self._take_media(key_of(key), value)

    def as_dict(self) -> dict[str, Any]:
        """All keys and values as they are now."""
        return {**self._earlier, **self._logged(), **self._set}

    def items(self) -> ItemsView[str, Any]:
        """Keys and values as they are now, found in one pass over what was logged."""
        return self.as_dict().items()

    def values(self) -> ValuesView[Any]:
        """Values as they are now, found in one pass over what was logged."""
        return self.as_dict().values()
