"""What a request must look like before anything else reads it, and the headers on every answer.

Loopback is no trust boundary: any web page can make the browser beside us send requests here. So
each request needs exactly one Host header that names this server, an Origin (when there is one)
that is this very server, and a fetch site that is no other site; the User-Agent, X-Forwarded-* and
method-override headers are never read. No answer carries a CORS header. There are no web sockets;
a handshake is closed before it is accepted.

Pages under ``/embed/`` may stand in a frame of loopback and of the sites that the settings name.
They only show: no page that can change anything may be framed by anybody (decision 24).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from itertools import chain
from typing import Final, TypeAlias

from epochal.errors import (
    EpochalError,
    InvalidInput,
    MethodNotAllowed,
    PermissionDenied,
    UnsupportedMediaType,
)
from epochal.server.asgi import Application, Headers, Message, Receive, Scope, Send
from epochal.server.errors import send_error
from epochal.server.settings import Settings, is_loopback, split_public_url

_POLICY: Final = (
    b"default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; "
)
_LOOPBACK_FRAMES: Final = tuple(
    f"{scheme}://{host}:*" for scheme in ("http", "https") for host in ("localhost", "127.0.0.1")
)
HEADERS: Final[Headers] = [
    (b"content-security-policy", _POLICY + b"form-action 'self'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
EMBED_PATH: Final = "/embed/"
HEALTH_PATH: Final = "/healthz"
MAX_HEADER_BYTES: Final = 65_536

MOST_SEEN: Final = 512
SHORT_HEADERS: Final = 2_048
"""Bytes; longer headers are looked at every time."""
Seen: TypeAlias = tuple[str, str, tuple[tuple[bytes, bytes], ...]]

_API: Final = "/api/"
_SAFE: Final = frozenset({"GET", "HEAD"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_JSON_METHODS: Final = frozenset({"POST", "PATCH"})
_LOOPBACK_HOST: Final = re.compile(rb"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")
_IP_HOST: Final = re.compile(rb"(?:([0-9.]{7,15})|\[([0-9a-f:.]{2,45})\])(?::[0-9]{1,5})?")
_OWN_SITES: Final = frozenset({b"same-origin", b"none"})
_DOCUMENTS: Final = frozenset({b"document", b""})
_EMBEDS: Final = _DOCUMENTS | {b"iframe", b"frame"}
DATA_PATHS: Final = (
    "/api/", "/ajax-api/", "/static/", "/login", "/version", "/health", "/graphql", "/files/",
    "/artifacts", "/get-artifact", "/model-versions/", "/sdk/", "/v1/traces", "/gateway",
    "/endpoints/",
)  # fmt: skip
"""Where programs ask; everywhere else is the page's."""
_DEAF_PATHS: Final = ("/sdk/", "/v1/traces", "/gateway")
"""Where nothing is read, whatever comes: telemetry, traces and gateways, which are not offered."""


class Security:
    """The outermost layer of the application.

    Args:
        app: what gets the requests that pass.
        settings: which hosts are ours.
    """

    def __init__(self, app: Application, settings: Settings) -> None:
        self._app = app
        self._public = split_public_url(settings.public_url) if settings.public_url else None
        self._any_address = not is_loopback(settings.host)
        self._embed_headers = embed_headers(settings.embed_origins)
        self._passed: set[Seen] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of ASGI."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "no web sockets here"})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_embed = scope["path"].startswith(EMBED_PATH)
        guarded = _with_headers(send, self._embed_headers if is_embed else HEADERS)
        try:
            self._check_once(scope)
        except EpochalError as error:
            await send_error(guarded, error, scope["path"], close=True)
            return
        if scope["method"] == "HEAD":
            get = dict(scope, method="GET", extensions={})
            await self._app(get, *_bodiless(receive, guarded))
            return
        await self._app(scope, receive, guarded)

    def _check_once(self, scope: Scope) -> None:
        """`_check`, but for calls of the API whose method and headers passed before.

        A script sends the same headers a thousand times, and for these paths they alone decide.
        """
        if not scope["path"].startswith(_API) or scope["path"].startswith(_DEAF_PATHS):
            self._check(scope)
            return
        seen = scope["method"], scope.get("scheme", "http"), tuple(scope["headers"])
        if seen in self._passed:
            return
        self._check(scope)
        if len(self._passed) >= MOST_SEEN:
            self._passed.clear()
        if sum(map(len, chain.from_iterable(seen[2]))) <= SHORT_HEADERS:
            self._passed.add(seen)

    def _check(self, scope: Scope) -> None:
        if sum(map(len, chain.from_iterable(scope["headers"]))) > MAX_HEADER_BYTES:
            raise InvalidInput(f"the headers have more than {MAX_HEADER_BYTES:,} bytes")
        named = _by_name(scope["headers"])
        if b"transfer-encoding" in named and b"content-length" in named:
            raise InvalidInput(
                "a request has either Transfer-Encoding or Content-Length, not both"
            )
        hosts = named.get(b"host", [])
        if len(hosts) != 1:
            raise InvalidInput(f"a request has exactly one Host header, this has {len(hosts)}")
        if scope["method"] not in _METHODS:
            raise MethodNotAllowed(f"{scope['method'][:20]} is not allowed here")
        if scope["path"] == HEALTH_PATH and scope["method"] in _SAFE:
            return
        self._check_host(hosts[0])
        if b"origin" in named:
            self._check_origin(named[b"origin"], scope.get("scheme", "http"), hosts[0])
        if b"sec-fetch-site" in named:
            _check_site(scope, named)
        if b"upgrade" in named and named[b"upgrade"][0].lower() == b"websocket":
            raise InvalidInput(
                "there are no web sockets here; live events come from GET /api/v1/events"
            )
        if scope["method"] in _JSON_METHODS and not scope["path"].startswith(_DEAF_PATHS):
            _check_json(named.get(b"content-type", []))

    def _check_host(self, host: bytes) -> None:
        if _LOOPBACK_HOST.fullmatch(host):
            return
        if self._public and host == self._public[1].encode("latin-1", "replace"):
            return
        # An address cannot be rebound: only a name can be made to point here by someone else.
        if self._any_address and _is_address(host):
            return
        shown = host.decode("latin-1")[:80]
        name = shown if shown.isascii() and shown.isprintable() else "NAME"
        raise PermissionDenied(
            f"this server does not answer to the name {shown!r}; use a loopback address, "
            f"or start it with --public-url http://{name}"
        )

    def _check_origin(self, origins: list[bytes], scheme: str, host: bytes) -> None:
        if self._public and host == self._public[1].encode("latin-1", "replace"):
            scheme = self._public[0]
        if origins != [scheme.encode() + b"://" + host]:
            raise PermissionDenied(
                "the request comes from another web site; only this server's own page may call it"
            )


def _by_name(headers: Headers) -> dict[bytes, list[bytes]]:
    named: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        named.setdefault(name, []).append(value)
    return named


def _check_site(scope: Scope, named: dict[bytes, list[bytes]]) -> None:
    if all(site in _OWN_SITES for site in named[b"sec-fetch-site"]):
        return
    # A link on another page may lead to our page, but nowhere else; a frame to an embed.
    framed = _EMBEDS if scope["path"].startswith(EMBED_PATH) else _DOCUMENTS
    opens_page = (
        scope["method"] in _SAFE
        and named.get(b"sec-fetch-mode", [b""])[0] == b"navigate"
        and named.get(b"sec-fetch-dest", [b""])[0] in framed
        and not scope["path"].startswith(DATA_PATHS)
    )
    if not opens_page:
        raise PermissionDenied(
            "the request comes from another web site; only this server's own page may call it"
        )


def _check_json(types: list[bytes]) -> None:
    if len(types) != 1 or types[0].split(b";")[0].strip().lower() != b"application/json":
        raise UnsupportedMediaType("send the body as 'Content-Type: application/json'")


def _is_address(host: bytes) -> bool:
    match = _IP_HOST.fullmatch(host)
    if match is None:
        return False
    text = (match[1] or match[2]).decode("ascii")
    try:
        return str(ipaddress.ip_address(text)) == text
    except ValueError:
        return False


def embed_headers(origins: Sequence[str]) -> Headers:
    """The headers of what may be framed: by this server, by loopback, and by these origins.

    ``X-Frame-Options`` knows no list, so the policy alone says who may.
    """
    allowed = " ".join(("'self'", *_LOOPBACK_FRAMES, *origins)).encode("ascii")
    policy = _POLICY + b"form-action 'none'; frame-ancestors " + allowed
    others = [(name, value) for name, value in HEADERS if name != b"x-frame-options"]
    return [(b"content-security-policy", policy), *others[1:]]


def _with_headers(send: Send, wanted: Headers) -> Send:
    """Add our headers to the answer. The list only grows, so repeated headers survive."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = message.get("headers", ())
            # What users stored comes with a stricter policy of its own.
            own = {name.lower() for name, _ in given}
            ours = [(name, value) for name, value in wanted if name not in own]
            message = dict(message, headers=[*given, *ours])
        await send(message)

    return guarded


def _bodiless(receive: Receive, send: Send) -> tuple[Receive, Send]:
    """For HEAD: forward the head of the same GET, then look like a client that went away."""
    ended = complete = False

    async def head_send(message: Message) -> None:
        nonlocal ended
        if ended:
            return
        await send(message)
        if message["type"] == "http.response.start":
            ended = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def head_receive() -> Message:
        nonlocal complete
        if not ended:
            return await receive()
        if complete:
            return {"type": "http.disconnect"}
        complete = True  # a stream that nobody asked about the body yet
        return {"type": "http.request", "body": b"", "more_body": False}

    return head_receive, head_send
