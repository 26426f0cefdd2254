"""Turns what a user gives into a call of the model, and what comes back into the same kind.

Tensors give tensors, arrays give arrays, lists give lists, tables give tables where the output is
one. A dict is a call by name, a tuple a call by position.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from epochal.errors import InvalidInput
from epochal.models.infer import list_array
from epochal.models.optional import is_array, is_frame, is_series, is_tensor, need


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply a function to the leaves of nested dicts, tuples and lists of tensors."""
    if isinstance(value, Mapping):
        return {key: map_leaves(function, item) for key, item in value.items()}
    if isinstance(value, tuple) or (isinstance(value, list) and _holds_tensors(value)):
        items = [map_leaves(function, item) for item in value]
        return items if isinstance(value, list) else tuple(items)
    return function(value)


def leaves(value: Any) -> list[Any]:
    """The leaves, in order."""
    found: list[Any] = []
    map_leaves(found.append, value)
    return found


def _holds_tensors(value: Sequence[Any]) -> bool:
    return bool(value) and all(
        is_tensor(item) or is_array(item) or isinstance(item, Mapping | tuple) for item in value
    )


def split(data: Any, forward: Sequence[str]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments for a model.

    Args:
        data: a tuple or list of tensors is a call by position; so is a dict with keys 0, 1, ...;
            a dict whose keys are all parameters is a call by name; the rest is one argument.
        forward: names of the model's parameters; empty when they are not known.
    """
    if isinstance(data, Mapping):
        keys = [str(key) for key in data]
        if keys and keys == [str(index) for index in range(len(keys))]:
            return tuple(data.values()), {}
        if keys and set(keys) <= set(forward):
            return (), {str(key): value for key, value in data.items()}
        return (data,), {}
    if isinstance(data, tuple) or (isinstance(data, list) and _holds_tensors(data)):
        return tuple(data), {}
    return (data,), {}


def to_tensors(data: Any, device: Any) -> Any:
    """Every array, list of numbers and table as a tensor on a device."""
    torch = need("torch", "calling the model")

    def convert(value: Any) -> Any:
        if is_tensor(value):
            return value.to(device)
        if value is None:
            return None
        array = to_array(value)
        if array.dtype.kind not in "biufc":
            raise InvalidInput(
                f"the model takes tensors, and there is none of {array.dtype}; give numbers"
            )
        if not array.flags.writeable or any(stride < 0 for stride in array.strides):
            array = array.copy()
        return torch.as_tensor(array, device=device)

    return map_leaves(convert, data)


def to_array(value: Any) -> Any:
    """One NumPy array; tables become float32, as do the numbers of lists."""
    if is_tensor(value):
        return tensor_array(value)
    if is_array(value):
        return need("numpy", "calling the model").asarray(value)
    if is_frame(value) or is_series(value):
        try:
            return value.to_numpy(dtype="float32")
        except (TypeError, ValueError):
            raise InvalidInput(
                "the table has columns that are no numbers, and the model takes a tensor"
            ) from None
    return list_array(value, "the inputs")


def tensor_array(value: Any) -> Any:
    """A tensor as an array; bfloat16, which NumPy does not know, as float32."""
    plain = value.detach().cpu().resolve_conj().resolve_neg()
    if str(plain.dtype) == "torch.bfloat16" or "float8" in str(plain.dtype):
        plain = plain.float()
    return plain.numpy()


def kind_of(data: Any) -> str:
    """``tensor``, ``array``, ``list`` or ``frame``: what the answer should be."""
    if is_frame(data) or is_series(data):
        return "frame"
    found = leaves(data)
    if any(is_tensor(leaf) for leaf in found):
        return "tensor"
    return "array" if any(is_array(leaf) for leaf in found) else "list"


def to_kind(output: Any, kind: str, index: Any = None) -> Any:
    """An output as tensors, arrays, lists or a table."""
    if kind == "tensor":
        torch = need("torch", "giving tensors back")
        return map_leaves(
            lambda leaf: torch.from_numpy(leaf) if _is_numeric_array(leaf) else leaf, output
        )
    arrays = map_leaves(lambda leaf: tensor_array(leaf) if is_tensor(leaf) else leaf, output)
    if kind == "list":
        return map_leaves(lambda leaf: leaf.tolist() if is_array(leaf) else leaf, arrays)
    table = kind == "frame" and is_array(arrays) and arrays.ndim in {1, 2}
    if table and len(arrays) == len(index):
        pandas = need("pandas", "giving a table back")
        return (pandas.Series if arrays.ndim == 1 else pandas.DataFrame)(arrays, index=index)
    return arrays


def _is_numeric_array(value: Any) -> bool:
    return is_array(value) and value.dtype.kind in "biufc" and value.ndim > 0
