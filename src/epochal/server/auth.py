"""Who a request acts as.

Local mode: the OS user who started the server, and nobody else. Where the kernel tells whose
socket the peer is, that decides, and any key text is accepted from the right user; where it does
not, the token of ``server.json`` (mode 0600) must come along. Team mode: an API key as Bearer or
Basic password, or a browser session made from one. Keys are looked up at every request, so a
revoked or expired key and every session made from it stop at once. A request with no valid
credential has no principal; routes then decide.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import time
from collections import deque
from collections.abc import Iterable
from typing import Final

import msgspec

from epochal.domain.access import LOCAL_USER, Permission, Principal
from epochal.errors import (
    EpochalError,
    InvalidInput,
    PermissionDenied,
    TooManyRequests,
    Unauthenticated,
)
from epochal.server.asgi import Application, Receive, Scope, Send
from epochal.server.errors import foreseen, send_error, unforeseen
from epochal.server.peer import STATE_KEY, Peer
from epochal.server.security import HEALTH_PATH
from epochal.server.settings import Settings
from epochal.service import access
from epochal.service.workers import Workers

DAY: Final = 86_400.0
IDLE_SECONDS: Final = 14 * DAY
LONGEST_SECONDS: Final = 30 * DAY
MAX_SESSIONS: Final = 10_000
CODE_SECONDS: Final = 120
LOGINS_PER_MINUTE: Final = 10
FAILURES_PER_MINUTE: Final = 30
NO_KEY: Final = "this is no valid key; `epochal key create` on the server's machine makes one"


class Failures:
    """Counts failures per address over the last minute.

    Args:
        most: how many are allowed.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: dict[str, deque[float]] = {}

    def check(self, address: str) -> None:
        """Refuse an address that failed too often.

        Raises:
            TooManyRequests: with the seconds after which it may try again.
        """
        times = self._times.get(address)
        now = time.monotonic()
        while times and times[0] <= now - 60:
            times.popleft()
        if times and len(times) >= self._most:
            wait = int(times[0] + 60 - now) + 1
            raise TooManyRequests(f"too many failed attempts; try again in {wait} seconds", wait)

    def add(self, address: str) -> None:
        """Count one failure."""
        if len(self._times) >= MAX_SESSIONS:
            self._times.clear()
        self._times.setdefault(address, deque(maxlen=self._most)).append(time.monotonic())


class Session(msgspec.Struct):
    """A browser that logged in: with which credential, and when."""

    credential: str
    created: float
    seen: float


class Sessions:
    """Browser sessions, in memory: they end with the server.

    Ids are 256 bits; only their digests are kept.
    """

    def __init__(self) -> None:
        self._sessions: dict[bytes, Session] = {}

    def open(self, credential: str) -> str:
        """Make a session and return its id."""
        if len(self._sessions) >= MAX_SESSIONS:
            oldest = min(self._sessions, key=lambda digest: self._sessions[digest].seen)
            del self._sessions[oldest]
        number = secrets.token_urlsafe(32)
        now = time.monotonic()
        self._sessions[_digest(number)] = Session(credential, now, now)
        return number

    def credential(self, number: str) -> str | None:
        """The credential of a living session."""
        digest = _digest(number)
        session = self._sessions.get(digest)
        if session is None:
            return None
        now = time.monotonic()
        if now - session.seen > IDLE_SECONDS or now - session.created > LONGEST_SECONDS:
            del self._sessions[digest]
            return None
        session.seen = now
        return session.credential

    def close(self, number: str) -> None:
        """End a session; an unknown id is ignored."""
        self._sessions.pop(_digest(number), None)


class Gatekeeper:
    """Finds the principal of a request.

    Args:
        settings: whether this is team mode, and what the cookie needs.
        workers: run the key look-up.
        token: what ``server.json`` says; whoever can read that file owns the home.
    """

    def __init__(self, settings: Settings, workers: Workers, token: str) -> None:
        self.team = settings.auth
        self.sessions = Sessions()
        self.secure_cookie = settings.public_url.lower().startswith("https://")
        name = hashlib.sha256(os.fsencode(settings.home)).hexdigest()[:8]
        self.cookie_name = f"__Host-epochal-{name}" if self.secure_cookie else f"epochal-{name}"
        self._workers = workers
        self._token = token
        self._codes: dict[str, float] = {}
        self._logins = Failures(LOGINS_PER_MINUTE)
        self._failures = Failures(FAILURES_PER_MINUTE)

    async def principal(self, scope: Scope) -> Principal | None:
        """Who the request acts as.

        Raises:
            PermissionDenied: local mode, and the peer is another OS user.
            TooManyRequests: too many wrong keys came from this address.
            InvalidInput: there is more than one Authorization header.
        """
        credential = sent_credential(scope["headers"])
        if credential is None:
            number = self.session_number(scope)
            credential = self.sessions.credential(number) if number else None
        if self._is_token(credential):
            return LOCAL_USER
        if not self.team:
            return await _local_user(scope)
        if credential is None:
            return None
        found = await self._workers.read(access.authenticate, credential)
        if found is None:
            self._failures.check(client_address(scope))
            self._failures.add(client_address(scope))
        return found

    async def still_may(self, scope: Scope, permission: Permission) -> bool:
        """Whether who sent a request earlier would be let in with it now."""
        try:
            found = await self.principal(scope)
        except EpochalError:
            return False
        return found is not None and found.may(permission)

    async def login(self, scope: Scope, key: str) -> tuple[Principal, str]:
        """Make a browser session from a key; returns the principal and the session's id.

        Raises:
            Unauthenticated: it is no valid key.
            TooManyRequests: too many wrong ones came from this address.
        """
        address = client_address(scope)
        self._logins.check(address)
        found = LOCAL_USER if self._is_token(key) else None
        if found is None and self.team:
            found = await self._workers.read(access.authenticate, key)
        if found is None:
            self._logins.add(address)
            why = await self._workers.read(access.refusal, key) if self.team else ""
            raise Unauthenticated(why or NO_KEY)
        self.logout(scope)
        return found, self.sessions.open(key)

    def redeem(self, code: str) -> str:
        """Make a browser session from the one-time code of a login link; returns the session's id.

        Raises:
            Unauthenticated: the code is wrong, too old, or was used before.
        """
        now = time.time()
        self._codes = {used: until for used, until in self._codes.items() if until > now}
        until = check_code(self._token, code, now)
        if until is None or code in self._codes:
            raise Unauthenticated(
                "this login link is used up or too old; run `epochal ui` again for a new one"
            )
        self._codes[code] = until
        return self.sessions.open(self._token)

    def logout(self, scope: Scope) -> None:
        """End the session of the request, if it has one."""
        number = self.session_number(scope)
        if number:
            self.sessions.close(number)

    def session_number(self, scope: Scope) -> str | None:
        """The session id in the request's cookies."""
        wanted = self.cookie_name.encode("ascii") + b"="
        for name, value in scope["headers"]:
            if name != b"cookie":
                continue
            for part in value.split(b";"):
                if part.strip().startswith(wanted):
                    return str(part.strip()[len(wanted) :], "latin-1")
        return None

    def _is_token(self, credential: str | None) -> bool:
        return bool(self._token and credential) and _equal(credential or "", self._token)


class Authentication:
    """The layer that puts the principal into ``scope["user"]``.

    Args:
        app: what gets the request next.
        gatekeeper: finds the principal.
    """

    def __init__(self, app: Application, gatekeeper: Gatekeeper) -> None:
        self._app = app
        self._gatekeeper = gatekeeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of ASGI."""
        if scope["type"] != "http" or scope["path"] == HEALTH_PATH:
            await self._app(scope, receive, send)
            return
        try:
            scope["user"] = await self._gatekeeper.principal(scope)
        except Exception as error:  # noqa: BLE001 - this layer stands outside the web library's own handlers
            known = foreseen(error) or unforeseen(error, "authentication")
            await send_error(send, known, scope["path"], close=True)
            return
        await self._app(scope, receive, send)


def sent_credential(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The key in the Authorization header: ``Bearer KEY`` or the password of ``Basic``.

    None when there is no such header, an empty text when it is malformed.

    Raises:
        InvalidInput: the header comes more than once.
    """
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) > 1:
        raise InvalidInput("a request has at most one Authorization header")
    if not values:
        return None
    scheme, _, rest = values[0].partition(b" ")
    try:
        if scheme.lower() == b"bearer":
            return rest.strip().decode("ascii")
        if scheme.lower() == b"basic":
            _, colon, password = (
                base64.b64decode(rest.strip(), validate=True).decode("utf-8").partition(":")
            )
            return password if colon else ""
    except (UnicodeDecodeError, binascii.Error):
        return ""
    return ""


async def _local_user(scope: Scope) -> Principal | None:
    peer = (scope.get("state") or {}).get(STATE_KEY)
    uid = await peer.uid() if isinstance(peer, Peer) else None
    if uid is None:
        return None
    if uid != os.getuid():
        raise PermissionDenied(
            "this server belongs to another user of this machine; start your own with "
            "`epochal ui`, or ask its owner to start it with --auth"
        )
    return LOCAL_USER


def client_address(scope: Scope) -> str:
    """The peer's IP address, for counting failures."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def make_code(token: str, now: float) -> str:
    """A code for a login link, good once and for two minutes.

    Args:
        token: the server's token.
        now: seconds since 1970 UTC.
    """
    text = f"{int(now) + CODE_SECONDS}.{secrets.token_hex(8)}"
    return f"{text}.{_sign(token, text)}"


def check_code(token: str, code: str, now: float) -> float | None:
    """Until when the code is good, in seconds since 1970 UTC; None when it is not."""
    text, _, signature = code.rpartition(".")
    if not token or not _equal(signature, _sign(token, text)):
        return None
    until = float(text.split(".")[0])
    return until if now < until else None


def _sign(token: str, text: str) -> str:
    return hmac.new(token.encode(), b"login " + text.encode(), hashlib.sha256).hexdigest()


def _equal(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode("utf-8", "replace"), right.encode("utf-8", "replace"))


def _digest(number: str) -> bytes:
    return hashlib.sha256(number.encode("utf-8", "replace")).digest()
