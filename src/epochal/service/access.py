"""API keys: who holds one, who may make or revoke them. A key's text is shown only once."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from epochal.domain.access import Permission, Principal, Role
from epochal.domain.names import check_name
from epochal.errors import Conflict, InvalidInput
from epochal.service.bounds import plain_text
from epochal.service.permission import require
from epochal.store import keys as stored
from epochal.store.keys import ApiKey
from epochal.store.owner import Store

MAX_KEY_TEXT = 512
MAX_PREFIX = 64
MAX_TIME_US = 253_370_764_800_000_000
"""The year 9999."""


def authenticate(store: Store, text: str) -> Principal | None:
    """Who the key belongs to; None when it is no valid key. Needs no permission itself."""
    if not _may_be_key(text):
        return None
    return stored.find_key(store, text)


def refusal(store: Store, text: str) -> str:
    """Why a key lets nobody in, for whoever holds all of it; empty for one that is none of ours.

    Needs no permission itself.
    """
    if not _may_be_key(text):
        return ""
    key = stored.describe_key(store, text)
    if key is None or key.is_good(_now_us()):
        return ""
    if key.revoked:
        return f"the key of {key.name} was revoked; ask an admin of this server for another one"
    ended = datetime.fromtimestamp((key.expires_us or 0) / 1e6, UTC)
    return (
        f"the key of {key.name} expired on {ended:%Y-%m-%d at %H:%M} UTC; "
        f"ask an admin of this server for another one"
    )


def create_key(
    store: Store,
    principal: Principal | None,
    name: str,
    role: Role,
    expires_us: int | None = None,
) -> str:
    """Make a key and return its text, which cannot be shown again.

    Args:
        store: the open store.
        principal: who makes it.
        name: whose it is, or what for.
        role: what it may do.
        expires_us: when it ends by itself, in microseconds since 1970 UTC; None for never.

    Raises:
        InvalidInput: the name is not acceptable, or the key would have expired already.
    """
    require(principal, Permission.ADMINISTER)
    name = check_name(name, "key name")
    if expires_us is not None and not _now_us() < expires_us < MAX_TIME_US:
        raise InvalidInput(
            f"a key expires at a time to come, in microseconds since 1970, got {expires_us}; "
            f"leave expires_us out for a key that is good until it is revoked"
        )
    return stored.create_key(store, name, role, expires_us)


def list_keys(store: Store, principal: Principal | None) -> list[ApiKey]:
    """All keys without their secrets, oldest first, revoked and expired ones included."""
    require(principal, Permission.ADMINISTER)
    return stored.list_keys(store)


def revoke_key(store: Store, principal: Principal | None, prefix: str) -> None:
    """Make a key, and every browser session made from it, worthless from the next request on.

    Args:
        store: the open store.
        principal: who revokes.
        prefix: the 8 characters that `list_keys` shows.

    Raises:
        NotFound: no key starts like that.
        Conflict: it is the only key that may manage keys for good.
    """
    require(principal, Permission.ADMINISTER)
    prefix = plain_text(prefix, "key prefix", MAX_PREFIX)
    admins = [
        key.prefix
        for key in stored.list_keys(store)
        if key.role is Role.ADMIN and not key.revoked and key.expires_us is None
    ]
    if admins == [prefix]:
        raise Conflict(
            f"{prefix} is the last admin key that does not expire, and without one nobody could "
            f"manage this server from afar; make another first "
            f"(`epochal key create NAME --role admin`)"
        )
    stored.revoke_key(store, prefix)


def _may_be_key(text: str) -> bool:
    return 0 < len(text) <= MAX_KEY_TEXT and text.isascii()


def _now_us() -> int:
    return time.time_ns() // 1000
