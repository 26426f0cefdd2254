"""Which bytes of a content a client asks for (RFC 9110, Range), and those bytes in pieces."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

SEND: Final = "epochal.send"
"""The name under which a request offers to send parts of files, among the extensions of ASGI."""
Sending: TypeAlias = Callable[[Path, int, int], Awaitable[int]]
"""Sends the part of a file that a head announced, by a thread; how far it came."""

PIECE: Final = 1024 * 1024
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


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


async def send_span(
    scope: Mapping[str, Any], path: Path, start: int, end: int
) -> AsyncIterator[bytes]:
    """The bytes of a file from ``start`` to ``end``, as the body of an answer.

    Most of them never come by here, where the server has a better way for large parts.

    Args:
        scope: the request. The head of its answer, which tells the length, was sent.
        path: the file.
        start: first byte.
        end: the one after the last.
    """
    sending: Sending | None = (scope.get("extensions") or {}).get(SEND)
    if sending is not None:
        start = await sending(path, start, end)
    async for piece in read_span(path, start, end):
        yield piece


async def read_span(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes of a file from ``start`` to ``end``, at most a MiB at once, read in threads."""
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
