"""Bytes sent to the client: whole, or the one range it asks for (RFC 9110).

What a browser gets is an attachment in a sandbox, of no type that it would run.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from litestar import Response
from litestar.response import Stream

from epochal.protocols.call import Call
from epochal.service.spans import read_range, send_span
from epochal.service.workers import Content

OCTETS: Final = "application/octet-stream"
SANDBOX: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"


def answer_bytes(data: bytes, name: str) -> Response[bytes]:
    """Bytes that were made for this answer, whole; ranges of them there are none."""
    return Response(data, headers=_headers(name), media_type=OCTETS)


def answer(call: Call, content: Content) -> Response[Any]:
    """The bytes of a content, or the range of them that the request names."""
    headers = _headers(content.name)
    headers |= {"etag": f'"{content.digest}"', "accept-ranges": "bytes"}
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
        send_span(call.scope, content.path, start, end),
        status_code=206 if found else 200,
        headers=headers,
        media_type=OCTETS,
    )


def _headers(path: str) -> dict[str, str]:
    name = quote(path.rpartition("/")[2], safe="")
    return {
        "content-disposition": f"attachment; filename*=UTF-8''{name}",
        "content-security-policy": SANDBOX,
    }
