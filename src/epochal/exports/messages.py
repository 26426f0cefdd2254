"""Protocol buffers, written: the few messages that event files need. Pure.

Format: protobuf.dev, "Encoding"; fields: TensorFlow, ``core/util/event.proto``,
``core/framework/summary.proto``, and TensorBoard, ``plugins/hparams/plugin_data.proto``.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping, Sequence
from typing import Final

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_STRING_TYPE: Final = 7
_MASK64: Final = (1 << 64) - 1


def varint(value: int) -> bytes:
    """An integer; negative ones in ten bytes."""
    value &= _MASK64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """A field with an integer."""
    return varint(field << 3 | VARINT) + varint(value)


def double(field: int, value: float) -> bytes:
    """A field with a double."""
    return varint(field << 3 | FIXED64) + struct.pack("<d", value)


def single(field: int, value: float) -> bytes:
    """A field with a 32-bit float."""
    return varint(field << 3 | FIXED32) + struct.pack("<f", value)


def data(field: int, value: bytes | str) -> bytes:
    """A field with bytes, a string or a message."""
    body = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return varint(field << 3 | BYTES) + varint(len(body)) + body


def packed(field: int, values: Sequence[float]) -> bytes:
    """A field with many doubles."""
    return data(field, struct.pack(f"<{len(values)}d", *values))


def event(wall_us: int, step: int, *values: bytes) -> bytes:
    """An event with values of a summary."""
    summary = b"".join(data(1, value) for value in values)
    return double(1, wall_us / 1e6) + number(2, step) + data(5, summary)


def version(wall_us: int) -> bytes:
    """The first event of a file."""
    return double(1, wall_us / 1e6) + data(3, "brain.Event:2")


def metadata(plugin: str, content: bytes = b"") -> bytes:
    """Which plugin of TensorBoard a value is for."""
    inner = data(1, plugin) + (data(2, content) if content else b"")
    return data(9, data(1, inner))


def image(tag: str, width: int, height: int, body: bytes) -> bytes:
    """A value with an encoded image."""
    inner = number(1, height) + number(2, width) + number(3, 4) + data(4, body)
    return data(1, tag) + data(4, inner)


def audio(tag: str, rate: float, channels: int, frames: int, body: bytes) -> bytes:
    """A value with a WAV file."""
    inner = single(1, rate) + number(2, channels) + number(3, frames)
    return data(1, tag) + data(6, inner + data(4, body) + data(5, "audio/wav"))


def histogram(
    tag: str,
    edges: Sequence[float],
    counts: Sequence[float],
    total: float | None = None,
    squares: float | None = None,
) -> bytes:
    """A value with a histogram.

    Args:
        tag: of the value.
        edges: of the bins, one more than ``counts``.
        counts: numbers in each bin.
        total: sum of the numbers; by default that of the middles of their bins.
        squares: sum of their squares; the same.
    """
    middles = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    pairs = list(zip(middles, counts, strict=True))
    total = sum(x * n for x, n in pairs) if total is None else total
    squares = sum(x * x * n for x, n in pairs) if squares is None else squares
    inner = double(1, edges[0]) + double(2, edges[-1]) + double(3, sum(counts))
    inner += double(4, total) + double(5, squares) + packed(6, edges[1:]) + packed(7, counts)
    return data(1, tag) + data(5, inner)


def text(tag: str, body: str) -> bytes:
    """A value with Markdown."""
    shape = data(2, number(1, 1))
    tensor = number(1, _STRING_TYPE) + data(2, shape) + data(8, body)
    return data(1, tag) + data(8, tensor) + metadata("text")


def session_start(config: Mapping[str, object], name: str, started_us: int) -> bytes:
    """A value with hyperparameters."""
    fields = b"".join(
        data(1, data(1, key) + data(2, _json_value(value))) for key, value in config.items()
    )
    inner = fields + data(4, name) + double(5, started_us / 1e6)
    content = number(1, 0) + data(3, inner)
    return data(1, "_hparams_/session_start_info") + metadata("hparams", content)


def session_end(status: int, ended_us: int) -> bytes:
    """A value with the end of a session: 1 success, 2 failure, 3 running."""
    inner = number(1, status) + double(2, ended_us / 1e6)
    content = number(1, 0) + data(4, inner)
    return data(1, "_hparams_/session_end_info") + metadata("hparams", content)


def _json_value(value: object) -> bytes:
    """``google.protobuf.Value``."""
    if isinstance(value, bool):
        return number(4, int(value))
    if isinstance(value, (int, float)):
        return double(2, float(value))
    return data(3, value if isinstance(value, str) else repr(value))
