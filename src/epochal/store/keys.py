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
from epochal.store.schema import api_key
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


def create_key(store: Store, name: str, role: Role) -> str:
    """Make a key and return its text, for the only time.

    Args:
        store: the home.
        name: whose it is, or what for.
        role: what it may do.

    Raises:
        InvalidInput: the name is not acceptable.
    """
    name = check_name(name, "key name")
    prefix = _random(8)
    text = f"ep_{prefix}-{_random(43)}"
    with store.database.write() as connection:
        connection.execute(
            sa.insert(api_key).values(
                prefix=prefix,
                digest=_digest(text),
                name=name,
                role=int(role),
                created_us=_now_us(),
            )
        )
    return text


def find_key(store: Store, text: str) -> Principal | None:
    """Who the key belongs to; None when it is unknown, malformed or revoked.

    Notes the time of use where that can be written; a full disk keeps nobody from reading.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    with store.database.read() as connection:
        query = sa.select(api_key).where(api_key.c.prefix == form[1])
        row = connection.execute(query).mappings().first()
    if row is None or not hmac.compare_digest(row["digest"], _digest(text)):
        return None
    if row["revoked_us"] is not None:
        return None
    now = _now_us()
    if now - (row["used_us"] or 0) > USED_RESOLUTION_US:
        with contextlib.suppress(Unavailable), store.database.write() as connection:
            connection.execute(
                sa.update(api_key).where(api_key.c.id == row["id"]).values(used_us=now)
            )
    return Principal(name=row["name"], role=Role(row["role"]))


def list_keys(store: Store) -> list[ApiKey]:
    """All keys, oldest first, revoked ones included."""
    with store.database.read() as connection:
        rows = connection.execute(sa.select(api_key).order_by(api_key.c.id)).mappings().all()
    return [
        ApiKey(
            prefix=row["prefix"], name=row["name"], role=Role(row["role"]),
            created_us=row["created_us"], used_us=row["used_us"],
            revoked=row["revoked_us"] is not None,
        )
        for row in rows
    ]  # fmt: skip


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


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _now_us() -> int:
    return time.time_ns() // 1000
