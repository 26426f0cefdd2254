"""Real connections of the server around a test's application; clients that mind each byte."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import uvicorn
from uvicorn.server import ServerState

from epochal.server.asgi import Receive, Scope, Send
from epochal.server.bodies import LARGE
from epochal.server.connection import with_header_timeout

SECONDS = 30.0
BODY = os.urandom(3 * LARGE + 7)


class Application(Protocol):
    """What answers; where it listens, and how long a connection may rest."""

    port: int
    rest: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""


async def answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


@asynccontextmanager
async def listening(app: Application) -> AsyncIterator[None]:
    """The application behind real connections."""
    config = uvicorn.Config(
        app, ws="none", lifespan="off", log_config=None, timeout_keep_alive=app.rest
    )
    state = ServerState()
    protocol = with_header_timeout(SECONDS)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
    app.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()


class Peer:
    """A client that minds what it sends, and when."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def hear(self) -> tuple[int, bytes]:
        """Status and body of an answer."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return int(head.split(b" ")[1]), await self.reader.readexactly(size)


@asynccontextmanager
async def talking(app: Application) -> AsyncIterator[Peer]:
    peer = Peer(*await asyncio.open_connection("127.0.0.1", app.port))
    try:
        yield peer
    finally:
        peer.writer.close()


def head(size: int, *more: bytes) -> bytes:
    lines = [b"PUT /x HTTP/1.1", b"host: localhost", b"content-length: %d" % size, *more]
    return b"\r\n".join([*lines, b"", b""])


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
