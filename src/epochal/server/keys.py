"""API keys of a running server, for its admins.

`epochal key` asks here while a server holds the home.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody

from epochal.domain.access import Permission, Role
from epochal.protocols import needs
from epochal.protocols.call import Call
from epochal.server.live import Feed
from epochal.service import access

ADMINISTER: Final = needs(Permission.ADMINISTER)


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose key to make, and what it may do."""

    name: str
    role: Literal["reader", "writer", "admin"] = "writer"
    expires_us: int | None = None
    """When it ends by itself, in microseconds since 1970 UTC."""


class MadeKey(msgspec.Struct, frozen=True):
    """A key, told this once."""

    name: str
    role: str
    key: str


class KeyRow(msgspec.Struct, frozen=True):
    """What is told of a key afterwards."""

    prefix: str
    name: str
    role: str
    created_us: int
    used_us: int | None
    revoked: bool
    expires_us: int | None


class KeyList(msgspec.Struct, frozen=True):
    """All keys, oldest first."""

    keys: list[KeyRow]


@get("/api/v1/keys", opt=ADMINISTER)
async def list_keys(request: Call) -> KeyList:
    """All keys without their secrets, revoked and expired ones included."""
    found = await request.read(access.list_keys)
    return KeyList(
        [
            KeyRow(
                prefix=key.prefix,
                name=key.name,
                role=key.role.name.lower(),
                created_us=key.created_us,
                used_us=key.used_us,
                revoked=key.revoked,
                expires_us=key.expires_us,
            )
            for key in found
        ]
    )


@post("/api/v1/keys", opt=ADMINISTER, status_code=201)
async def create_key(request: Call, data: JSONBody[NewKey]) -> MadeKey:
    """Make a key and tell its text, which cannot be told again."""
    role = Role[data.role.upper()]
    text = await request.write(access.create_key, data.name, role, data.expires_us)
    return MadeKey(data.name, data.role, text)


@delete("/api/v1/keys/{prefix:str}", opt=ADMINISTER)
async def revoke_key(request: Call, prefix: FromPath[str]) -> None:
    """Make a key worthless from the next request on.

    Browser sessions made from it end as well, and so do live streams that are open.
    """
    await request.write(access.revoke_key, prefix)
    feed: Feed = request.app.state.feed
    await feed.recheck()


ROUTES: Final[list[Any]] = [list_keys, create_key, revoke_key]
