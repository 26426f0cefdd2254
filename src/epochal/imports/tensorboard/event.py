"""Events, summaries, their values and tensors, decoded one by one.

Pure. Field numbers: TensorFlow, ``core/util/event.proto``, ``core/framework/summary.proto``,
``tensor.proto`` and ``types.proto``.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from epochal.imports.tensorboard.wire import (
    Malformed,
    Message,
    packed_fixed,
    packed_varints,
)

SCALAR, OLD_HISTOGRAM, IMAGE, HISTOGRAM, AUDIO, TENSOR = 2, 3, 4, 5, 6, 8
"""Field numbers of a value's content."""
_CONTENTS: Final = frozenset({OLD_HISTOGRAM, IMAGE, HISTOGRAM, AUDIO, TENSOR})
START: Final = 1
_LAST_SECOND: Final = 9.0e12
STRING: Final = 7
_MAX_ITEMS: Final = 1 << 28


class Metadata(msgspec.Struct, frozen=True):
    """What a tag says about itself."""

    plugin: str = ""
    content: bytes = b""
    display_name: str = ""
    description: str = ""
    data_class: int = 0


class Value(msgspec.Struct, frozen=True):
    """One value of a summary. ``field`` is the number of its content, 0 when it has none."""

    tag: str
    field: int
    scalar: float = 0.0
    content: bytes = b""
    metadata: Metadata | None = None
    raw: bytes = b""


class Event(msgspec.Struct, frozen=True):
    """One record of an event file.

    Attributes:
        step: as written; may be negative and go back.
        wall_us: microseconds since 1970 UTC.
        version: of the file, in its first event.
        graph: a serialized ``GraphDef``.
        meta_graph: a serialized ``MetaGraphDef``.
        run_metadata: its tag and a serialized ``RunMetadata``.
        log: a message and its level.
        session: status of a ``SessionLog``, 0 when the event is none.
        values: of a summary.
    """

    step: int
    wall_us: int
    version: str = ""
    graph: bytes | None = None
    meta_graph: bytes | None = None
    run_metadata: tuple[str, bytes] | None = None
    log: tuple[str, int] | None = None
    session: int = 0
    values: list[Value] = []


def wall_us_of(seconds: float) -> int:
    """Microseconds since 1970 UTC; 0 for what is no time."""
    return round(seconds * 1e6) if 0 <= seconds < _LAST_SECOND else 0


def read_event(data: bytes) -> Event:
    """Decode a record.

    Raises:
        Malformed: it is no event.
    """
    message = Message(data)
    summary = message.data(5)
    tagged = message.data(8)
    log = message.data(6)
    session = message.data(7)
    return Event(
        step=message.signed(2),
        wall_us=wall_us_of(message.double(1)),
        version=message.text(3),
        graph=message.data(4),
        meta_graph=message.data(9),
        run_metadata=None if tagged is None else _read_tagged(tagged),
        log=None if log is None else _read_log(log),
        session=0 if session is None else Message(session).unsigned(1),
        values=[] if summary is None else read_summary(summary),
    )


def _read_tagged(data: bytes) -> tuple[str, bytes]:
    message = Message(data)
    return message.text(1), message.data(2) or b""


def _read_log(data: bytes) -> tuple[str, int]:
    message = Message(data)
    return message.text(2), message.unsigned(1)


def read_summary(data: bytes) -> list[Value]:
    """The values of a summary.

    Raises:
        Malformed: it is none.
    """
    return [_read_value(value) for value in Message(data).every(1)]


def _read_value(data: bytes) -> Value:
    message = Message(data)
    metadata = message.data(9)
    field, content = 0, b""
    for number, _, value in message.fields:  # of a oneof the last one counts
        if number in _CONTENTS and isinstance(value, bytes):
            field, content = number, value
        elif number == SCALAR:
            field = SCALAR
    scalar = message.float(SCALAR)
    return Value(
        tag=message.text(1),
        field=field,
        scalar=0.0 if scalar is None else scalar,
        content=content,
        metadata=None if metadata is None else read_metadata(metadata),
        raw=data,
    )


def read_metadata(data: bytes) -> Metadata:
    """The metadata of a tag.

    Raises:
        Malformed: it is none.
    """
    message = Message(data)
    plugin = Message(message.data(1) or b"")
    return Metadata(
        plugin=plugin.text(1),
        content=plugin.data(2) or b"",
        display_name=message.text(2),
        description=message.text(3),
        data_class=message.unsigned(4),
    )


class Tensor(msgspec.Struct, frozen=True):
    """A tensor: ``array`` for numbers, ``strings`` in C order for strings."""

    shape: tuple[int, ...]
    array: NDArray[np.generic] | None = None
    strings: list[bytes] = []


_DTYPES: Final = {
    1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 8: "<c8", 9: "<i8", 10: "?",
    14: "bf16", 17: "<u2", 18: "<c16", 19: "<f2", 22: "<u4", 23: "<u8",
}  # fmt: skip
"""By the number of ``DataType``: how ``tensor_content`` is laid out."""
_FIXED: Final = {1: (5, 4), 2: (6, 8), 8: (9, 4), 18: (12, 8)}
"""Field and item size of the types whose values lie in a field of fixed size."""
_VARINTS: Final = {3: 7, 4: 7, 5: 7, 6: 7, 9: 10, 10: 11, 14: 13, 17: 7, 19: 13, 22: 16, 23: 17}
"""Field of the types whose values lie in a field of integers."""


def read_tensor(data: bytes) -> Tensor:
    """Decode a ``TensorProto``.

    Raises:
        Malformed: it is none, of an unknown type, or its values do not fit its shape.
    """
    message = Message(data)
    kind = message.unsigned(1)
    dims = [Message(dim).signed(1) for dim in Message(message.data(2) or b"").every(2)]
    shape = tuple(dims)
    count = math.prod(shape)
    if any(dim < 0 for dim in dims) or count > _MAX_ITEMS:
        raise Malformed(f"a tensor of shape {shape}")
    if kind == STRING:
        strings = message.every(8)
        if strings and len(strings) < count:
            strings += strings[-1:] * (count - len(strings))
        if len(strings) != count:
            raise Malformed(f"a tensor of shape {shape} has {len(strings)} strings")
        return Tensor(shape, None, strings)
    if kind not in _DTYPES:
        raise Malformed(f"tensors of type {kind} are not known")
    return Tensor(shape, _spread(_numbers(message, kind), shape, count))


def _numbers(message: Message, kind: int) -> NDArray[np.generic]:
    layout = _DTYPES[kind]
    content = message.data(4)
    if content:
        return _from_bytes(content, layout)
    if kind in _FIXED:
        field, size = _FIXED[kind]
        return _from_bytes(packed_fixed(message, field, size), layout)
    numbers = np.array(packed_varints(message, _VARINTS[kind]), np.uint64)
    if layout == "bf16":
        return (numbers.astype(np.uint32) << np.uint32(16)).view(np.float32)
    if layout == "<f2":
        return numbers.astype(np.uint16).view(np.float16)
    return numbers.astype(np.dtype(layout))


def _from_bytes(content: bytes, layout: str) -> NDArray[np.generic]:
    try:
        if layout == "bf16":
            halves = np.frombuffer(content, "<u2").astype(np.uint32)
            return (halves << np.uint32(16)).view(np.float32)
        return np.frombuffer(content, np.dtype(layout))
    except ValueError as error:
        raise Malformed(str(error)) from None


def _spread(
    numbers: NDArray[np.generic], shape: tuple[int, ...], count: int
) -> NDArray[np.generic]:
    """Give the numbers their shape; the last one stands for all that are left out."""
    if 0 < len(numbers) < count:
        numbers = np.concatenate([numbers, np.repeat(numbers[-1:], count - len(numbers))])
    if not len(numbers) and count:  # proto3 leaves out what is zero
        numbers = np.zeros(count, numbers.dtype)
    if len(numbers) != count:
        raise Malformed(f"a tensor of shape {shape} has {len(numbers)} numbers")
    return numbers.reshape(shape)
