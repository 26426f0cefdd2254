"""Plain values as tagged JSON and back: exact in type and value, so that no two are confused.

``1``, ``1.0``, ``True`` and ``"1"`` differ, tuples are no lists, NaN and huge integers come
through, and the order of a dict counts. Dataclasses, enums, pydantic and msgspec models are built
again from their class by name and their fields. What is not plain is given to ``leaf``, which
encodes it in its own way or refuses. A dict with one key that begins with ``$`` is a tag.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import enum
import fractions
import importlib
import inspect
import pathlib
import sys
import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from epochal.errors import InvalidInput
from epochal.pipelines.named import find, name_of

Leaf: TypeAlias = Callable[[Any], Any]
Unleaf: TypeAlias = Callable[[str, Any], Any]

MAX_DEPTH: Final = 200
_INT64: Final = 2**63
_WRITTEN: Final[dict[type, Callable[[Any], Any]]] = {
    bytes: lambda value: base64.b64encode(value).decode(),
    bytearray: lambda value: base64.b64encode(value).decode(),
    decimal.Decimal: str,
    fractions.Fraction: str,
    uuid.UUID: str,
    complex: str,
    datetime.timedelta: lambda value: [value.days, value.seconds, value.microseconds],
    datetime.datetime: datetime.datetime.isoformat,
    datetime.date: datetime.date.isoformat,
    datetime.time: datetime.time.isoformat,
}
"""Types that are one text or list, tagged by their name."""


def refuse(value: Any) -> Any:
    """A `Leaf` that takes nothing.

    Raises:
        InvalidInput: always.
    """
    raise InvalidInput(
        f"a {type(value).__name__} is no plain value; use numbers, texts, lists, dicts, "
        f"dataclasses, or let a step return it"
    )


def encode(
    value: Any,
    leaf: Leaf = refuse,
    classes: set[str] | None = None,
    named: Callable[[Any], str] = name_of,
) -> Any:
    """A value as JSON.

    Args:
        value: what to encode.
        leaf: called with what is not plain.
        classes: gets the names of all classes whose instances are inside.
        named: gives the names of functions and classes that are values.

    Raises:
        InvalidInput: something inside is not plain, too deep, or contains itself.
    """
    return _Encoder(leaf, set() if classes is None else classes, named).visit(value, 0)


def decode(node: Any, leaf: Unleaf | None = None, found: Callable[[str], Any] = find) -> Any:
    """The value again; every call gives fresh objects.

    Args:
        node: what `encode` gave.
        leaf: called with tag and content of what is not plain.
        found: gives the functions and classes that are values, by their names.

    Raises:
        NotFound: a class cannot be imported.
        InvalidInput: the text is none of ours.
    """
    return _Decoder(leaf, found).visit(node)


def readable(value: Any) -> Any:
    """A value without tags, for people: plain data, or its repr."""
    try:
        return untag(encode(value))
    except InvalidInput:
        return repr(value)[:200]


def untag(node: Any) -> Any:
    """What `encode` gave without its tags, for people."""
    if isinstance(node, list):
        return [untag(item) for item in node]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        tag, inner = next(iter(node.items()))
        if tag in ("$dataclass", "$struct", "$pydantic", "$enum"):
            return untag(inner[1])
        if tag == "$dict":
            return {str(untag(key)): untag(item) for key, item in inner}
        if tag.startswith("$"):
            return untag(inner)
    return {key: untag(item) for key, item in node.items()}


def text_of(node: Any) -> bytes:
    """Canonical bytes of what `encode` gave."""
    return msgspec.json.encode(node)


class _Encoder:
    def __init__(self, leaf: Leaf, classes: set[str], named: Callable[[Any], str]) -> None:
        self._leaf = leaf
        self._name = named
        self._classes = classes

    def visit(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return {"$text": _bytes64(value)} if _has_surrogate(value) else value
        if kind is int:
            return value if -_INT64 <= value < _INT64 else {"$int": str(value)}
        if kind is float:
            finite = value - value == 0.0
            return value if finite else {"$float": repr(value)}
        if depth > MAX_DEPTH:
            raise InvalidInput(
                f"a value is nested more than {MAX_DEPTH} deep, or contains itself; flatten it"
            )
        if kind is list:
            return [self.visit(item, depth + 1) for item in value]
        if kind is dict:
            return self._dict(value, depth)
        return self._rarer(kind, value, depth + 1)

    def _dict(self, value: dict[Any, Any], depth: int) -> Any:
        plain = all(type(key) is str and not _has_surrogate(key) for key in value)
        if plain and not (len(value) == 1 and next(iter(value)).startswith("$")):
            return {key: self.visit(item, depth + 1) for key, item in value.items()}
        pairs = [
            [self.visit(key, depth + 1), self.visit(item, depth + 1)]
            for key, item in value.items()
        ]
        return {"$dict": pairs}

    def _rarer(self, kind: type, value: Any, depth: int) -> Any:
        if kind is tuple:
            return {"$tuple": [self.visit(item, depth) for item in value]}
        if kind in (set, frozenset):
            items = sorted((self.visit(item, depth) for item in value), key=text_of)
            return {f"${kind.__name__}": items}
        if kind in _WRITTEN:
            return {f"${kind.__name__}": _WRITTEN[kind](value)}
        if kind is range or kind is slice:
            parts = [value.start, value.stop, value.step]
            return {f"${kind.__name__}": [self.visit(part, depth) for part in parts]}
        if isinstance(value, pathlib.PurePath) and kind.__module__.startswith("pathlib"):
            return {"$path": str(value)}
        if kind is OrderedDict:
            return {"$ordered": self._dict(dict(value), depth)}
        if isinstance(value, type) or inspect.isroutine(value):
            return self._reference(value)
        return self._model(kind, value, depth)

    def _reference(self, value: Any) -> Any:
        name = self._name(value)
        if isinstance(value, type):
            self._classes.add(name)
        return {"$name": name}

    def _model(self, kind: type, value: Any, depth: int) -> Any:
        """Instances of classes with fields."""
        if isinstance(value, enum.Enum):
            return {"$enum": [self._named(kind), value.name]}
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            items = [self.visit(item, depth) for item in value]
            return {"$namedtuple": [self._named(kind), items]}
        if dataclasses.is_dataclass(value):
            names = [field.name for field in dataclasses.fields(value)]
            return self._fields("$dataclass", kind, {n: getattr(value, n) for n in names}, depth)
        if isinstance(value, msgspec.Struct):
            struct = {n: getattr(value, n) for n in value.__struct_fields__}
            return self._fields("$struct", kind, struct, depth)
        pydantic = sys.modules.get("pydantic")
        if pydantic is not None and isinstance(value, pydantic.BaseModel):
            more = dict(value.__pydantic_extra__ or {})
            return self._fields("$pydantic", kind, {**value.__dict__, **more}, depth)
        numpy = sys.modules.get("numpy")
        if numpy is not None and isinstance(value, numpy.generic) and value.dtype.kind in "biufc":
            data = base64.b64encode(value.tobytes()).decode()
            return {"$numpy": [value.dtype.str, data]}
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.dtype | torch.device | torch.Size):
            return {f"$torch.{kind.__name__}": list(value) if kind is torch.Size else str(value)}
        return self._leaf(value)

    def _fields(self, tag: str, kind: type, fields: dict[str, Any], depth: int) -> Any:
        return {tag: [self._named(kind), {n: self.visit(v, depth) for n, v in fields.items()}]}

    def _named(self, kind: type) -> str:
        name = name_of(kind)
        self._classes.add(name)
        return name


def _has_surrogate(value: str) -> bool:
    return not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value)


def _bytes64(value: str) -> str:
    return base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()


class _Decoder:
    def __init__(self, leaf: Unleaf | None, found: Callable[[str], Any]) -> None:
        self._leaf = leaf
        self._found = found

    def visit(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.visit(item) for item in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            tag, inner = next(iter(node.items()))
            if tag.startswith("$"):
                return self._tagged(tag[1:], inner)
        return {key: self.visit(item) for key, item in node.items()}

    def _tagged(self, tag: str, inner: Any) -> Any:
        if tag in _SCALARS:
            return _SCALARS[tag](inner)
        if tag in _CONTAINERS:
            return _CONTAINERS[tag](self.visit(inner))
        if tag in _CLASSES:
            name, content = inner
            return _CLASSES[tag](_class(tag, name), self.visit(content))
        if tag == "name":
            return self._found(inner)
        if tag == "dict":
            return {self.visit(key): self.visit(item) for key, item in inner}
        if self._leaf is None:
            raise InvalidInput(
                f"the value has an unknown tag ${tag}; it is none that Epochal wrote"
            )
        return self._leaf(tag, inner)


def _class(tag: str, name: str) -> Any:
    """A class by name that is what the tag says: nothing else is ever called.

    Raises:
        InvalidInput: it is something else.
    """
    kind = find(name)
    fine = isinstance(kind, type) and _KINDS[tag](kind)
    if not fine:
        raise InvalidInput(
            f"the value says that {name} is a {tag}, and it is none; it is not read"
        )
    return kind


def _is_pydantic(kind: type) -> bool:
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(kind, pydantic.BaseModel)


_KINDS: Final[dict[str, Callable[[Any], bool]]] = {
    "enum": lambda kind: issubclass(kind, enum.Enum),
    "namedtuple": lambda kind: issubclass(kind, tuple) and hasattr(kind, "_fields"),
    "dataclass": dataclasses.is_dataclass,
    "struct": lambda kind: issubclass(kind, msgspec.Struct),
    "pydantic": _is_pydantic,
}


def _torch(name: str, inner: Any) -> Any:
    torch = importlib.import_module("torch")
    if name == "dtype":
        return getattr(torch, str(inner).removeprefix("torch."))
    return torch.device(inner) if name == "device" else torch.Size(inner)


def _numpy(inner: list[str]) -> Any:
    dtype, data = inner
    frombuffer = find("numpy:frombuffer")
    return frombuffer(base64.b64decode(data), dtype=dtype)[0]


def _set_fields(kind: Any, fields: dict[str, Any]) -> Any:
    """A dataclass without calling its constructor: fields may be computed or init=False."""
    made = object.__new__(kind)
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made


_SCALARS: Final[dict[str, Callable[[Any], Any]]] = {
    "int": int,
    "float": float,
    "bytes": base64.b64decode,
    "bytearray": lambda text: bytearray(base64.b64decode(text)),
    "Decimal": decimal.Decimal,
    "Fraction": fractions.Fraction,
    "UUID": uuid.UUID,
    "timedelta": lambda parts: datetime.timedelta(*parts),
    "text": lambda text: base64.b64decode(text).decode("utf-8", "surrogatepass"),
    "complex": complex,
    "datetime": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "path": pathlib.Path,
    "numpy": _numpy,
    "torch.dtype": lambda inner: _torch("dtype", inner),
    "torch.device": lambda inner: _torch("device", inner),
    "torch.Size": lambda inner: _torch("Size", inner),
}
_CONTAINERS: Final[dict[str, Callable[[Any], Any]]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "range": lambda parts: range(*parts),
    "slice": lambda parts: slice(*parts),
    "ordered": OrderedDict,
}
_CLASSES: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "enum": lambda kind, name: kind[name],
    "namedtuple": lambda kind, items: kind._make(items),
    "dataclass": _set_fields,
    "struct": lambda kind, fields: kind(**fields),
    "pydantic": lambda kind, fields: kind.model_construct(**fields),
}
