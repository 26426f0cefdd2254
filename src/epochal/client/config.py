"""The inputs of a run: a dict whose keys are attributes too, and which records every change.

Reading gives back the very objects that were put in (nested mappings become `Section`). What is
recorded is plain data made from them at the time of the change. Changing a key that is set already
is allowed, and noted as an event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from epochal.client import guard
from epochal.client.plain import items_of, short_repr, to_mapping, to_plain

MAX_DEPTH = 32

ConfigSink = Callable[[dict[str, Any], list[str]], None]
ChangeNote = Callable[[str, str], None]


class Section(dict[str, Any]):
    """A mapping inside the config, or the config itself.

    Args:
        path: the keys that lead here.
        changed: told ``(changes, removed)`` with changes nested from the root and removed keys
            dotted.
        noted: told about values that replaced others: a title and a text.
    """

    __slots__ = ("_changed", "_noted", "_path")

    def __init__(self, path: tuple[str, ...], changed: ConfigSink, noted: ChangeNote) -> None:
        super().__init__()
        object.__setattr__(self, "_path", path)
        object.__setattr__(self, "_changed", changed)
        object.__setattr__(self, "_noted", noted)

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            known = ", ".join(sorted(map(str, self))[:20]) or "none yet"
            raise AttributeError(f"the config has no key {key!r}; keys: {known}") from None

    def __setattr__(self, key: str, value: object) -> None:
        self[key] = value

    def __delattr__(self, key: str) -> None:
        del self[key]

    def __setitem__(self, key: str, value: object) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._changed({}, [".".join((*self._path, str(key)))])

    def update(
        self,
        values: object = (),
        /,
        allow_val_change: bool | None = None,  # noqa: ARG002 - W&B's, which here is always so
        **more: Any,
    ) -> None:
        """Set several keys with one record.

        Args:
            values: a mapping, pairs, an ``argparse.Namespace``, a dataclass or an OmegaConf-like
                object.
            allow_val_change: accepted for compatibility; changes are always allowed.
            more: further keys.

        Raises:
            InvalidInput: ``values`` has no keys.
        """
        given = _pairs(values)
        given.update(more)
        removed: list[str] = []
        for key, value in given.items():
            removed += self._place(key, value)
        changes: dict[str, Any] = {key: to_plain(value) for key, value in given.items()}
        for part in reversed(self._path):
            changes = {part: changes}
        if given:
            self._changed(changes, removed)

    def adopt(self, values: Mapping[str, Any]) -> None:
        """Take over values that are recorded already."""
        for key, value in values.items():
            self._place(key, value)

    def setdefaults(self, values: object) -> None:
        """Set the keys that are not set yet."""
        given = to_mapping(values, "config")
        self.update({key: value for key, value in given.items() if key not in self})

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, set to ``default`` first when it is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a key and return its value."""
        if key not in self and default:
            return default[0]
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the newest key and return it with its value."""
        key = next(reversed(self))
        return key, self.pop(key)

    def clear(self) -> None:
        """Remove all keys."""
        for key in list(self):
            del self[key]

    def __ior__(self, values: object) -> Self:  # type: ignore[override,misc]
        self.update(values)
        return self

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return dict, (self.as_dict(),)

    def copy(self) -> dict[str, Any]:
        """The same as `as_dict`."""
        return self.as_dict()

    def as_dict(self) -> dict[str, Any]:
        """A plain, independent dict of the values as they were put in."""
        return {k: v.as_dict() if isinstance(v, Section) else v for k, v in self.items()}

    def _place(self, key: str, value: object, above: tuple[int, ...] = ()) -> list[str]:
        """Store one value and return the dotted keys that its replacing of a mapping removed."""
        old = self.get(key)
        path = (*self._path, key)
        removed: list[str] = []
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            removed = [".".join((*path, str(k))) for k in old if k not in value]
        elif key in self and not _same(old, value):
            text = f"from {short_repr(old)} to {short_repr(value)}"
            self._noted(f"config.{'.'.join(path)} changed", text)
        nested = isinstance(value, Mapping) and id(value) not in above and len(above) < MAX_DEPTH
        if nested and all(isinstance(k, str) for k in value):  # type: ignore[attr-defined]
            section = Section(path, self._changed, self._noted)
            for inner, item in items_of(value):  # type: ignore[arg-type]
                section._place(inner, item, (*above, id(value)))
            dict.__setitem__(self, key, section)
        else:
            dict.__setitem__(self, key, value)
        return removed


def _pairs(values: object) -> dict[str, Any]:
    if isinstance(values, Iterable) and not isinstance(values, (Mapping, str, bytes)):
        if hasattr(values, "keys"):
            return to_mapping(values, "config")
        return {str(key): value for key, value in values}
    return to_mapping(values, "config")


def _same(old: object, new: object) -> bool:
    """Whether two values are equal, for types whose ``==`` gives a truth."""
    if old is new:
        return True
    return type(old) is type(new) and guard.attempt(lambda: bool(old == new), default=False)
