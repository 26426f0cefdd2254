from __future__ import annotations

import os
import time
from typing import Any

import pytest

from epochal.server.auth import Failures, Sessions, check_code, make_code
from tests.server.door import TOKEN, Door, Me


def test_the_own_user_is_let_in_with_any_key(door: Door) -> None:
    """Local mode asks for no key; clients that insist on sending one may send anything."""
    door.peer = Me(os.getuid())
    for headers in ({}, {"Authorization": "Bearer whatever"}, {"Authorization": "Basic YXBpOng="}):
        assert door.ask("GET", "/api/v1/projects", headers=headers, token=False).status == 200


def test_another_user_of_the_machine_is_refused(door: Door) -> None:
    """WEB-28: 403 everywhere, the page included; a stolen-looking key does not help, the token
    does.
    """
    door.peer = Me(os.getuid() + 1)
    for target in ("/", "/api/v1/info", "/api/v1/projects", "/static/app.js"):
        assert door.ask("GET", target, token=False).status == 403
        headers = {"Authorization": "Bearer ep_x"}
        assert door.ask("GET", target, headers=headers, token=False).status == 403
    assert door.ask("GET", "/healthz", token=False).status == 200
    assert door.ask("GET", "/api/v1/projects").status == 200


def test_where_the_user_is_unknown_the_token_decides(door: Door) -> None:
    """Other systems: the page loads, data needs the token of a file that only the owner can
    read.
    """
    door.peer = Me(None)
    assert door.ask("GET", "/api/v1/info", token=False).json()["user"] is None
    assert door.ask("GET", "/api/v1/projects", token=False).status == 401
    wrong = {"Authorization": f"Bearer {TOKEN}x"}
    assert door.ask("GET", "/api/v1/projects", headers=wrong, token=False).status == 401
    assert door.ask("GET", "/api/v1/projects").status == 200


def test_a_login_link_works_once(door: Door) -> None:
    """The code buys one session; a second use, a forgery and an old one are refused."""
    code = make_code(TOKEN, time.time())
    answer = door.ask("GET", f"/login?code={code}", token=False)
    assert (answer.status, answer.header("location")) == (303, "/")
    cookie = {"Cookie": (answer.header("set-cookie") or "").split(";")[0]}
    assert door.ask("GET", "/api/v1/projects", headers=cookie, token=False).status == 200
    old = make_code(TOKEN, time.time() - 1000)
    for bad in (code, make_code("other", time.time()), old, "", "x", code[:-1], "1.2.3", "é"):
        answer = door.ask("GET", f"/login?code={bad}", token=False)
        assert answer.status == 401, bad
        assert answer.header("set-cookie") is None


def test_a_login_link_leads_nowhere_else(door: Door) -> None:
    """WEB-23: there is no ``next``; the only way is to the page."""
    code = make_code(TOKEN, time.time())
    answer = door.ask("GET", f"/login?code={code}&next=//evil.com", token=False)
    assert answer.header("location") == "/"


def test_codes_are_good_for_two_minutes() -> None:
    """The time is inside the signature."""
    code = make_code("t", 1000.0)
    assert check_code("t", code, 1119.0) == 1120.0
    assert check_code("t", code, 1121.0) is None
    later = code.replace("1120", "9999", 1)
    assert check_code("t", later, 1000.0) is None
    assert check_code("", make_code("", 1000.0), 1000.0) is None


def test_sessions_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """After 14 idle days or 30 days in all; ids are long and unlike each other."""
    now = 0.0
    monkeypatch.setattr("epochal.server.auth.time.monotonic", lambda: now)
    sessions = Sessions()
    idle, busy = sessions.open("a"), sessions.open("b")
    assert idle != busy
    assert len(idle) >= 43
    for day in range(1, 31):
        now = day * 86_400.0
        if day < 30:
            assert sessions.credential(busy) == "b"
    now += 1
    assert sessions.credential(busy) is None
    assert sessions.credential(idle) is None
    assert sessions.credential("unknown") is None


def test_failures_are_counted_by_address_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """AU-11: nobody is locked out for ever, and one address does not hurt another."""
    now = 100.0
    monkeypatch.setattr("epochal.server.auth.time.monotonic", lambda: now)
    failures = Failures(2)
    for _ in range(2):
        failures.check("a")
        failures.add("a")
    with pytest.raises(Exception, match="61 seconds"):
        failures.check("a")
    failures.check("b")
    now = 161.0
    failures.check("a")


def test_the_cookie_is_named_after_the_home(home: Any, tmp_path: Any) -> None:
    """Two servers on one host keep their sessions apart: cookies do not know ports."""
    with Door(home) as one, Door(tmp_path / "other") as other:
        assert one.app.gatekeeper.cookie_name != other.app.gatekeeper.cookie_name
