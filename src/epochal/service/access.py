"""API keys: who holds one, who may make or revoke them. A key's text is shown only once."""

from __future__ import annotations

from epochal.domain.access import Permission, Principal, Role
from epochal.domain.names import check_name
from epochal.errors import Conflict
from epochal.service.bounds import plain_text
from epochal.service.permission import require
from epochal.store import keys as stored
from epochal.store.keys import ApiKey
from epochal.store.owner import Store

MAX_KEY_TEXT = 512
MAX_PREFIX = 64


def authenticate(store: Store, text: str) -> Principal | None:
    """Who the key belongs to; None when it is no valid key. Needs no permission itself."""
    if not text or len(text) > MAX_KEY_TEXT or not text.isascii():
        return None
    return stored.find_key(store, text)


def create_key(store: Store, principal: Principal | None, name: str, role: Role) -> str:
    """Make a key and return its text, which cannot be shown again."""
    require(principal, Permission.ADMINISTER)
    return stored.create_key(store, check_name(name, "key name"), role)


def list_keys(store: Store, principal: Principal | None) -> list[ApiKey]:
    """All keys without their secrets, oldest first, revoked ones included."""
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
        Conflict: it is the only key that may still manage keys.
    """
    require(principal, Permission.ADMINISTER)
    prefix = plain_text(prefix, "key prefix", MAX_PREFIX)
    admins = [
        key.prefix for key in stored.list_keys(store) if key.role is Role.ADMIN and not key.revoked
    ]
    if admins == [prefix]:
        raise Conflict(
            f"{prefix} is the last admin key, and without one nobody could manage this server "
            f"from afar; make another first (`epochal key create NAME --role admin`)"
        )
    stored.revoke_key(store, prefix)
