"""The bytes of a journal: a 64-byte file header, then 8-aligned frames.

A frame is ``[u32 length][u32 crc32 of the payload][payload][zeros to a multiple of 8]``,
little-endian. A length of zero means that nothing was written there yet. The writer puts the
payload first and the 8 header bytes last, so a frame that can be seen is whole or, after a crash,
fails its checksum.
"""

from __future__ import annotations

import struct
import zlib

import msgspec

from epochal.errors import CorruptFile, NewerFormat

MAGIC = b"EPOCHALJ"
FORMAT_VERSION = 1
FILE_HEADER_SIZE = 64
FRAME_HEADER_SIZE = 8
MAX_PAYLOAD = 64 * 1024 * 1024
SUFFIX = ".ej"

_FILE_HEADER = struct.Struct("<8sHHI16s16sQ8x")
_FRAME_HEADER = struct.Struct("<II")


class FileHeader(msgspec.Struct, frozen=True):
    """The first 64 bytes of a journal. ``run`` and ``writer`` are 32 hex digits each."""

    run: str
    writer: str
    created_us: int
    version: int = FORMAT_VERSION


def pack_file_header(header: FileHeader) -> bytes:
    """The 64 bytes that open a journal."""
    return _FILE_HEADER.pack(
        MAGIC,
        header.version,
        0,
        FILE_HEADER_SIZE,
        bytes.fromhex(header.run),
        bytes.fromhex(header.writer),
        header.created_us,
    )


def unpack_file_header(data: bytes, path: object) -> FileHeader:
    """Read the 64 opening bytes.

    Args:
        data: at least the first 64 bytes of the file.
        path: only for messages.

    Raises:
        CorruptFile: too short, or no journal.
        NewerFormat: the file needs a newer Epochal.
    """
    if len(data) < FILE_HEADER_SIZE:
        raise CorruptFile(
            path, f"a journal has at least {FILE_HEADER_SIZE} bytes, this has {len(data)}"
        )
    magic, version, _flags, _size, run, writer, created_us = _FILE_HEADER.unpack_from(data)
    if magic != MAGIC:
        raise CorruptFile(path, f"a journal starts with {MAGIC!r}, this starts with {magic!r}")
    if version > FORMAT_VERSION:
        raise NewerFormat(
            f"{path} has journal format {version}, this Epochal reads up to "
            f"{FORMAT_VERSION}; upgrade epochal"
        )
    return FileHeader(run=run.hex(), writer=writer.hex(), created_us=created_us, version=version)


def pack_frame(payload: bytes) -> bytes:
    """One frame, padded to a multiple of 8 bytes."""
    length = len(payload)
    return _FRAME_HEADER.pack(length, zlib.crc32(payload)) + payload + b"\0" * (-length & 7)


class Scan(msgspec.Struct, frozen=True):
    """What a stretch of journal bytes holds.

    ``payloads`` are in order; ``end`` is the offset within the buffer after the last good frame;
    ``damaged`` counts frames that
    failed their checksum but were followed by a good one, so they could be stepped over.
    """

    payloads: list[bytes]
    end: int
    damaged: int


def _frame_at(buffer: bytes, position: int, size: int) -> bytes | None:
    """The payload of the frame at ``position``, or None when there is no good frame."""
    if position + FRAME_HEADER_SIZE > size:
        return None
    length, checksum = _FRAME_HEADER.unpack_from(buffer, position)
    start = position + FRAME_HEADER_SIZE
    if length == 0 or length > MAX_PAYLOAD or start + length > size:
        return None
    payload = buffer[start : start + length]
    return payload if zlib.crc32(payload) == checksum else None


def scan_frames(buffer: bytes, position: int = 0, max_payload_bytes: int | None = None) -> Scan:
    """Read frames until the data, its whole frames, or ``max_payload_bytes`` end.

    Args:
        buffer: journal bytes; ``position`` must be the start of a frame.
        position: where to begin.
        max_payload_bytes: stop after the frame that reaches this many payload bytes.
    """
    payloads: list[bytes] = []
    append = payloads.append
    unpack = _FRAME_HEADER.unpack_from
    crc32 = zlib.crc32
    size = len(buffer)
    last = size - FRAME_HEADER_SIZE
    damaged = 0
    budget = max_payload_bytes if max_payload_bytes is not None else size + 1
    while position <= last and budget > 0:
        length, checksum = unpack(buffer, position)
        if length == 0:
            break
        start = position + 8
        end = start + length
        following = end + (-length & 7)
        if length > MAX_PAYLOAD or following > size:
            break
        payload = buffer[start:end]
        if crc32(payload) != checksum:
            if _frame_at(buffer, following, size) is None:
                break
            damaged += 1
        else:
            append(payload)
            budget -= length
        position = following
    return Scan(payloads=payloads, end=position, damaged=damaged)
