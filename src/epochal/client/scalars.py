"""What one logged value is.

A number to store, a text, media, a device value on its way, or nothing we can keep.

A number is read at once, so that a later in-place change of a tensor or array is never seen.
Values on a GPU are not read here, because that would make the caller wait for the device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from epochal.client import guard, lazy
from epochal.client.plain import to_plain
from epochal.domain.values import INT64_MAX, INT64_MIN
from epochal.errors import InvalidInput

MAX_LIST = 10_000


class Kind(Enum):
    """What to do with a value."""

    NUMBER = "number"
    TEXT = "text"
    MEDIA = "media"
    DEVICE = "device"
    NONE = "none"
    SKIP = "skip"


class Reading(NamedTuple):
    """A value after a look at it.

    ``value`` is the number, text or device tensor, the drafts of media and whether a list was
    given, or why it is skipped.
    """

    kind: Kind
    value: Any
    note: str | None = None


def read_value(value: object) -> Reading:
    """Look at one leaf of what was logged. Never waits for a device."""
    kind = type(value)
    if kind is float or kind is bool:
        return Reading(Kind.NUMBER, value)
    if kind is int:
        return _read_int(value)  # type: ignore[arg-type]
    if value is None:
        return Reading(Kind.NONE, None)
    if isinstance(value, str):
        return Reading(Kind.TEXT, to_plain(value))
    if isinstance(value, bool | int):
        return _read_int(int(value))
    if isinstance(value, float):
        return Reading(Kind.NUMBER, float(value))
    if isinstance(value, (list, tuple, set, frozenset)):
        return _read_list(value)
    if isinstance(value, (complex, bytes, bytearray, memoryview, Mapping)):
        return _skip(value)
    broken = Reading(Kind.SKIP, f"this {kind.__name__} cannot be read")
    return guard.attempt(lambda: _read_foreign(value), default=broken)


def _read_foreign(value: object) -> Reading:
    """What runs code of libraries and users."""
    return _read_array(value) if hasattr(value, "dtype") else _read_object(value)


def _read_int(value: int) -> Reading:
    if INT64_MIN <= value <= INT64_MAX:
        return Reading(Kind.NUMBER, value)
    try:
        shadow = float(value)
    except OverflowError:
        shadow = math.inf if value > 0 else -math.inf
    return Reading(Kind.NUMBER, shadow, "it does not fit 64 bits and is stored as a float")


def _read_list(value: Any) -> Reading:
    if type(value) in (list, tuple) and value and _may_be_media(value[0]):
        try:
            found = lazy.load("media").read_list(value)
        except InvalidInput as error:
            return Reading(Kind.SKIP, error.message)
        if found is not None:
            return Reading(Kind.MEDIA, (found[0], True), found[1])
    if len(value) > MAX_LIST:
        advice = f"it has {len(value)} elements, the limit is {MAX_LIST}"
        return Reading(Kind.SKIP, advice)
    return Reading(Kind.TEXT, to_plain(value, MAX_LIST))


def _read_array(value: Any) -> Reading:
    """A scalar or array of NumPy, PyTorch or a library that looks like them."""
    count = 1
    for length in getattr(value, "shape", ()):
        count *= int(length)
    if count != 1:
        shape = tuple(int(n) for n in value.shape)
        advice = f"it has shape {shape}; log one number, such as its mean()"
        return Reading(Kind.SKIP, f"{type(value).__name__} is no number: {advice}")
    device = getattr(getattr(value, "device", None), "type", "cpu")
    if device == "cuda":
        if getattr(value, "is_complex", bool)():
            return _skip(value)
        return Reading(Kind.DEVICE, value)
    item = value.item() if hasattr(value, "item") else float(value)
    if isinstance(item, (bool, int, float)):
        return read_value(item)
    return _read_object(item)


def _may_be_media(value: object) -> bool:
    """Whether a look at the media is worth it; must be cheap."""
    plain = (str, int, float, list, tuple, Mapping, bytes, type(None))
    return not isinstance(value, plain) and not hasattr(value, "dtype")


def _read_object(value: object) -> Reading:
    """Media, or anything else that knows how to be a float.

    Decimal, Fraction, numbers of other libraries.
    """
    if _may_be_media(value):
        try:
            drafts = lazy.load("media").read_media(value)
        except InvalidInput as error:
            return Reading(Kind.SKIP, error.message)
        if drafts is not None:
            return Reading(Kind.MEDIA, (drafts, len(drafts) > 1))
    if hasattr(value, "__float__") and not isinstance(value, complex):
        number = guard.attempt(lambda: float(value), default=None)
        if isinstance(number, float):
            return Reading(Kind.NUMBER, float(number))
    return _skip(value)


def _skip(value: object) -> Reading:
    advice = {
        complex: "log its real and imaginary parts",
        bytes: "decode it, or log its length",
    }.get(type(value), "log a number, or str(value)")
    return Reading(Kind.SKIP, f"{type(value).__name__} is no number: {advice}")
