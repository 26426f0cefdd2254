"""Arrays of NumPy, PyTorch and libraries like them, as NumPy arrays of the types that we store.

A tensor on a device is copied from there, and the caller waits for it. Results never share memory
with what was given where they are kept as bytes.
"""

from __future__ import annotations

from typing import Any

from epochal.domain.encode import pack_array
from epochal.errors import InvalidInput
from epochal.media.draft import Part
from epochal.media.optional import comes_from, numpy

MAX_PIXELS = 1 << 30
CHANNELS = (1, 2, 3, 4)


def is_array(value: object) -> bool:
    """Whether a value is an array or tensor."""
    return hasattr(value, "dtype") and hasattr(value, "shape")


def to_numpy(value: Any, what: str) -> Any:
    """A NumPy array with the numbers of an array, tensor or nested list.

    Args:
        value: what was given; a tensor that requires gradients or lies on a device is fine.
        what: how a message calls it.

    Raises:
        InvalidInput: it holds no numbers.
    """
    np = numpy()
    if comes_from(value, "torch"):
        tensor = value.detach()
        if tensor.dtype.is_floating_point and tensor.dtype.itemsize < 4:
            tensor = tensor.float()
        value = tensor.cpu().resolve_conj().resolve_neg().numpy()
    elif not isinstance(value, np.ndarray) and hasattr(value, "numpy"):
        value = value.numpy()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{what} could not be made from {_name(value)}: {error}") from None
    if array.dtype.kind not in "biuf":
        raise InvalidInput(
            f"{what} must hold numbers, got {_name(value)} of type {array.dtype}; "
            "give an array of integers or floats"
        )
    return array


def to_bytes(array: Any, normalize: bool = True) -> Any:
    """Pixels as 8-bit numbers, by W&B's rule, but rounded.

    Bytes stay. Truth becomes 0 and 255. Other integers are cut to 0..255; floats with negative
    numbers are stretched to 0..1 first, floats up to 1 are multiplied by 255. NaN becomes 0.

    Args:
        array: a NumPy array.
        normalize: False cuts floats to 0..1 or, when larger ones are there, to 0..255.
    """
    np = numpy()
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind in "iu":
        return np.clip(array, 0, 255).astype(np.uint8)
    if not np.isfinite(array).all():
        array = np.nan_to_num(array, nan=0.0, posinf=_largest(array), neginf=0.0)
    if array.size and normalize and array.min() < 0:
        spread = np.ptp(array)
        array = (array - array.min()) / (spread if spread > 0 else 1)
    if array.size == 0 or array.max() <= 1.0:
        array = array * 255
    return np.rint(np.clip(array, 0, 255)).astype(np.uint8)


def _largest(array: Any) -> float:
    np = numpy()
    finite = array[np.isfinite(array)]
    return max(1.0, float(finite.max())) if finite.size else 1.0


def channels_last(array: Any, *, first: bool, what: str) -> Any:
    """An image array as (height, width, channels).

    Args:
        array: (H, W), (H, W, C) or (C, H, W).
        first: where both readings fit, take the first axis as the channels (PyTorch's habit).
        what: how a message calls it.

    Raises:
        InvalidInput: no axis can be the channels, or an axis is empty.
    """
    shape = array.shape
    if array.ndim == 2:
        array = array[:, :, None]
    elif array.ndim == 3:
        head, tail = shape[0] in CHANNELS, shape[2] in CHANNELS
        if head and (first or not tail):
            array = array.transpose(1, 2, 0)
        elif not tail:
            array = array[:0]
    if array.ndim != 3 or 0 in array.shape or array.size > MAX_PIXELS:
        raise InvalidInput(
            f"{what} has the shape (H, W), (H, W, C) or (C, H, W) with 1 to 4 channels, got "
            f"{tuple(int(n) for n in shape)} of {array.dtype}"
        )
    return array


def array_part(encoding: str, array: Any) -> Part:
    """The part that keeps a copy of an array."""
    header = pack_array(tuple(int(n) for n in array.shape), int(array.dtype.itemsize))
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    return Part(encoding, (header, array.tobytes()))


def _name(value: object) -> str:
    return type(value).__name__
