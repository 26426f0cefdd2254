"""Answers travel packed to those who accept gzip: JSON and columns, when that saves anything.

An answer given in one piece and as large as ``LEAST`` or more is packed in a thread, so that the
event loop goes on. Streams, small answers and what is packed already (the page) pass untouched.
Other sites cannot make requests at all, so nobody can guess at a secret by how short an answer
that repeats the guess becomes (the BREACH attack).
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

from epochal.server.asgi import Application, Headers, Message, Receive, Scope, Send

LEAST: Final = 2048
LEVEL: Final = 2
"""For columns of floats as small as the highest level, in half of its time."""
TYPES: Final = (b"application/json", b"application/vnd.epochal.columns")
GZIP_WINDOW: Final = 31


class Packing:
    """Packs the answers of an application.

    Args:
        app: what answers.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of ASGI."""
        if scope["type"] != "http" or not accepts_gzip(scope["headers"]):
            await self._app(scope, receive, send)
            return
        head: Message | None = None

        async def packed(message: Message) -> None:
            nonlocal head
            if message["type"] == "http.response.start" and is_packable(message["headers"]):
                head = message
                return
            if head is not None:
                body = message.get("body", b"")
                if not message.get("more_body", False) and len(body) >= LEAST:
                    body = await asyncio.to_thread(pack, body)
                    head = dict(head, headers=packed_headers(head["headers"], len(body)))
                    message = dict(message, body=body)
                await send(head)
                head = None
            await send(message)

        await self._app(scope, receive, packed)


def pack(body: bytes) -> bytes:
    """The gzip form of ``body``."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return packer.compress(body) + packer.flush()


def accepts_gzip(headers: Headers) -> bool:
    """Whether the caller takes gzip; ``gzip;q=0`` says that it does not."""
    for name, value in headers:
        if name != b"accept-encoding":
            continue
        for entry in value.lower().replace(b" ", b"").split(b","):
            coding, _, weight = entry.partition(b";q=")
            if coding == b"gzip":
                return weight == b"" or weight.strip(b"0.") != b""
    return False


def is_packable(headers: Headers) -> bool:
    """Whether an answer with these headers is of a kind that packing makes smaller."""
    named = {name.lower(): value for name, value in headers}
    kind = named.get(b"content-type", b"").split(b";")[0].strip()
    fixed = b"no-transform" in named.get(b"cache-control", b"")
    return kind in TYPES and b"content-encoding" not in named and not fixed


def packed_headers(headers: Headers, length: int) -> Headers:
    """The headers of the packed answer."""
    kept = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    return [
        *kept,
        (b"content-encoding", b"gzip"),
        (b"content-length", str(length).encode()),
        (b"vary", b"accept-encoding"),
    ]
