"""Bytes sent to the client: whole, or the one range it asks for (RFC 9110).

What a browser gets is an attachment in a sandbox, of no type that it would run.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from litestar import Response
from litestar.response import Stream

from epochal.protocols import Call
from epochal.service.workers import Content

PIECE: Final = 1024 * 1024
OCTETS: Final = "application/octet-stream"
SANDBOX: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def answer(call: Call, content: Content) -> Response[Any]:
    """The bytes of a content, or the range of them that the request names."""
    name = content.name.rpartition("/")[2]
    headers = {
        "etag": f'"{content.digest}"',
        "accept-ranges": "bytes",
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "content-security-policy": SANDBOX,
    }
    asked = call.headers.get("range")
    found = read_range(asked, content.size) if asked else None
    if found == ():
        headers["content-range"] = f"bytes */{content.size}"
        return Response(b"", status_code=416, headers=headers, media_type=OCTETS)
    start, end = found or (0, content.size)
    if found:
        headers["content-range"] = f"bytes {start}-{end - 1}/{content.size}"
    headers["content-length"] = str(end - start)
    return Stream(
        pieces(content.path, start, end),
        status_code=206 if found else 200,
        headers=headers,
        media_type=OCTETS,
    )


def read_range(text: str, size: int) -> tuple[int, int] | tuple[()] | None:
    """First byte and the one after the last; empty when there is none, None for the whole."""
    match = _RANGE.fullmatch(text.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        end = min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    return (start, end) if start < end else ()


async def pieces(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes of a file, read in threads."""
    descriptor = await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while start < end:
            piece = await asyncio.to_thread(os.pread, descriptor, min(PIECE, end - start), start)
            if not piece:
                return  # shorter than promised: the connection ends, the client sees it
            start += len(piece)
            yield piece
    finally:
        os.close(descriptor)
