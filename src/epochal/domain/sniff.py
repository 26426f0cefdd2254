"""What an image file is, from its first bytes: suffix, width and height. Pure."""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

HEAD = 65_536
_SVG = re.compile(rb"<svg\b", re.IGNORECASE)


class Sniffed(NamedTuple):
    """A known image format; width and height in pixels where they can be read."""

    suffix: str
    width: int | None = None
    height: int | None = None


def sniff_image(head: bytes) -> Sniffed | None:
    """The format of an image file.

    Args:
        head: its first bytes, `HEAD` of them where there are so many.

    Returns:
        None when it is no PNG, JPEG, GIF, WebP, BMP or SVG.
    """
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Sniffed("png", *_unpack(">II", head, 16))
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return Sniffed("gif", *_unpack("<HH", head, 6))
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp(head)
    if head.startswith(b"BM") and len(head) >= 26:
        width, height = struct.unpack_from("<ii", head, 18)
        return Sniffed("bmp", width, abs(height))
    if _SVG.search(head[:4096]):
        return Sniffed("svg")
    return None


def _unpack(form: str, head: bytes, offset: int) -> tuple[int | None, int | None]:
    if len(head) < offset + struct.calcsize(form):
        return None, None
    width, height = struct.unpack_from(form, head, offset)
    return width, height


def _jpeg(head: bytes) -> Sniffed:
    """Walk the segments to the frame header (ITU-T T.81, B.2.2)."""
    position = 2
    while position + 9 <= len(head) and head[position] == 0xFF:
        marker = head[position + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, position + 5)
            return Sniffed("jpg", width, height)
        position += 2 + int(struct.unpack_from(">H", head, position + 2)[0])
    return Sniffed("jpg")


def _webp(head: bytes) -> Sniffed:
    """The three forms of the first chunk (RFC 9649)."""
    kind = head[12:16]
    if kind == b"VP8X" and len(head) >= 30:
        width = int.from_bytes(head[24:27], "little") + 1
        return Sniffed("webp", width, int.from_bytes(head[27:30], "little") + 1)
    if kind == b"VP8 " and len(head) >= 30:
        width, height = struct.unpack_from("<HH", head, 26)
        return Sniffed("webp", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L" and len(head) >= 25:
        bits = int.from_bytes(head[21:25], "little")
        return Sniffed("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    return Sniffed("webp")
