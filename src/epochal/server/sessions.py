"""Logging in and out with an API key, which is exchanged for a cookie that no script can read."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec
from litestar import Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.params import FromQuery, JSONBody

from epochal.errors import Unauthenticated
from epochal.protocols import PUBLIC
from epochal.protocols.call import Call
from epochal.server import asgi
from epochal.server.auth import LONGEST_SECONDS, Gatekeeper
from epochal.server.live import Feed
from epochal.server.routes import User, user_of

MAX_CODE: Final = 512


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page sends: an API key."""

    key: str


class LoggedIn(msgspec.Struct, frozen=True):
    """Who the key belongs to."""

    user: User | None


def _cookie(gatekeeper: Gatekeeper, value: str, max_age: float) -> Cookie:
    return Cookie(
        key=gatekeeper.cookie_name,
        value=value,
        max_age=int(max_age),
        path="/",
        httponly=True,
        secure=gatekeeper.secure_cookie,
        samesite="lax",
    )


@post("/api/v1/session", opt=PUBLIC, status_code=200)
async def log_in(request: Call, data: JSONBody[Login]) -> Response[LoggedIn]:
    """Exchange an API key for a browser session."""
    gatekeeper: Gatekeeper = request.app.state.gatekeeper
    principal, number = await gatekeeper.login(cast("asgi.Scope", request.scope), data.key)
    answer = LoggedIn(user_of(principal))
    return Response(answer, cookies=[_cookie(gatekeeper, number, LONGEST_SECONDS)])


@delete("/api/v1/session", opt=PUBLIC, status_code=204)
async def log_out(request: Call) -> Response[None]:
    """End the browser session."""
    gatekeeper: Gatekeeper = request.app.state.gatekeeper
    gatekeeper.logout(cast("asgi.Scope", request.scope))
    feed: Feed = request.app.state.feed
    await feed.recheck()
    return Response(None, status_code=204, cookies=[_cookie(gatekeeper, "", 0)])


@get("/login", opt=PUBLIC, include_in_schema=False)
async def redeem(request: Call, code: FromQuery[str] = "") -> Response[bytes]:
    """Take the code of the link that `epochal ui` opens where the peer's user is not known."""
    gatekeeper: Gatekeeper = request.app.state.gatekeeper
    if len(code) > MAX_CODE:
        raise Unauthenticated("this is no login link")
    number = gatekeeper.redeem(code)
    return Response(
        b"",
        status_code=303,
        headers={"location": "/", "cache-control": "no-store"},
        cookies=[_cookie(gatekeeper, number, LONGEST_SECONDS)],
        media_type="text/plain",
    )


ROUTES: Final[list[Any]] = [log_in, log_out, redeem]
