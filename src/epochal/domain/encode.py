"""From raw arrays to files that a browser shows: PNG, APNG, WAV, with the standard library only.

Pure functions of their bytes. A spool file's name ends in ``-<encoding>``, and the encoding is a
name of `ENCODINGS` with a parameter behind a dot: ``image.png``, ``video.4`` (frames per second),
``audio.16000`` (samples per second), ``copy.jpg`` (a file's suffix).

An array starts with `pack_array`'s header: ``EPRAW1``, the number of its dimensions, bytes per
item, then the dimensions as u32, little-endian; its items follow in C order.

Formats: PNG, third edition (W3C, 2025), which APNG is part of; RIFF WAVE.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from epochal.errors import InvalidInput

MAGIC = b"EPRAW1"
STRIPE = 1024 * 1024
PROBE = 64 * 1024
LEVEL = 6
QUICK_LEVEL = 1

TYPES = {
    "png": "image/png",
    "apng": "image/apng",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "svg": "image/svg+xml",
    "bmp": "image/bmp",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "html": "text/html",
    "txt": "text/plain",
    "md": "text/markdown",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "glb": "model/gltf-binary",
    "gltf": "model/gltf+json",
    "obj": "model/obj",
    "stl": "model/stl",
    "ply": "model/ply",
    "f32": "application/octet-stream",
    "bin": "application/octet-stream",
}
"""Media types by suffix."""
_SUFFIXES = {kind: suffix for suffix, kind in reversed(TYPES.items())}

_COLORS = {1: 0, 2: 4, 3: 2, 4: 6}  # channels to PNG's color type
_PNG = b"\x89PNG\r\n\x1a\n"


class Encoded(NamedTuple):
    """A finished file and its media type."""

    data: bytes
    type: str


def type_of(suffix: str) -> str:
    """The media type for a file's suffix, with or without its dot."""
    return TYPES.get(suffix.lower().lstrip("."), TYPES["bin"])


def suffix_of(type: str) -> str:
    """The usual suffix of a file of a media type, without a dot."""
    return _SUFFIXES.get(type, "bin")


def pack_array(shape: tuple[int, ...], item_size: int) -> bytes:
    """The header that stands before an array's items in a spool file."""
    return MAGIC + struct.pack(f"<BB{len(shape)}I", len(shape), item_size, *shape)


def unpack_array(data: bytes) -> tuple[tuple[int, ...], int, memoryview]:
    """Shape, bytes per item and the items.

    Raises:
        InvalidInput: the bytes are no such array, or too short for their shape.
    """
    if data[: len(MAGIC)] != MAGIC or len(data) < 8:
        raise InvalidInput("this is no array of a spool")
    dimensions, item_size = data[6], data[7]
    start = 8 + 4 * dimensions
    if len(data) < start:
        raise InvalidInput("the array of a spool is cut off")
    shape = struct.unpack_from(f"<{dimensions}I", data, 8)
    size = item_size
    for length in shape:
        size *= length
    items = memoryview(data)[start:]
    if len(items) != size:
        raise InvalidInput(f"an array of shape {shape} has {size} bytes, here are {len(items)}")
    return shape, item_size, items


def encode(encoding: str, data: bytes, *, quick: bool = False) -> Encoded:
    """Turn a spool file into what is stored.

    Args:
        encoding: name and parameter, as in the spool file's name.
        data: the file.
        quick: compress less, because many wait.

    Raises:
        InvalidInput: an unknown encoding, or bytes that are not what it says.
    """
    name, _, parameter = encoding.partition(".")
    encoder = ENCODINGS.get(name)
    if encoder is None:
        raise InvalidInput(
            f"the encoding {name!r:.40} is not known; expected one of {', '.join(ENCODINGS)}"
        )
    return encoder(data, parameter, quick)


def encode_image(data: bytes, parameter: str = "png", quick: bool = False) -> Encoded:
    """PNG of an array (height, width, channels) of 1 to 4 channels, 8 or 16 bits each."""
    del parameter
    shape, depth, pixels = unpack_array(data)
    if len(shape) != 3 or shape[2] not in _COLORS or depth not in (1, 2) or 0 in shape:
        raise InvalidInput(f"an image has the shape (height, width, 1..4), got {shape}")
    height, width, channels = shape
    if depth == 2:
        pixels = _swapped(pixels)
    body = _deflate(pixels, width * channels * depth, channels * depth, quick)
    head = struct.pack(">IIBBBBB", width, height, 8 * depth, _COLORS[channels], 0, 0, 0)
    png = [_PNG, _chunk(b"IHDR", head), _chunk(b"IDAT", body), _chunk(b"IEND", b"")]
    return Encoded(b"".join(png), TYPES["png"])


def encode_video(data: bytes, parameter: str = "4", quick: bool = False) -> Encoded:
    """APNG of an array (frames, height, width, channels) of bytes; plays for ever."""
    shape, depth, pixels = unpack_array(data)
    if len(shape) != 4 or shape[3] not in _COLORS or depth != 1 or 0 in shape:
        raise InvalidInput(f"a video has the shape (frames, height, width, 1..4), got {shape}")
    frames, height, width, channels = shape
    delay = struct.pack(">HH", 1000, max(1, min(65535, round(1000 * float(parameter or 4)))))
    head = struct.pack(">IIBBBBB", width, height, 8, _COLORS[channels], 0, 0, 0)
    out = [_PNG, _chunk(b"IHDR", head), _chunk(b"acTL", struct.pack(">II", frames, 0))]
    size = height * width * channels
    sequence = 0
    for number in range(frames):
        control = struct.pack(">IIIII", sequence, width, height, 0, 0) + delay + b"\0\0"
        out.append(_chunk(b"fcTL", control))
        sequence += 1
        frame = pixels[number * size : (number + 1) * size]
        body = _deflate(frame, width * channels, channels, quick)
        if number == 0:
            out.append(_chunk(b"IDAT", body))
        else:
            out.append(_chunk(b"fdAT", struct.pack(">I", sequence) + body))
            sequence += 1
    out.append(_chunk(b"IEND", b""))
    return Encoded(b"".join(out), TYPES["apng"])


def encode_audio(data: bytes, parameter: str, quick: bool = False) -> Encoded:
    """WAV of an array (frames, channels) of signed 16-bit samples."""
    del quick
    shape, depth, samples = unpack_array(data)
    if len(shape) != 2 or depth != 2 or not 1 <= shape[1] <= 255:
        raise InvalidInput(f"audio has the shape (frames, channels) of 16-bit, got {shape}")
    rate, channels = int(parameter), shape[1]
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(samples))
    return Encoded(
        b"RIFF" + struct.pack("<I", len(body) + len(samples)) + body + samples, TYPES["wav"]
    )


def encode_copy(data: bytes, parameter: str, quick: bool = False) -> Encoded:
    """The bytes as they are."""
    del quick
    return Encoded(data, type_of(parameter))


ENCODINGS: dict[str, Callable[[bytes, str, bool], Encoded]] = {
    "image": encode_image,
    "video": encode_video,
    "audio": encode_audio,
    "copy": encode_copy,
}
"""From a spool file's bytes and the encoding's parameter to what is stored."""


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def _deflate(pixels: memoryview, stride: int, pixel: int, quick: bool) -> bytes:
    """PNG's filtered and compressed rows.

    Args:
        pixels: the rows.
        stride: bytes per row.
        pixel: bytes per pixel.
        quick: compress less.
    """
    choice = 2 if quick else _best_filter(pixels, stride, pixel)
    compressor = zlib.compressobj(QUICK_LEVEL if quick else LEVEL)
    parts = [compressor.compress(rows) for rows in _filtered(pixels, stride, pixel, choice)]
    return b"".join(parts) + compressor.flush()


def _best_filter(pixels: memoryview, stride: int, pixel: int) -> int:
    """The filter that makes a stripe from the middle smallest: 0 none, 1 left, 2 above."""
    rows = len(pixels) // stride
    take = max(1, min(rows, PROBE // stride))
    first = (rows - take) // 2 * stride
    probe = pixels[first : first + take * stride]
    sizes = [
        sum(len(zlib.compress(part, 1)) for part in _filtered(probe, stride, pixel, kind))
        for kind in (0, 1, 2)
    ]
    return sizes.index(min(sizes))


def _filtered(pixels: memoryview, stride: int, pixel: int, kind: int) -> Iterator[bytes]:
    """Rows with their filter byte before each, in stripes, so that no step holds long."""
    rows = len(pixels) // stride
    many = max(1, STRIPE // stride)
    mark = bytes([kind])
    for start in range(0, rows, many):
        part = bytes(pixels[start * stride : (start + many) * stride])
        if kind == 1:
            part = _minus_left(part, stride, pixel)
        elif kind == 2:
            above = (
                bytes(pixels[(start - 1) * stride : start * stride]) if start else bytes(stride)
            )
            part = _minus(part, above + part[: len(part) - stride])
        yield b"".join(
            mark + part[offset : offset + stride] for offset in range(0, len(part), stride)
        )


def _minus_left(part: bytes, stride: int, pixel: int) -> bytes:
    """Each byte minus that of the pixel to its left; rows begin with themselves."""
    zero = bytes(pixel)
    left = b"".join(
        zero + part[offset : offset + stride - pixel] for offset in range(0, len(part), stride)
    )
    return _minus(part, left)


def _minus(first: bytes, second: bytes) -> bytes:
    """``first - second`` byte by byte, modulo 256.

    As one subtraction of long numbers: the top bit of every byte is set before, so that no byte
    borrows from its neighbor, and put right afterwards.
    """
    size = len(first)
    high = int.from_bytes(b"\x80" * size, "little")
    a, b = int.from_bytes(first, "little"), int.from_bytes(second, "little")
    difference = ((a | high) - (b & ~high)) ^ ((a ^ ~b) & high)
    return difference.to_bytes(size, "little")


def _swapped(pixels: memoryview) -> memoryview:
    """16-bit items with the high byte first, as PNG wants them."""
    data = bytearray(len(pixels))
    data[0::2], data[1::2] = pixels[1::2], pixels[0::2]
    return memoryview(data)
