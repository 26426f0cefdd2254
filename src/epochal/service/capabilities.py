"""Addresses that may be used without a key: what they allow is written in them, signed.

A foreign client uploads and fetches bytes without its credential, so the address that it is given
must carry it. A capability names one action on one thing and who it was given to, ends after a
day, and is signed with a key that lies in the home (mode 0600), so it outlives a restart.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import secrets
import threading
import time
from pathlib import Path
from typing import Final

import msgspec

from epochal.domain.access import Permission, Principal, Role
from epochal.errors import PermissionDenied
from epochal.journal.whole import write_whole
from epochal.service.permission import require
from epochal.store.owner import Store

KEY_FILE: Final = "capability.key"
KEY_BYTES: Final = 32
LIFETIME_S: Final = 24 * 3600
MAX_TEXT: Final = 8_192
_making: Final = threading.Lock()
_keys: Final[dict[Path, bytes]] = {}


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """What a capability says.

    Attributes:
        action: a word of the protocol, such as ``put``.
        subject: what may be acted on.
        until: seconds since 1970 UTC.
        name: and
        role: of whom it was given to.
    """

    action: str
    subject: list[str]
    until: int
    name: str
    role: int


_decode = msgspec.json.Decoder(Claim).decode


def grant(store: Store, principal: Principal | None, action: str, subject: list[str]) -> str:
    """A text that allows ``action`` on ``subject`` to whoever has it, for a day."""
    user = require(principal, Permission.READ)
    until = int(time.time()) + LIFETIME_S
    body = msgspec.json.encode(Claim(action, subject, until, user.name, int(user.role)))
    text = base64.urlsafe_b64encode(body).decode().rstrip("=")
    return f"{text}.{_sign(store, text)}"


def redeem(store: Store, text: str, action: str) -> tuple[list[str], Principal]:
    """What a capability is about, and who acts by it. It is its own permission.

    Raises:
        PermissionDenied: it is none, is for something else, or ended.
    """
    body, _, signature = text.partition(".")
    claim = None
    if (
        len(text) <= MAX_TEXT
        and text.isascii()
        and hmac.compare_digest(signature, _sign(store, body))
    ):
        with contextlib.suppress(msgspec.MsgspecError, binascii.Error):
            claim = _decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    if claim is None or claim.action != action:
        raise PermissionDenied("this address is not one that the server gave; ask for a new one")
    if claim.until < time.time():
        raise PermissionDenied("this address was good for a day and is too old; ask for a new one")
    return claim.subject, Principal(claim.name, Role(claim.role))


def _sign(store: Store, text: str) -> str:
    return hmac.new(_key(store.home), text.encode(), hashlib.sha256).hexdigest()


def _key(home: Path) -> bytes:
    with _making:
        if home not in _keys:
            _keys[home] = _read(home / KEY_FILE) or _make(home)
        return _keys[home]


def _read(path: Path) -> bytes | None:
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return None
    return found if len(found) == KEY_BYTES else None


def _make(home: Path) -> bytes:
    """A new key in its file, which appears whole or not at all."""
    key = secrets.token_bytes(KEY_BYTES)
    write_whole(home / KEY_FILE, key)
    return key
