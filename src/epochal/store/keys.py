"""API keys. A key is shown once; the store keeps its SHA-256, which for 256 random bits is enough.

A key reads ``ep_<8 characters>-<43 characters>``, both of ``[0-9A-Za-z]``: the first part finds
the row, the second proves the right. Clients of other tools accept it as well.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets
import string
import time

import msgspec
import sqlalchemy as sa

from epochal.domain.access import Principal, Role
from epochal.domain.names import check_name
from epochal.errors import NotFound, Unavailable
from epochal.store.dialect import inserted_id
from epochal.store.schema import api_key, key_expiry
from epochal.store.store import Store

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORM = re.compile(r"ep_([0-9A-Za-z]{8})-([0-9A-Za-z]{43})")
USED_RESOLUTION_US = 60_000_000
"""``used_us`` is written at most this often, so that reading requests do not become writes."""


class ApiKey(msgspec.Struct, frozen=True):
    """What is told of a key afterwards."""

    prefix: str
    name: str
    role: Role
    created_us: int
    used_us: int | None
    revoked: bool
    expires_us: int | None = None

    def is_good(self, now_us: int) -> bool:
        """Whether it lets anybody in at that time."""
        return not self.revoked and (self.expires_us is None or now_us < self.expires_us)


_KEYS = sa.select(api_key, key_expiry.c.expires_us).select_from(
    api_key.outerjoin(key_expiry, key_expiry.c.key_id == api_key.c.id)
)


def create_key(store: Store, name: str, role: Role, expires_us: int | None = None) -> str:
    """Make a key and return its text, for the only time.

    Args:
        store: the home.
        name: whose it is, or what for.
        role: what it may do.
        expires_us: when it ends by itself, in microseconds since 1970 UTC; None for never.

    Raises:
        InvalidInput: the name is not acceptable.
    """
    name = check_name(name, "key name")
    prefix = _random(8)
    text = f"ep_{prefix}-{_random(43)}"
    with store.database.write() as connection:
        made = connection.execute(
            sa.insert(api_key).values(
                prefix=prefix,
                digest=_digest(text),
                name=name,
                role=int(role),
                created_us=_now_us(),
            )
        )
        if expires_us is not None:
            until = {"key_id": inserted_id(made), "expires_us": expires_us}
            connection.execute(sa.insert(key_expiry).values(until))
    return text


def find_key(store: Store, text: str) -> Principal | None:
    """Who the key belongs to; None when it is unknown, malformed, revoked or expired.

    Notes the time of use where that can be written; a full disk keeps nobody from reading.
    """
    row = _row(store, text)
    now = _now_us()
    if row is None or not _told(row).is_good(now):
        return None
    if now - (row["used_us"] or 0) > USED_RESOLUTION_US:
        with contextlib.suppress(Unavailable), store.database.write() as connection:
            connection.execute(
                sa.update(api_key).where(api_key.c.id == row["id"]).values(used_us=now)
            )
    return Principal(name=row["name"], role=Role(row["role"]))


def describe_key(store: Store, text: str) -> ApiKey | None:
    """What is known of a key, whether it is good or not; None when this is the text of none."""
    row = _row(store, text)
    return None if row is None else _told(row)


def list_keys(store: Store) -> list[ApiKey]:
    """All keys, oldest first, revoked and expired ones included."""
    with store.database.read() as connection:
        rows = connection.execute(_KEYS.order_by(api_key.c.id)).mappings().all()
    return [_told(row) for row in rows]


def revoke_key(store: Store, prefix: str) -> None:
    """Make a key worthless from the next request on. Revoking twice is harmless.

    Args:
        store: the home.
        prefix: the 8 characters that `list_keys` shows.

    Raises:
        NotFound: no key starts like that.
    """
    with store.database.write() as connection:
        changed = connection.execute(
            sa.update(api_key)
            .where(api_key.c.prefix == prefix)
            .values(revoked_us=sa.func.coalesce(api_key.c.revoked_us, _now_us()))
        )
        if changed.rowcount == 0:
            raise NotFound(f"no API key has the prefix {prefix[:20]!r}; see `list_keys`")


def _row(store: Store, text: str) -> sa.RowMapping | None:
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    with store.database.read() as connection:
        row = connection.execute(_KEYS.where(api_key.c.prefix == form[1])).mappings().first()
    proven = row is not None and hmac.compare_digest(row["digest"], _digest(text))
    return row if proven else None


def _told(row: sa.RowMapping) -> ApiKey:
    return ApiKey(
        prefix=row["prefix"], name=row["name"], role=Role(row["role"]),
        created_us=row["created_us"], used_us=row["used_us"],
        revoked=row["revoked_us"] is not None, expires_us=row["expires_us"],
    )  # fmt: skip


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _now_us() -> int:
    return time.time_ns() // 1000
