"""The content of a value that code reads, as bytes to compare.

Data are compared by content, arrays and tensors by their bytes, instances of the user's classes by
class and attributes; functions, classes and modules stand as their names, and are handed to the
caller, who follows them. What is none of these is opaque: only its type counts.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import logging
import sys
import threading
import types
import typing
from typing import Any, Final

from epochal.errors import InvalidInput
from epochal.pipelines import plain


class _Sample(typing.NamedTuple):
    """Its fields are descriptors of a type that has no public name."""

    field: int


NOT_DATA: Final = b""
_IMMUTABLE: Final = (int, float, str, bytes, bool, complex, type(None))
_HARMLESS: Final[tuple[Any, ...]] = (
    logging.Logger,
    logging.LoggerAdapter,
    type(threading.Lock()),
    type(threading.RLock()),
    types.GenericAlias,
    types.UnionType,
    typing.TypeVar,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    type(vars(_Sample)["field"]),
)


class Valuation:
    """One look at a value.

    Attributes:
        code: functions, classes and modules that are inside.
        opaque: names of the types that could not be compared.
        mutable: whether the content may change without another object taking its place.
    """

    def __init__(self) -> None:
        self.code: list[Any] = []
        self.opaque: list[str] = []
        self.mutable = False
        self._inside: set[int] = set()

    def text(self, value: Any) -> bytes:
        """The bytes; `NOT_DATA` when the value is code or nothing that could be compared."""
        if isinstance(value, _IMMUTABLE) and type(value) in _IMMUTABLE:
            return plain.text_of(plain.encode(value))
        if self._is_code(value) and not isinstance(value, types.MethodType):
            self.code.append(value)
            return NOT_DATA
        if self._is_harmless(value):
            return NOT_DATA
        self.mutable = not isinstance(value, tuple | frozenset)
        try:
            return plain.text_of(plain.encode(self._outer(value), self._leaf))
        except (InvalidInput, RecursionError):
            self._opaque(value)
            return NOT_DATA

    def _outer(self, value: Any) -> Any:
        """Containers with code inside have it replaced by names."""
        if id(value) in self._inside:
            return {"$again": type(value).__qualname__}
        if not isinstance(value, list | tuple | dict | set | frozenset):
            return value if isinstance(value, _IMMUTABLE) else self._leaf(value)
        self._inside.add(id(value))
        if isinstance(value, dict):
            pairs = [[self._outer(key), self._outer(item)] for key, item in value.items()]
            return {"$pairs": [type(value).__qualname__, pairs]}
        items = [self._outer(item) for item in value]
        if isinstance(value, set | frozenset):
            items.sort(key=lambda item: plain.text_of(plain.encode(item, self._leaf)))
        return {"$items": [type(value).__qualname__, items]}

    @staticmethod
    def _is_code(value: Any) -> bool:
        if isinstance(value, type | types.ModuleType) or inspect.isroutine(value):
            return True
        if hasattr(type(value), "__wrapped__"):
            return False
        return callable(value) and isinstance(
            getattr(value, "__wrapped__", None), types.FunctionType
        )

    @staticmethod
    def _is_harmless(value: Any) -> bool:
        kind = type(value)
        return isinstance(value, _HARMLESS) or kind.__module__ in ("typing", "__future__")

    def _opaque(self, value: Any) -> None:
        self.opaque.append(f"{type(value).__module__}.{type(value).__qualname__}")

    def _leaf(self, value: Any) -> Any:
        """What is no plain value, as something that is."""
        if isinstance(value, types.MethodType):
            self.code.append(value.__func__)
            return {"$method": [value.__func__.__qualname__, self._outer(value.__self__)]}
        if self._is_code(value):
            self.code.append(value)
            return {"$code": str(getattr(value, "__qualname__", getattr(value, "__name__", "")))}
        if self._is_harmless(value):
            return {"$harmless": type(value).__qualname__}
        if isinstance(value, functools.partial):
            parts = (value.func, value.args, value.keywords)
            return {"$partial": [self._outer(part) for part in parts]}
        data = _array_bytes(value)
        if data is not None:
            return {"$array": data}
        return self._instance(value)

    def _instance(self, value: Any) -> Any:
        if id(value) in self._inside:
            return {"$again": type(value).__qualname__}
        self._inside.add(id(value))
        try:
            return plain.encode(value)
        except (InvalidInput, RecursionError):
            pass
        kind = type(value)
        state = getattr(value, "__dict__", None)
        if not isinstance(state, dict) or kind.__module__ in sys.stdlib_module_names:
            self._opaque(value)
            return {"$opaque": kind.__qualname__}
        self.code.append(kind)
        return {"$instance": [kind.__qualname__, self._outer(dict(state))]}


def _array_bytes(value: Any) -> str | None:
    """Dtype, shape and digest of an array or tensor; None for anything else."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        head = f"{value.dtype}{tuple(value.shape)}"
        flat = value.detach().cpu().contiguous().view(-1)
        data = flat.view(torch.uint8).numpy() if flat.numel() else b""
        return f"{head}{hashlib.blake2b(data).hexdigest()}"
    if numpy is not None and isinstance(value, numpy.ndarray) and not value.dtype.hasobject:
        head = f"{value.dtype.str}{value.shape}"
        return f"{head}{hashlib.blake2b(numpy.ascontiguousarray(value)).hexdigest()}"
    return None
