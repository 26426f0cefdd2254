"""Holds two outputs of a model against each other, with room for what arithmetic may differ in."""

from __future__ import annotations

from typing import Any

from epochal.models.call import leaves, tensor_array
from epochal.models.optional import is_frame, is_series, is_tensor, need

TOLERANCE = {
    "bfloat16": (2e-2, 2e-2),
    "float16": (5e-3, 5e-3),
    "float32": (1e-3, 1e-4),
    "float64": (1e-7, 1e-9),
    "complex64": (1e-3, 1e-4),
}
"""Relative and absolute, by dtype; whole numbers must be equal."""


def difference(live: Any, again: Any) -> str | None:
    """What differs, in words; None when nothing does.

    Args:
        live: output of the live model; dicts and tuples of tensors are compared part by part.
        again: output of the saved one; may hold arrays where the other has tensors.
    """
    ones, others = leaves(live), leaves(again)
    if len(ones) != len(others):
        return f"the output has {len(others)} parts instead of {len(ones)}"
    for number, (one, other) in enumerate(zip(ones, others, strict=True)):
        where = "the output" if len(ones) == 1 else f"part {number} of the output"
        problem = _arrays(one, other, where)
        if problem:
            return problem
    return None


def _plain(value: Any) -> tuple[Any, str]:
    if is_tensor(value):
        return tensor_array(value), str(value.dtype).removeprefix("torch.")
    if is_frame(value) or is_series(value):
        value = value.to_numpy()
    array = need("numpy", "comparing outputs").asarray(value)
    return array, array.dtype.name


def _arrays(live: Any, again: Any, where: str) -> str | None:
    numpy = need("numpy", "comparing outputs")
    (one, dtype), (other, _) = _plain(live), _plain(again)
    if one.shape != other.shape:
        return f"{where} has shape {list(other.shape)} instead of {list(one.shape)}"
    if dtype not in TOLERANCE:
        same = bool((one == other).all())
        return None if same else f"{where} has other values"
    relative, absolute = TOLERANCE[dtype]
    wide = numpy.complex128 if one.dtype.kind == "c" else numpy.float64
    one, other = one.astype(wide), other.astype(wide)
    if numpy.allclose(other, one, rtol=relative, atol=absolute, equal_nan=True):
        return None
    worst = numpy.nanmax(numpy.abs(one - other)) if one.size else 0.0
    return (
        f"{where} differs by up to {worst:.3g}, allowed is {absolute:g} + {relative:g} * |value|"
    )
