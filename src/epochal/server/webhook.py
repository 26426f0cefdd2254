"""Calling a webhook: one POST to an address that was looked at first, and nowhere else.

The name is resolved once, the addresses are judged, and the connection goes to one that was
judged, so that a name that changes meanwhile leads nowhere new. Redirects are not followed, and no
proxy of the environment is used. Link-local addresses (where clouds keep credentials), multicast
and unspecified ones are never called; this machine itself is in local mode only.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from epochal.errors import PermissionDenied, Unavailable
from epochal.server.deadline import cut_after

SECONDS: Final = 10.0
WHOLE_SECONDS: Final = 20.0
"""For all of it, so that no peer holds the thread that tells."""
_SHOWN: Final = 200

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def judge(address: Address, *, team: bool) -> None:
    """Refuse an address that no webhook may have.

    Raises:
        PermissionDenied: it is one of those.
    """
    inner = getattr(address, "ipv4_mapped", None) or address
    if inner.is_link_local or inner.is_multicast or inner.is_unspecified:
        raise PermissionDenied(f"{inner} may not be called: it is no address of a web server")
    if team and inner.is_loopback:
        raise PermissionDenied(f"{inner} may not be called: in team mode this machine is left out")


def post(url: str, message: dict[str, Any], *, team: bool) -> None:
    """Send a message as JSON.

    Args:
        url: where to.
        message: what to say.
        team: whether the server is in team mode.

    Raises:
        PermissionDenied: the address may not be called.
        Unavailable: it did not answer, or not with success.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    body = msgspec.json.encode(message)
    headers = {"Content-Type": "application/json", "User-Agent": "epochal"}
    connection = _Judged(host, port, secure=secure, team=team)
    try:
        with cut_after(WHOLE_SECONDS, lambda: connection.sock):
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            said = answer.read(_SHOWN).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise Unavailable(
            f"{host}:{port} did not take it: {str(error) or type(error).__name__}"
        ) from None
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise Unavailable(f"{host}:{port} answered {answer.status} {answer.reason}: {said}")


class _Judged(http.client.HTTPConnection):
    """A connection to the first judged address that answers."""

    def __init__(self, host: str, port: int, *, secure: bool, team: bool) -> None:
        super().__init__(host, port, timeout=SECONDS)
        self._secure = secure
        self._team = team

    def connect(self) -> None:
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        places = [place for *_, place in found]
        for place in places:
            judge(ipaddress.ip_address(str(place[0]).partition("%")[0]), team=self._team)
        self.sock = self._reach([(str(place[0]), int(place[1])) for place in places])
        if self._secure:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host)

    def _reach(self, places: list[tuple[str, int]]) -> socket.socket:
        failure: OSError = OSError("the name has no address")
        for place in places:
            try:
                return socket.create_connection(place, SECONDS)
            except OSError as error:
                failure = error
        raise failure
