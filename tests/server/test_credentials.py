"""Keys, sessions and logins: who is let in, for how long, and how often somebody may try."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from epochal.domain.access import LOCAL_USER, Role
from epochal.service import access
from epochal.store import keys
from tests.server.asking import ask
from tests.server.door import Door
from tests.server.journals import Script


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
