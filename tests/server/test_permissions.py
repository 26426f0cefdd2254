"""AU-01: every route of the running application against the declared matrix, for everyone who may
ask.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar, get

from epochal.domain.access import LOCAL_USER, Permission, Role
from epochal.server.site import check_permissions, declared_routes
from epochal.service import access
from epochal.store import keys
from tests.server.door import Door
from tests.server.foreign import is_foreign
from tests.server.journals import Script

READ, WRITE, PUBLIC = Permission.READ, Permission.WRITE, None
ADMINISTER = Permission.ADMINISTER

MATRIX: dict[tuple[str, str], Permission | None] = {
    ("GET", "/"): PUBLIC,
    ("GET", "/p"): PUBLIC,
    ("GET", "/p/{path:path}"): PUBLIC,
    ("GET", "/models"): PUBLIC,
    ("GET", "/models/{path:path}"): PUBLIC,
    ("GET", "/keys"): PUBLIC,
    ("GET", "/embed/{path:path}"): PUBLIC,
    ("GET", "/static/{path:path}"): PUBLIC,
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/login"): PUBLIC,
    ("POST", "/api/v1/session"): PUBLIC,
    ("DELETE", "/api/v1/session"): PUBLIC,
    ("GET", "/api/v1/keys"): ADMINISTER,
    ("POST", "/api/v1/keys"): ADMINISTER,
    ("DELETE", "/api/v1/keys/{prefix:str}"): ADMINISTER,
    ("GET", "/api/v1/info"): PUBLIC,
    ("GET", "/api/v1/projects"): READ,
    ("GET", "/api/v1/projects/keys"): READ,
    ("POST", "/api/v1/projects/key-metrics"): READ,
    ("GET", "/api/v1/alerts"): READ,
    ("POST", "/api/v1/alerts"): ADMINISTER,
    ("DELETE", "/api/v1/alerts/{rule:str}"): ADMINISTER,
    ("POST", "/api/v1/alerts/{rule:str}/trial"): ADMINISTER,
    ("GET", "/api/v1/alerts/log"): READ,
    ("GET", "/api/v1/mail"): ADMINISTER,
    ("PUT", "/api/v1/mail"): ADMINISTER,
    ("GET", "/api/v1/projects/insights"): READ,
    ("PUT", "/api/v1/projects/insights"): WRITE,
    ("GET", "/api/v1/runs/{uid:str}/insights"): READ,
    ("PUT", "/api/v1/runs/{uid:str}/insights"): WRITE,
    ("POST", "/api/v1/runs/query"): READ,
    ("POST", "/api/v1/runs/importance"): READ,
    ("POST", "/api/v1/runs/groups"): READ,
    ("GET", "/api/v1/runs/resolve"): READ,
    ("GET", "/api/v1/runs/{uid:str}"): READ,
    ("PATCH", "/api/v1/runs/{uid:str}"): WRITE,
    ("DELETE", "/api/v1/runs/{uid:str}"): WRITE,
    ("POST", "/api/v1/runs/{uid:str}/move"): WRITE,
    ("POST", "/api/v1/runs/{uid:str}/stop"): WRITE,
    ("POST", "/api/v1/series/buckets"): READ,
    ("POST", "/api/v1/series/points"): READ,
    ("GET", "/api/v1/runs/{uid:str}/logs"): READ,
    ("GET", "/api/v1/runs/{uid:str}/logs/find"): READ,
    ("GET", "/api/v1/runs/{uid:str}/logs/at"): READ,
    ("GET", "/api/v1/events"): READ,
    ("GET", "/api/v1/runs/{uid:str}/resume"): READ,
    ("GET", "/api/v1/runs/{uid:str}/journals/{writer:str}"): WRITE,
    ("PUT", "/api/v1/runs/{uid:str}/journals/{writer:str}"): WRITE,
    ("GET", "/api/v1/runs/{uid:str}/media"): READ,
    ("POST", "/api/v1/media/query"): READ,
    ("GET", "/api/v1/runs/{uid:str}/files"): READ,
    ("GET", "/api/v1/runs/{uid:str}/files/{path:path}"): READ,
    ("GET", "/api/v1/runs/{uid:str}/blobs/{digest:str}"): READ,
    ("GET", "/api/v1/runs/{uid:str}/wanted"): WRITE,
    ("PUT", "/api/v1/runs/{uid:str}/blobs/{digest:str}"): WRITE,
    ("PUT", "/api/v1/runs/{uid:str}/blobs"): WRITE,
    ("GET", "/api/v1/runs/{uid:str}/artifacts"): READ,
    ("GET", "/api/v1/artifacts"): READ,
    ("PATCH", "/api/v1/artifacts"): WRITE,
    ("DELETE", "/api/v1/artifacts"): WRITE,
    ("GET", "/api/v1/artifacts/versions"): READ,
    ("GET", "/api/v1/artifacts/resolve"): READ,
    ("GET", "/api/v1/artifacts/manifest"): READ,
    ("GET", "/api/v1/artifacts/file"): READ,
    ("POST", "/api/v1/artifacts/parcel"): READ,
    ("POST", "/api/v1/runs/{uid:str}/parcel"): READ,
    ("GET", "/api/v1/artifacts/diff"): READ,
    ("GET", "/api/v1/artifacts/lineage"): READ,
    ("PATCH", "/api/v1/artifacts/version"): WRITE,
    ("DELETE", "/api/v1/artifacts/version"): WRITE,
    ("GET", "/api/v1/models"): READ,
    ("POST", "/api/v1/models"): WRITE,
    ("GET", "/api/v1/registry/resolve"): READ,
    ("GET", "/api/v1/models/{name:str}"): READ,
    ("PATCH", "/api/v1/models/{name:str}"): WRITE,
    ("DELETE", "/api/v1/models/{name:str}"): WRITE,
    ("POST", "/api/v1/models/{name:str}/versions"): WRITE,
    ("GET", "/api/v1/models/{name:str}/versions/{number:int}"): READ,
    ("PATCH", "/api/v1/models/{name:str}/versions/{number:int}"): WRITE,
    ("GET", "/api/v1/pipelines"): READ,
    ("GET", "/api/v1/pipelines/compare"): READ,
    ("GET", "/api/v1/pipelines/{uid:str}"): READ,
    ("GET", "/api/v1/pipelines/{uid:str}/step"): READ,
    ("GET", "/api/v1/reports"): READ,
    ("POST", "/api/v1/reports"): WRITE,
    ("PATCH", "/api/v1/reports"): WRITE,
    ("DELETE", "/api/v1/reports"): WRITE,
    ("GET", "/api/v1/reports/resolve"): READ,
    ("POST", "/api/v1/reports/restore"): WRITE,
    ("POST", "/api/v1/reports/panel"): READ,
    ("GET", "/api/v1/reports/frozen"): READ,
    ("POST", "/api/v1/reports/frozen"): WRITE,
    ("GET", "/api/v1/reports/blob"): READ,
    ("GET", "/api/v1/reports/versions"): READ,
    ("GET", "/api/v1/reports/version"): READ,
    ("GET", "/api/v1/reports/page"): READ,
    ("GET", "/api/v1/views"): READ,
    ("GET", "/api/v1/views/resolve"): READ,
    ("POST", "/api/v1/views"): WRITE,
    ("PATCH", "/api/v1/views"): WRITE,
    ("DELETE", "/api/v1/views"): WRITE,
    ("GET", "/api/v1/sweeps"): READ,
    ("POST", "/api/v1/sweeps"): WRITE,
    ("GET", "/api/v1/sweeps/{sweep:str}"): READ,
    ("PATCH", "/api/v1/sweeps/{sweep:str}"): WRITE,
    ("DELETE", "/api/v1/sweeps/{sweep:str}"): WRITE,
    ("GET", "/api/v1/sweeps/{sweep:str}/best"): READ,
    ("GET", "/api/v1/sweeps/{sweep:str}/importance"): READ,
    ("POST", "/api/v1/sweeps/{sweep:str}/queue"): WRITE,
    ("POST", "/api/v1/sweeps/{sweep:str}/repeat"): WRITE,
    ("POST", "/api/v1/agents/{agent:str}/suggest"): WRITE,
    ("POST", "/api/v1/agents"): WRITE,
    ("POST", "/api/v1/agents/{agent:str}/next"): WRITE,
    ("POST", "/api/v1/agents/{agent:str}/beat"): WRITE,
    ("POST", "/api/v1/agents/{agent:str}/report"): WRITE,
    ("DELETE", "/api/v1/models/{name:str}/versions/{number:int}"): WRITE,
    ("POST", "/api/v1/gc"): ADMINISTER,
    ("GET", "/api/v1/openapi.json"): READ,
    ("GET", "/api/v1/openapi"): READ,
    ("GET", "/api/v1/openapi/openapi.json"): READ,
    ("GET", "/api/v1/openapi/{path:str}"): READ,
}
LEVEL = {"anon": 0, "revoked": 0, "wrong": 0, "reader": 1, "writer": 2, "admin": 3}


@pytest.fixture
def team(home: Path) -> Any:
    with Door(home, auth=True) as door:
        yield door


@pytest.fixture
def credentials(team: Door) -> dict[str, str | None]:
    """A key for everyone."""
    keys: dict[str, str | None] = {
        role.name.lower(): access.create_key(team.store, LOCAL_USER, role.name.lower(), role)
        for role in Role
    }
    revoked = access.create_key(team.store, LOCAL_USER, "gone", Role.ADMIN)
    access.revoke_key(team.store, LOCAL_USER, revoked[3:11])
    admin = keys["admin"] or ""
    return {
        **keys,
        "revoked": revoked,
        "anon": None,
        "wrong": admin[:-1] + chr(ord(admin[-1]) ^ 1),
    }


def ask(door: Door, method: str, path: str, key: str | None, headers: Any = None) -> Any:
    """One request; the stream of live events is asked for by HEAD, which ends."""
    script = Script()
    target = (
        path.replace("{uid:str}", script.uid)
        .replace("{writer:str}", script.writer)
        .replace("/{path:path}", "/app.js")
        .replace("{path:str}", "x")
        .replace("{prefix:str}", "nobodys0")
        .replace("{digest:str}", "0" * 64)
        .replace("{name:str}", "nothing")
        .replace("{number:int}", "1")
    )
    sent = {} if key is None else {"Authorization": f"Bearer {key}"}
    bodies = {"/api/v1/session": {"key": "x"}, "/api/v1/keys": {"name": "new"}}
    body = bodies.get(path, {"project": "p"})
    value = body if method in {"POST", "PATCH"} else None
    method = "HEAD" if path == "/api/v1/events" else method
    # Failures are counted by address; each route is tried from one of its own.
    address = f"10.0.{zlib.crc32(f'{method} {path}'.encode()) % 251}.1"
    return door.ask(
        method, target, headers={**sent, **(headers or {})}, json_body=value, token=False,
        scope={"client": (address, 50_000)},
    )  # fmt: skip


def test_the_matrix_names_every_route(team: Door) -> None:
    """A route that is missing here, or here only, fails the build."""
    routes = {
        (method, path): handler.opt["permission"]
        for method, path, handler in declared_routes(team.app.routes)
        if not is_foreign(path)
    }
    assert routes == MATRIX


@pytest.mark.parametrize("who", sorted(LEVEL))
def test_everyone_gets_exactly_what_the_matrix_says(
    team: Door, credentials: dict[str, str | None], who: str
) -> None:
    """401 without a valid key, 403 with too small a role, neither when the role suffices."""
    for (method, path), permission in MATRIX.items():
        answer = ask(team, method, path, credentials[who])
        if permission is None:
            expected = (
                {401} if path in {"/login", "/api/v1/session"} and method != "DELETE" else set()
            )
            assert answer.status in expected or answer.status in {200, 204, 503, 404}, (
                method,
                path,
            )
        elif LEVEL[who] == 0:
            assert answer.status == 401, (method, path, answer.status)
            assert answer.header("www-authenticate") is not None
        elif LEVEL[who] < int(permission):
            assert (answer.status, answer.code) == (403, "permission_denied"), (method, path)
        else:
            assert answer.status not in {401, 403, 405, 415, 500}, (method, path, answer.body)


def test_a_route_without_a_permission_does_not_start() -> None:
    """Deny by default is an assertion at start-up, not a table that someone may forget."""

    @get("/forgotten")
    async def forgotten() -> str:
        return "x"

    with pytest.raises(RuntimeError, match="GET /forgotten"):
        check_permissions(Litestar([forgotten], openapi_config=None))


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic YWJj"},
        {"Authorization": "Basic /////w=="},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer \xff\xfe"},
        {"Authorization": "Digest x"},
        {"Authorization": "Bearer " + "a" * 30_000},
        {"Authorization": ""},
    ],
)
def test_malformed_credentials_are_401(team: Door, headers: dict[str, str]) -> None:
    """AU-22: whatever stands there, never 500 and never in."""
    answer = team.ask("GET", "/api/v1/projects", headers=headers, token=False)
    assert (answer.status, answer.code) == (401, "unauthenticated")


def test_two_authorization_headers_are_400(team: Door, credentials: Any) -> None:
    """AU-22: nobody chooses between two."""
    raw = [(b"authorization", b"Bearer " + credentials["admin"].encode())] * 2
    assert team.ask("GET", "/api/v1/projects", headers=raw, token=False).status == 400


def test_keys_come_as_bearer_or_as_basic_password(team: Door, credentials: Any) -> None:
    """AU-20, AU-21: the user name beside a key is ignored; a key in the address is no key."""
    import base64

    key = credentials["reader"]
    for user in ("api", "", "anyone"):
        text = base64.b64encode(f"{user}:{key}".encode()).decode()
        answer = ask(team, "GET", "/api/v1/projects", None, {"Authorization": f"Basic {text}"})
        assert answer.status == 200
    for query in (f"?api_key={key}", f"?key={key}", f"?token={key}"):
        assert team.ask("GET", f"/api/v1/projects{query}", token=False).status == 401


def test_a_revoked_key_ends_at_the_next_request(team: Door, credentials: Any) -> None:
    """AU-14: the key and the browser sessions made from it."""
    key = credentials["reader"]
    answer = team.ask("POST", "/api/v1/session", json_body={"key": key}, token=False)
    cookie = {"Cookie": (answer.header("set-cookie") or "").split(";")[0]}
    assert team.ask("GET", "/api/v1/projects", headers=cookie, token=False).status == 200
    access.revoke_key(team.store, LOCAL_USER, key[3:11])
    assert team.ask("GET", "/api/v1/projects", headers=cookie, token=False).status == 401
    assert ask(team, "GET", "/api/v1/projects", key).status == 401


def test_strangers_learn_nothing_from_info(team: Door, credentials: Any) -> None:
    """LEAK-06: without a key there is no user and no path."""
    stranger = team.ask("GET", "/api/v1/info", token=False).json()
    assert (stranger["mode"], stranger["user"], stranger["home"]) == ("team", None, "")
    known = ask(team, "GET", "/api/v1/info", credentials["writer"]).json()
    assert known["user"] == {"name": "writer", "role": "writer"}


def test_a_role_cannot_be_asked_for(team: Door, credentials: Any) -> None:
    """AU-07: unknown fields are 400, in every body."""
    headers = {"Authorization": f"Bearer {credentials['writer']}"}
    for method, path, body in (
        ("PATCH", f"/api/v1/runs/{'a' * 32}", {"role": "admin"}),
        ("POST", "/api/v1/runs/query", {"project": "p", "is_admin": True}),
        ("POST", "/api/v1/session", {"key": "x", "role": "admin"}),
    ):
        answer = team.ask(method, path, headers=headers, json_body=body, token=False)
        assert (answer.status, answer.code) == (400, "invalid_input"), path


def test_an_admin_makes_lists_and_ends_keys(team: Door, credentials: Any) -> None:
    """The key that is told once works at once, is listed without its secret, and ends."""
    admin = {"Authorization": f"Bearer {credentials['admin']}"}
    new = {"name": "alice", "role": "writer"}
    made = team.ask("POST", "/api/v1/keys", headers=admin, json_body=new, token=False)
    key = made.json()["key"]
    assert (made.status, made.json()) == (201, {**new, "key": key})
    assert ask(team, "GET", "/api/v1/info", key).json()["user"] == new
    listed = team.ask("GET", "/api/v1/keys", headers=admin, token=False)
    assert listed.json()["keys"][-1]["name"] == "alice"
    assert key[12:] not in listed.body.decode()
    gone = team.ask("DELETE", f"/api/v1/keys/{key[3:11]}", headers=admin, token=False)
    assert gone.status == 204
    assert ask(team, "GET", "/api/v1/projects", key).status == 401
    for bad in ({"name": "x", "role": "root"}, {"name": ""}, {"role": "reader"}):
        answer = team.ask("POST", "/api/v1/keys", headers=admin, json_body=bad, token=False)
        assert (answer.status, answer.code) == (400, "invalid_input"), bad


def test_the_last_admin_key_cannot_be_ended(team: Door, credentials: Any) -> None:
    """409 with what to do; once there is another admin, the first one may go."""
    admin = {"Authorization": f"Bearer {credentials['admin']}"}
    target = f"/api/v1/keys/{(credentials['admin'] or '')[3:11]}"
    kept = team.ask("DELETE", target, headers=admin, token=False)
    assert (kept.status, kept.code) == (409, "conflict")
    assert "--role admin" in kept.json()["error"]["message"]
    assert ask(team, "GET", "/api/v1/keys", credentials["admin"]).status == 200
    new = {"name": "bob", "role": "admin"}
    other = team.ask("POST", "/api/v1/keys", headers=admin, json_body=new, token=False)
    second = {"Authorization": f"Bearer {other.json()['key']}"}
    assert team.ask("DELETE", target, headers=second, token=False).status == 204
    assert ask(team, "GET", "/api/v1/keys", credentials["admin"]).status == 401


def test_a_key_ends_when_it_was_made_to(
    team: Door, credentials: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Good before, refused after; only who has all of it is told when and of whom it was."""
    now = [time.time_ns() // 1000]
    for module in (keys, access):
        monkeypatch.setattr(module, "_now_us", lambda: now[0])
    admin = {"Authorization": f"Bearer {credentials['admin']}"}
    until = now[0] + 3_600_000_000
    new = {"name": "alice", "role": "writer", "expires_us": until}
    made = team.ask("POST", "/api/v1/keys", headers=admin, json_body=new, token=False)
    key = made.json()["key"]
    assert ask(team, "GET", "/api/v1/projects", key).status == 200
    listed = team.ask("GET", "/api/v1/keys", headers=admin, token=False).json()["keys"]
    assert listed[-1]["expires_us"] == until
    now[0] = until
    assert ask(team, "GET", "/api/v1/projects", key).status == 401
    whole = team.ask("POST", "/api/v1/session", json_body={"key": key}, token=False)
    assert "the key of alice expired on" in whole.json()["error"]["message"]
    cut = team.ask("POST", "/api/v1/session", json_body={"key": f"{key[:-1]}!"}, token=False)
    assert cut.json()["error"]["message"].startswith("this is no valid key")
    past = {**new, "expires_us": until}
    late = team.ask("POST", "/api/v1/keys", headers=admin, json_body=past, token=False)
    assert (late.status, late.code) == (400, "invalid_input")
    assert "a time to come" in late.json()["error"]["message"]


def test_a_reader_adds_nothing_to_any_journal(team: Door, credentials: Any, home: Path) -> None:
    """Neither a new one, nor a stretch of one that is there, nor a sign of life."""
    script = Script().rows(1.0, 2.0).finish()
    whole, cut = script.bytes(), script.ends()[1]
    keys = {
        role: {"Authorization": f"Bearer {credentials[role]}"} for role in ("reader", "writer")
    }

    def put(role: str, offset: int, body: bytes) -> Any:
        target = f"{script.address}?offset={offset}"
        return team.ask("PUT", target, headers=keys[role], body=body, token=False)

    refused = put("reader", 0, whole[:cut])
    assert (refused.status, refused.code) == (403, "permission_denied")
    assert "needs a writer" in refused.json()["error"]["message"]
    assert list((home / "runs").iterdir()) == []
    assert put("writer", 0, whole[:cut]).json() == {"offset": cut}
    path = home / "runs" / script.uid / f"{script.writer}.ej"
    before = path.stat()
    for offset, body in ((cut, whole[cut:]), (0, whole), (cut, b"")):
        assert put("reader", offset, body).status == 403
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert put("writer", cut, whole[cut:]).json() == {"offset": len(whole)}


def test_logging_in(team: Door, credentials: Any) -> None:
    """AU-13: no script can read the cookie; logging out and in again end the old session."""
    login = team.ask(
        "POST", "/api/v1/session", json_body={"key": credentials["admin"]}, token=False
    )
    assert login.json() == {"user": {"name": "admin", "role": "admin"}}
    cookie = login.header("set-cookie") or ""
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert credentials["admin"] not in cookie
    first = {"Cookie": cookie.split(";")[0]}
    again = team.ask(
        "POST",
        "/api/v1/session",
        headers=first,
        json_body={"key": credentials["admin"]},
        token=False,
    )
    second = {"Cookie": (again.header("set-cookie") or "").split(";")[0]}
    assert team.ask("GET", "/api/v1/projects", headers=first, token=False).status == 401
    assert team.ask("GET", "/api/v1/projects", headers=second, token=False).status == 200
    out = team.ask("DELETE", "/api/v1/session", headers=second, token=False)
    assert out.status == 204
    assert "Max-Age=0" in (out.header("set-cookie") or "")
    assert team.ask("GET", "/api/v1/projects", headers=second, token=False).status == 401


def test_failed_logins_are_slowed_down(team: Door, credentials: Any) -> None:
    """AU-11: the eleventh in a minute is 429 and says when to come back; keys that are right still
    work.
    """
    for _ in range(10):
        wrong = team.ask("POST", "/api/v1/session", json_body={"key": "x"}, token=False)
        assert wrong.status == 401
    answer = team.ask("POST", "/api/v1/session", json_body={"key": "x"}, token=False)
    assert (answer.status, answer.code) == (429, "too_many_requests")
    assert 0 < int(answer.header("retry-after") or 0) <= 61
    other = {"client": ("10.0.0.9", 5)}
    elsewhere = team.ask(
        "POST",
        "/api/v1/session",
        json_body={"key": credentials["admin"]},
        token=False,
        scope=other,
    )
    assert elsewhere.status == 200


def test_failing_keys_are_slowed_down(team: Door, credentials: Any) -> None:
    """Thirty wrong keys in a minute, then 429; a valid key passes all the same."""
    found = [ask(team, "GET", "/api/v1/projects", "ep_wrong").status for _ in range(32)]
    assert found == [401] * 30 + [429] * 2
    assert ask(team, "GET", "/api/v1/projects", credentials["reader"]).status == 200


def test_a_secure_public_address_makes_a_secure_cookie(
    open_door: Callable[..., Door],
) -> None:
    """WEB-26: with https in front, the cookie never travels without it and belongs to this host
    only.
    """
    door = open_door(auth=True, public_url="https://runs.example.org")
    key = access.create_key(door.store, LOCAL_USER, "k", Role.READER)
    answer = door.ask("POST", "/api/v1/session", json_body={"key": key}, token=False)
    cookie = answer.header("set-cookie") or ""
    assert cookie.startswith("__Host-epochal-")
    assert "Secure" in cookie.split("; ")
