"""JSON as the page may read it: a number that is not finite becomes a string, never null.

The fast encoder would write null for NaN, so everything that can hold a float goes through `safe`
first. Structs whose fields can hold none (most rows of a list) pass untouched.
"""

from __future__ import annotations

import functools
from typing import Any

import msgspec
from msgspec import inspect

from epochal.domain.values import to_json

_encode = msgspec.json.Encoder().encode
_CLOSED = (
    inspect.StrType
    | inspect.BoolType
    | inspect.NoneType
    | inspect.IntType
    | inspect.EnumType
    | inspect.LiteralType
)


def encode(value: object) -> bytes:
    """The JSON text of a struct, mapping, list or scalar."""
    return _encode(safe(value))


def safe(value: object) -> Any:
    """The value with every float that is not finite as a string and every key as text."""
    if isinstance(value, msgspec.Struct):
        names = open_fields(type(value))
        if not names:
            return value
        return {
            field: safe(getattr(value, field)) if field in names else getattr(value, field)
            for field in value.__struct_fields__
        }
    if isinstance(value, dict):
        return {str(key): safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [safe(item) for item in value]
    return to_json(value)


@functools.cache
def open_fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The fields of a struct class that may hold a float, however deep."""
    info = inspect.type_info(kind)
    if not isinstance(info, inspect.StructType):
        return frozenset(kind.__struct_fields__)
    return frozenset(field.name for field in info.fields if not _closed(field.type))


def _closed(kind: inspect.Type) -> bool:
    if isinstance(kind, _CLOSED):
        return True
    if isinstance(kind, inspect.UnionType):
        return all(_closed(member) for member in kind.types)
    if isinstance(kind, inspect.ListType):
        return _closed(kind.item_type)
    if isinstance(kind, inspect.StructType):
        return all(_closed(field.type) for field in kind.fields)
    return False
