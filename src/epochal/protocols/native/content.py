"""Bytes that users stored, served so that no browser runs them as our page.

Promises: the type comes from a short list of ours, never from the client alone; what could hold
script is an attachment, or with ``view=frame`` a document in a sandbox without our origin; every
answer says ``nosniff`` and has a policy of its own. Ranges follow RFC 9110: one range gives 206,
several or unreadable ones the whole, one past the end 416.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

import msgspec
from litestar import Response
from litestar.response import Stream

from epochal.domain.artifact import MANIFEST_TYPE
from epochal.errors import InvalidInput
from epochal.protocols.call import Call
from epochal.service.spans import read_range, send_span
from epochal.service.workers import Content

OCTETS: Final = "application/octet-stream"
PLAIN: Final = "text/plain"
HTML: Final = "text/html"
PARCEL: Final = "application/vnd.epochal.parcel"
FRAME: Final = "frame"
_TEXTS: Final = (
    "txt", "log", "csv", "tsv", "json", "jsonl", "yaml", "yml", "toml", "ini", "md", "py", "sh",
    "cfg", "rst",
)  # fmt: skip
TYPES: Final[dict[str, str]] = {
    "png": "image/png", "apng": "image/apng", "jpg": "image/jpeg", "jpeg": "image/jpeg",
    "gif": "image/gif", "webp": "image/webp", "avif": "image/avif", "bmp": "image/bmp",
    "svg": "image/svg+xml", "wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg",
    "flac": "audio/flac", "m4a": "audio/mp4", "mp4": "video/mp4", "webm": "video/webm",
    "glb": "model/gltf-binary", "html": HTML, "htm": HTML,
    **dict.fromkeys(_TEXTS, PLAIN),
}  # fmt: skip
"""Media types by a path's ending; the only ones that are ever sent."""
_RECORDED: Final = frozenset({*TYPES.values(), MANIFEST_TYPE, "application/x-npy"}) - {PLAIN}
_INLINE: Final = ("image/", "audio/", "video/")
_SVG: Final = "image/svg+xml"

SANDBOX: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"
FRAME_SANDBOX: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data: blob:; "
    "frame-ancestors 'self'"
)
FOREVER: Final = "private, max-age=31536000, immutable"
ASK: Final = "private, no-cache"

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._ -]")


def answer(call: Call, content: Content, view: str | None, *, cache: str = ASK) -> Response[Any]:
    """The bytes of a content, or the part of them that the request asks for.

    Args:
        call: the request.
        content: what to send.
        view: ``frame`` for HTML that is shown in a sandboxed frame.
        cache: the Cache-Control header.

    Raises:
        InvalidInput: an unknown ``view``.
    """
    if view not in (None, "", FRAME):
        raise InvalidInput(f"view must be {FRAME!r} or left out, got {view!r:.80}")
    etag = f'"{content.digest}"'
    headers = {"etag": etag, "accept-ranges": "bytes", "cache-control": cache}
    headers |= safety(content, framed=view == FRAME)
    media_type = headers.pop("content-type")
    if _matches(call.headers.get("if-none-match"), etag):
        return Response(b"", status_code=304, headers=headers, media_type=media_type)
    asked = call.headers.get("range")
    if_range = call.headers.get("if-range")
    if asked is None or (if_range is not None and if_range.strip() != etag):
        found = None
    else:
        found = read_range(asked, content.size)
        if found == ():
            return _unsatisfiable(content.size)
    start, end = found or (0, content.size)
    status = 200
    if found:
        status = 206
        headers["content-range"] = f"bytes {start}-{end - 1}/{content.size}"
    headers["content-length"] = str(end - start)
    return Stream(
        send_span(call.scope, content.path, start, end), status_code=status, headers=headers,
        media_type=media_type,
    )  # fmt: skip


def utf8(raw: bytes) -> str:
    """Percent-encoded text, decoded once; the web library would replace what is not UTF-8.

    Raises:
        InvalidInput: it is not UTF-8.
    """
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"the path is not UTF-8: {error.reason} at byte {error.start}"
        ) from None


def safety(content: Content, *, framed: bool) -> dict[str, str]:
    """Type, disposition and policy of an answer with these bytes."""
    kind = media_type(content)
    if framed and kind == HTML:
        return {
            "content-type": HTML,
            "content-disposition": disposition("inline", content.name),
            "content-security-policy": FRAME_SANDBOX,
            "x-frame-options": "SAMEORIGIN",
        }
    inline = kind.startswith(_INLINE) and kind != _SVG
    return {
        "content-type": OCTETS if kind == HTML else kind,
        "content-disposition": disposition("inline" if inline else "attachment", content.name),
        "content-security-policy": SANDBOX,
    }


def media_type(content: Content) -> str:
    """The type of our own list: by the recorded one, else by the name's ending."""
    recorded = content.type.partition(";")[0].strip().lower()
    if recorded in _RECORDED:
        return recorded
    if recorded.startswith("text/") or recorded in ("application/json", "application/x-ndjson"):
        return PLAIN
    return TYPES.get(content.name.rpartition(".")[2].lower(), OCTETS)


def disposition(kind: str, path: str) -> str:
    """The Content-Disposition header (RFC 6266) for the last part of a path."""
    name = path.rpartition("/")[2]
    plain = _UNSAFE.sub("_", name)[:200] or "file"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name[:200], safe='')}"


def _matches(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    return any(item.strip().removeprefix("W/") in (etag, "*") for item in header.split(","))


def _unsatisfiable(size: int) -> Response[bytes]:
    error = {
        "code": "invalid_input",
        "message": f"the range begins after the last of {size} bytes",
    }
    return Response(
        msgspec.json.encode({"error": error}), status_code=416, media_type="application/json",
        headers={"content-range": f"bytes */{size}"},
    )  # fmt: skip
