from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from epochal.server.packing import LEAST, Packing
from tests.server.door import Door

GZIP = [(b"accept-encoding", b"gzip, deflate, br")]


def answer(
    *parts: bytes, kind: bytes = b"application/json", accepts: Any = GZIP, more: Any = ()
) -> tuple[dict[bytes, bytes], list[bytes]]:
    """Headers and body messages of an application that sends these parts."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        length = str(sum(map(len, parts))).encode()
        headers = [(b"content-type", kind), (b"content-length", length), *more]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for at, part in enumerate(parts):
            await send(
                {"type": "http.response.body", "body": part, "more_body": at + 1 < len(parts)}
            )

    async def keep(message: Any) -> None:
        sent.append(message)

    async def never() -> Any:
        raise AssertionError

    asyncio.run(Packing(app)({"type": "http", "headers": accepts}, never, keep))
    return dict(sent[0]["headers"]), [message["body"] for message in sent[1:]]


@pytest.mark.parametrize("kind", [b"application/json", b"application/vnd.epochal.columns"])
def test_a_large_answer_travels_packed(kind: bytes) -> None:
    """What comes out of gzip is what the application said, and the length is that of the wire."""
    body = b'{"a": 1, "b": [2, 3]}' * 1000
    headers, parts = answer(body, kind=kind)
    assert headers[b"content-encoding"] == b"gzip"
    assert headers[b"vary"] == b"accept-encoding"
    assert int(headers[b"content-length"]) == len(parts[0]) < len(body) / 10
    assert gzip.decompress(parts[0]) == body


@pytest.mark.parametrize(
    "parts,options",
    [
        ((b"x" * (LEAST - 1),), {}),
        ((b"x" * 9000,), {"accepts": []}),
        ((b"x" * 9000,), {"accepts": [(b"accept-encoding", b"br, gzip;q=0")]}),
        ((b"x" * 9000,), {"accepts": [(b"accept-encoding", b"gzip;q=0.0, xgzip")]}),
        ((b"x" * 9000,), {"kind": b"text/event-stream"}),
        ((b"x" * 9000,), {"kind": b"text/javascript"}),
        ((b"x" * 9000,), {"more": [(b"content-encoding", b"br")]}),
        ((b"x" * 9000,), {"more": [(b"cache-control", b"no-store, no-transform")]}),
        ((b"x" * 9000, b"y" * 9000), {}),
    ],
    ids=[
        "small",
        "no-wish",
        "refused",
        "zero",
        "stream",
        "page",
        "packed-already",
        "fixed",
        "in-parts",
    ],
)
def test_everything_else_passes_untouched(
    parts: tuple[bytes, ...], options: dict[str, Any]
) -> None:
    """Small answers, streams, parts, other kinds, and callers who do not want gzip."""
    headers, sent = answer(*parts, **options)
    assert headers.get(b"content-encoding") in (None, b"br")
    assert tuple(sent) == parts
    assert int(headers[b"content-length"]) == sum(map(len, parts))


def test_the_server_packs_for_those_who_ask(door: Door) -> None:
    """The whole application, from the outside; the headers that protect the page stay."""
    plain = door.ask("GET", "/api/v1/openapi.json")
    packed = door.ask("GET", "/api/v1/openapi.json", headers={"accept-encoding": "gzip"})
    assert plain.header("content-encoding") is None
    assert packed.header("content-encoding") == "gzip"
    assert packed.header("x-content-type-options") == "nosniff"
    assert packed.header("cache-control") == "no-store"
    assert json.loads(gzip.decompress(packed.body)) == plain.json()
