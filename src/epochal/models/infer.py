"""Reads a signature off an example.

The first size of every tensor is taken for the batch and becomes -1. Numbers in plain lists are
what PyTorch would make of them: float32, int64 or bool.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from epochal.errors import InvalidInput
from epochal.models.optional import is_array, is_frame, is_series, is_tensor, need
from epochal.models.signature import (
    ColumnSpec,
    ParamSpec,
    Schema,
    Signature,
    TensorSpec,
)

_COLUMNS = {
    "bool": "boolean",
    "boolean": "boolean",
    "int8": "integer",
    "int16": "integer",
    "int32": "integer",
    "uint8": "integer",
    "uint16": "integer",
    "uint32": "long",
    "int64": "long",
    "float16": "float",
    "float32": "float",
    "float64": "double",
    "string": "string",
    "str": "string",
    "category": "string",
}
_SCALARS = {bool: "boolean", int: "long", float: "double", str: "string", bytes: "binary"}


def infer_signature(
    inputs: Any = None, outputs: Any = None, params: Mapping[str, Any] | None = None
) -> Signature:
    """Describe what a model takes and gives.

    Args:
        inputs: a tensor, an array, a list of numbers, a DataFrame, or a dict or tuple of tensors
            or arrays; the first axis is the batch.
        outputs: the same, as the model gave it.
        params: settings of ``predict`` with their defaults.

    Raises:
        InvalidInput: an example is none of these.
    """
    return Signature(
        inputs=None if inputs is None else infer_schema(inputs, "inputs"),
        outputs=None if outputs is None else infer_schema(outputs, "outputs"),
        params=tuple(_param(name, value) for name, value in (params or {}).items()),
    )


def infer_schema(data: Any, what: str) -> Schema:
    """Describe an example of inputs or outputs."""
    if is_frame(data):
        return Schema(tuple(_column(str(name), data[name]) for name in data.columns))
    if is_series(data):
        name = None if data.name is None else str(data.name)
        return Schema((_column(name, data),))
    if isinstance(data, Mapping):
        items = [(str(name), value) for name, value in data.items()]
    elif isinstance(data, tuple) or (
        isinstance(data, list) and data and all(is_array(x) or is_tensor(x) for x in data)
    ):
        items = [(str(index), value) for index, value in enumerate(data)]
    else:
        return Schema((describe_tensor(data, None, what),))
    if not items:
        raise InvalidInput(f"{what} are empty; give one example of each")
    return Schema(tuple(describe_tensor(value, name, what) for name, value in items))


def describe_tensor(value: Any, name: str | None, what: str) -> TensorSpec:
    """Describe one tensor, array or list of numbers."""
    dtype, shape = dtype_of(value, what)
    return TensorSpec(dtype, (-1, *shape[1:]) if shape else (), name)


def dtype_of(value: Any, what: str) -> tuple[str, tuple[int, ...]]:
    """Name of the dtype, and the shape.

    Raises:
        InvalidInput: the value is nothing that a tensor could be made of.
    """
    if is_tensor(value):
        return str(value.dtype).removeprefix("torch."), tuple(int(size) for size in value.shape)
    if is_array(value):
        return _array_type(value), tuple(value.shape)
    if isinstance(value, bool | int | float | str | list | tuple):
        array = list_array(value, what)
        return _array_type(array), tuple(array.shape)
    raise InvalidInput(
        f"{what} hold a {type(value).__name__}; give tensors, arrays, lists of numbers or a "
        f"DataFrame"
    )


def list_array(value: Any, what: str) -> Any:
    """The array that a list of numbers stands for; floats become float32."""
    numpy = need("numpy", "reading lists")
    try:
        array = numpy.asarray(value)
    except ValueError:
        raise InvalidInput(f"{what} hold a list whose rows differ in length") from None
    if array.dtype == object:
        raise InvalidInput(f"{what} hold something that is neither numbers nor strings")
    return array.astype(numpy.float32) if array.dtype == numpy.float64 else array


def _array_type(array: Any) -> str:
    kind = array.dtype.kind
    return {"U": "str", "S": "bytes", "O": "object"}.get(kind) or str(array.dtype.name)


def _column(name: str | None, series: Any) -> ColumnSpec:
    required = not bool(series.isna().any())
    dtype = str(series.dtype).lower()
    kind = _COLUMNS.get(dtype)
    if kind is None and dtype.startswith("datetime64"):
        kind = "datetime"
    if kind is None:
        kinds = {type(value) for value in series.dropna()}
        kind = _SCALARS.get(kinds.pop(), "any") if len(kinds) == 1 else "any"
    return ColumnSpec(kind, name, required)


def _param(name: str, value: Any) -> ParamSpec:
    many = isinstance(value, list | tuple)
    kinds = {type(item) for item in value} if many else {type(value)}
    kind = _SCALARS.get(kinds.pop()) if len(kinds) == 1 else None
    if kind is None:
        raise InvalidInput(
            f"setting {name!r} has the default {value!r:.80}; give a number, a string, a bool, or "
            f"a list of one of these"
        )
    return ParamSpec(name, kind, list(value) if many else value, (-1,) if many else None)
