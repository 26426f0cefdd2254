"""Plain data out of whatever users put into a config, a summary or a text value.

The result holds only None, bool, int, float, str, lists and dicts with string keys, is at most 32
levels deep, has no cycles and a bounded size. Nothing here raises for a strange value: it becomes
its name or a cut ``repr``.
"""

from __future__ import annotations

import dataclasses
import enum
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from epochal.client import guard
from epochal.domain.names import MAX_TEXT
from epochal.domain.values import INT64_MAX, INT64_MIN, MAX_DEPTH, MAX_LEAVES
from epochal.errors import InvalidInput

MAX_REPR = 300
MAX_ARRAY = 256
_UNREADABLE = object()


class _Budget:
    """How many more leaves a value may have."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


def to_plain(value: object, max_leaves: int = MAX_LEAVES) -> Any:
    """Plain data that says the same as ``value``.

    Args:
        value: anything.
        max_leaves: values past this many are left out.
    """
    return _plain(value, 0, (), _Budget(max_leaves))


def _plain(value: object, depth: int, above: tuple[int, ...], budget: _Budget) -> Any:
    budget.left -= 1
    if value is None or (isinstance(value, (bool, float)) and type(value) in (bool, float)):
        return value
    if type(value) is int:
        return value if INT64_MIN <= value <= INT64_MAX else str(value)
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, enum.Enum):
        return _plain(value.value, depth, above, budget)
    if depth >= MAX_DEPTH or budget.left <= 0 or id(value) in above:
        return "..."
    inner = (*above, id(value))
    if isinstance(value, Mapping):
        items = items_of(value)
        return {
            plain_text(str(key)): _plain(item, depth + 1, inner, budget)
            for key, item in items[: max(0, budget.left)]
        }
    if isinstance(value, (list, tuple, set, frozenset)) or _is_list_config(value):
        return [_plain(item, depth + 1, inner, budget) for item in list(value)[: budget.left]]
    plain = guard.attempt(lambda: _leaf(value, depth, inner, budget), default=_UNREADABLE)
    return short_repr(value) if plain is _UNREADABLE else plain


def _leaf(value: object, depth: int, above: tuple[int, ...], budget: _Budget) -> Any:
    """Plain data for what is no container: arrays, paths, callables, numbers of libraries."""
    mapping = _fields(value)
    mapping = _names(value) if mapping is None else mapping
    if mapping is not None:
        return _plain(mapping, depth, above, budget)
    array = _array(value)
    if array is not None:
        return _plain(array, depth, above, budget)
    if isinstance(value, os.PathLike):
        return plain_text(str(os.fspath(value)))
    if isinstance(value, type) or callable(value):
        name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
        if isinstance(name, str):
            return f"{getattr(value, '__module__', '')}.{name}".removeprefix("builtins.")
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return short_repr(value)


def items_of(value: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Keys and values; a value that cannot be read, such as OmegaConf's ``???``, is None."""
    return [(key, _item(value, key)) for key in value]


def _item(value: Any, key: object) -> object:
    return guard.attempt(lambda: value[key], default=None)


def plain_text(text: str, limit: int = MAX_TEXT) -> str:
    """A string that UTF-8 can carry, at most ``limit`` characters."""
    if len(text) > limit:
        text = f"{text[:limit]}... ({len(text)} characters)"
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode()
    return text if type(text) is str else str.__str__(text)


def short_repr(value: object) -> str:
    """A cut ``repr``; never raises."""
    broken = f"<{type(value).__name__}, whose repr raises>"
    return plain_text(guard.attempt(lambda: repr(value), default=broken), MAX_REPR)


def _array(value: object) -> object | None:
    """Numbers of NumPy, PyTorch and their like, up to 256 of them; None for anything else."""
    if not hasattr(value, "tolist") or not hasattr(value, "dtype"):
        return None
    shape = getattr(value, "shape", ())
    count = 1
    for length in shape:
        count *= int(length)
    if count > MAX_ARRAY:
        return f"{type(value).__name__} of shape {tuple(int(n) for n in shape)}, {value.dtype}"
    return _plain_numbers(value.tolist())


def _plain_numbers(value: object) -> object:
    """What ``tolist`` gave, with numbers that are no Python numbers as text."""
    if isinstance(value, list):
        return [_plain_numbers(item) for item in value]
    return value if isinstance(value, (bool, int, float, str)) or value is None else str(value)


def _is_list_config(value: object) -> TypeGuard[Iterable[object]]:
    """Whether it is a list of OmegaConf, which is a Sequence and no list."""
    return isinstance(value, Sequence) and not isinstance(
        value, (str, bytes, bytearray, memoryview, range)
    )


def _fields(value: object) -> Mapping[str, object] | None:
    """The fields of a dataclass, attrs, named-tuple-like, msgspec.

    Pydantic or OmegaConf object.
    """
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}
    for attribute in ("__attrs_attrs__", "__struct_fields__"):
        names = getattr(type(value), attribute, None)
        if names:
            words = [name if isinstance(name, str) else name.name for name in names]
            return {word: getattr(value, word, None) for word in words}
    if hasattr(type(value), "model_fields") and hasattr(value, "model_dump"):
        return dict(value.model_dump())
    return None


def _names(value: object) -> Mapping[str, object] | None:
    """What stands in a namespace of argparse, jsonargparse or `types`."""
    return vars(value) if type(value).__name__ in ("Namespace", "SimpleNamespace") else None


def to_mapping(value: object, what: str) -> dict[str, Any]:
    """The top level of a config-like object as a dict with string keys; values stay what they are.

    Args:
        value: a mapping, ``argparse.Namespace``, dataclass, attrs or pydantic object, OmegaConf
            node, or None.
        what: how the message calls it.

    Raises:
        InvalidInput: it has no fields that could be read.
    """
    if value is None:
        return {}
    container = getattr(value, "_to_container", None) or getattr(type(value), "to_container", None)
    if isinstance(value, Mapping):
        return {str(key): item for key, item in items_of(value)}
    fields = _fields(value)
    if fields is not None:
        return {str(key): item for key, item in fields.items()}
    if callable(container):
        return to_mapping(container(value), what)
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return {str(key): value[key] for key in value.keys()}  # noqa: SIM118 - only a keys() is known
    names = _names(value)
    if names is not None:
        return {str(key): item for key, item in names.items()}
    raise InvalidInput(
        f"{what} must be a mapping, an argparse.Namespace or a dataclass, got "
        f"{type(value).__name__}: {short_repr(value)[:80]}"
    )
