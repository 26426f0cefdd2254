"""One HTTP exchange with a server, over the standard library.

An answer counts only when it is our JSON: a proxy's page, a cut body or a closed connection raise
`NoAnswer`. Redirects are not followed, so that a key never travels to another host. Nothing is
sent to any address but the configured one.
"""

from __future__ import annotations

import codecs
import gzip
import http.client
import ssl
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from epochal.errors import InvalidInput

TIMEOUT_S = 20.0
MAX_ANSWER = 1024 * 1024
GZIP_FROM = 1024
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class NoAnswer(Exception):
    """The server could not be reached, or what answered is not our server."""


class Answer(msgspec.Struct, frozen=True):
    """Status, the JSON object of the body, and the seconds of ``Retry-After``."""

    status: int
    body: dict[str, Any]
    retry_after: float | None = None


class Transport:
    """Talks to one server over one connection that is kept open.

    Args:
        url: ``http://`` or ``https://`` address; may have a path.
        api_key: sent as a bearer token when given.
        timeout: seconds for connecting and for each wait on the socket; 20 by default.

    Raises:
        InvalidInput: the address cannot be used.
    """

    def __init__(self, url: str, api_key: str | None, timeout: float | None = None) -> None:
        self.url = url.rstrip("/")
        self._api_key = api_key
        self._parts = _split(self.url)
        self._timeout = TIMEOUT_S if timeout is None else timeout
        self._connection: http.client.HTTPConnection | None = None
        self._headers = {"Accept": "application/json", "User-Agent": "epochal"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self.compresses = self._parts.hostname not in LOOPBACK
        # The first connection imports this codec. A process forked meanwhile would find the import
        # locked for ever, and never reach the server: it is loaded before any thread connects.
        codecs.lookup("idna")

    def send(self, method: str, path: str, body: bytes = b"") -> Answer:
        """One request and its answer.

        Args:
            method: the HTTP method.
            path: path and query below the server's address.
            body: bytes to send; compressed on the way unless the server is on this machine.

        Raises:
            NoAnswer: anything but a JSON object came back.
        """
        headers = dict(self._headers)
        if body:
            headers["Content-Type"] = "application/octet-stream"
            if self.compresses and len(body) >= GZIP_FROM:
                body = gzip.compress(body, 1)
                headers["Content-Encoding"] = "gzip"
        try:
            connection = self._connect()
            connection.request(method, self._parts.path + path, body, headers)
            response = connection.getresponse()
            data = response.read(MAX_ANSWER + 1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        if response.will_close or len(data) > MAX_ANSWER:
            self.close()
        return _read_answer(response, data)

    def another(self) -> Transport:
        """A connection of its own to the same server."""
        made = Transport(self.url, self._api_key, self._timeout)
        made.compresses = self.compresses
        return made

    def close(self) -> None:
        """Close the connection; the next `send` opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            host, port = self._parts.hostname or "", self._parts.port
            if self._parts.scheme == "https":
                context = ssl.create_default_context()
                self._connection = http.client.HTTPSConnection(
                    host, port, timeout=self._timeout, context=context
                )
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=self._timeout)
        return self._connection


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidInput(
            f"the server's address must look like https://host:port, got {url!r:.80}"
        )
    return parts


def _read_answer(response: http.client.HTTPResponse, data: bytes) -> Answer:
    try:
        body = msgspec.json.decode(data, type=dict[str, Any]) if data else {}
    except msgspec.MsgspecError:
        if 200 <= response.status < 300:
            kind = response.headers.get("Content-Type", "no content type")
            raise NoAnswer(f"status {response.status} with {kind} instead of our JSON") from None
        body = {}
    return Answer(response.status, body, _seconds(response.headers.get("Retry-After")))


def _seconds(text: str | None) -> float | None:
    try:
        return min(max(float(text), 0.0), 3600.0) if text is not None else None
    except ValueError:
        return None
