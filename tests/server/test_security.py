from __future__ import annotations

from typing import Any

import pytest

from epochal.server.security import HEADERS
from epochal.server.site import declared_routes
from tests.server.door import HOST, Door

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO"]
EVIL_HOSTS = [
    b"evil.com",
    b"localhost.evil.com",
    b"evil.com:5000",
    b"127.0.0.1.nip.io",
    b"192.168.evil.com",
    b"192.168.0.7",
    b"[::1%evil.com]",
    b"[::1",
    b"::1",
    b"localhost.",
    b"LOCALHOST",
    b"localhost:",
    b"localhost:99999999",
    b"localhost@evil.com",
    b"127.0.0.1:80:80",
    b"\xff\xfe",
    b"",
    b" localhost",
]


def targets(door: Door) -> list[str]:
    """Every path of the running application, with something in place of each parameter."""
    paths = {path for _, path, _ in declared_routes(door.app.routes)}
    return sorted(
        path.replace("{uid:str}", "a" * 32)
        .replace("{writer:str}", "b" * 32)
        .replace("/{path:path}", "/app.js")
        .replace("{path:str}", "x")
        for path in paths
    )


def test_a_foreign_host_is_refused_on_every_route_and_method(door: Door) -> None:
    """WEB-01: only /healthz answers, always with the same text; nothing else does."""
    for target in targets(door):
        for method in METHODS:
            answer = door.ask(method, target, host=b"evil.com")
            if target == "/healthz" and method in {"GET", "HEAD"}:
                assert answer.status == 200
                continue
            expected = 405 if method in {"OPTIONS", "FOO"} else 403
            assert answer.status == expected, (method, target, answer.status)
            assert answer.header("access-control-allow-origin") is None


@pytest.mark.parametrize("host", EVIL_HOSTS)
def test_only_exact_loopback_names_pass(door: Door, host: bytes) -> None:
    """WEB-02, WEB-04, WEB-08: look-alikes, other forms and bytes that are no text get 403, never
    500.
    """
    answer = door.ask("GET", "/api/v1/info", host=host)
    assert answer.status == 403
    assert answer.code == "permission_denied"


@pytest.mark.parametrize(
    "host",
    [b"localhost", b"localhost:1", b"127.0.0.1", b"127.0.0.1:65535", b"[::1]", b"[::1]:8080"],
)
def test_loopback_names_pass_with_any_port(door: Door, host: bytes) -> None:
    """WEB-03: forwards change the port; a rebound page cannot forge the name."""
    assert door.ask("GET", "/api/v1/info", host=host).status == 200


def test_a_request_has_exactly_one_host(door: Door) -> None:
    """WEB-05, WEB-06: two Host headers, and HTTP/1.0 without one, get 400 on /healthz too."""
    for target in ("/api/v1/info", "/healthz"):
        assert door.ask("GET", target, host=None).status == 400
        assert door.ask("GET", target, headers=[(b"host", HOST)]).status == 400
        assert door.ask("GET", target, host=None, scope={"http_version": "1.0"}).status == 400


def test_forwarded_hosts_are_never_read(door: Door) -> None:
    """WEB-09: what a proxy header says changes nothing, in neither direction."""
    forged = {"X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"}
    assert door.ask("GET", "/api/v1/info", host=b"evil.com", headers=forged).status == 403
    forged = {"X-Forwarded-Host": "evil.com"}
    assert door.ask("GET", "/api/v1/info", headers=forged).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        b"https://evil.com",
        b"null",
        b"http://localhost:3000",
        b"https://localhost:7557",
        b"http://localhost",
        b"http://127.0.0.1:7557",
        b"http://localhost:7557/",
        b"HTTP://LOCALHOST:7557",
        b"",
        b"\xff",
    ],
)
def test_an_origin_that_is_not_this_server_is_refused(door: Door, origin: bytes) -> None:
    """WEB-10 to WEB-13: scheme and host must both be ours, on every method, and no CORS header
    answers.
    """
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        for target in targets(door):
            if target == "/healthz":
                continue
            answer = door.ask(method, target, headers=[(b"origin", origin)])
            assert answer.status == 403, (method, target)
            names = {name.lower() for name, _ in answer.headers}
            assert not any(name.startswith(b"access-control") for name in names)


def test_our_own_origin_passes(door: Door) -> None:
    """The page itself sends the Origin of the server that it came from."""
    for host in (b"localhost:7557", b"127.0.0.1:7557", b"[::1]:7557"):
        headers = [(b"origin", b"http://" + host)]
        assert door.ask("GET", "/api/v1/projects", host=host, headers=headers).status == 200


def test_two_origins_are_refused_even_when_one_is_ours(door: Door) -> None:
    """WEB-24's cousin: a repeated header is never collapsed to its first value."""
    headers = [(b"origin", b"http://" + HOST), (b"origin", b"https://evil.com")]
    assert door.ask("GET", "/api/v1/projects", headers=headers).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site", "nonsense"])
def test_other_sites_may_only_open_the_page(door: Door, site: str) -> None:
    """WEB-14, WEB-20: a link may navigate to the page; fetches, frames other than of embeds, and
    data routes are refused.
    """
    fetch = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "User-Agent": "curl/8.0"}
    open_page = {
        "Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
    }  # fmt: skip
    frame = {**open_page, "Sec-Fetch-Dest": "iframe"}
    for target in targets(door):
        if target == "/healthz":
            continue
        # Only what shows and never acts may stand in a frame.
        is_embed = target.startswith("/embed/")
        # Addresses that wandb's client prints lead on to the page.
        leads_on = target.startswith(("/local/", "/{entity:str}/"))
        is_page = (
            leads_on
            or is_embed
            or target in {"/", "/p", "/models", "/keys"}
            or target.startswith(("/p/", "/models/"))
        )
        assert door.ask("GET", target, headers=fetch).status == 403, target
        assert (door.ask("GET", target, headers=frame).status != 403) == is_embed, target
        opened = door.ask("GET", target, headers=open_page).status
        assert (opened != 403) == is_page, target
        assert door.ask("POST", target, headers=open_page).status == 403, target


def test_only_embeds_may_be_framed_and_only_by_named_sites(open_door: Any) -> None:
    """Loopback, the server itself and what the settings name; everything else by nobody."""
    door = open_door(embed_origins=("https://hub.example.org",))
    for target in targets(door):
        answer = door.ask("HEAD", target)
        policy = answer.header("content-security-policy") or ""
        allowed = policy.partition("frame-ancestors ")[2].split(";")[0].split()
        if target.startswith("/embed/"):
            assert allowed == [
                "'self'", "http://localhost:*", "http://127.0.0.1:*", "https://localhost:*",
                "https://127.0.0.1:*", "https://hub.example.org",
            ], target  # fmt: skip
            assert "form-action 'none'" in policy
            assert answer.header("x-frame-options") is None
        elif target != "/healthz":
            assert allowed in (["'none'"], []), target
            assert answer.header("x-frame-options") == "DENY", target


def test_the_document_of_an_embed_is_the_same_for_everybody(door: Door) -> None:
    """A page around it learns nothing: what is shown is asked for from inside."""
    known = door.ask("GET", "/embed/run/x?project=p", token=False)
    other = door.ask("GET", "/embed/panel?project=q")
    assert (known.status, known.body) == (other.status, other.body)


def test_own_and_direct_fetches_pass(door: Door) -> None:
    """WEB-15: same-origin, typed addresses, and clients that are no browser."""
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {}):
        assert door.ask("GET", "/api/v1/projects", headers=headers).status == 200


@pytest.mark.parametrize(
    "kind",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"],
)
def test_json_routes_take_json_only(door: Door, kind: str | None) -> None:
    """WEB-16: what a form of another page can send is 415 before anything reads it."""
    headers = {} if kind is None else {"Content-Type": kind}
    answer = door.ask("POST", "/api/v1/runs/query", headers=headers, body=b'{"project": "p"}')
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_json_with_a_charset_is_json(door: Door) -> None:
    """Clients add ``; charset=utf-8``; the body is read all the same."""
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = door.ask("POST", "/api/v1/runs/query", headers=headers, body=b'{"project": "p"}')
    assert (answer.status, answer.code) == (404, "not_found")


def test_what_passed_once_lets_nothing_else_pass(door: Door) -> None:
    """A call of the API with the same headers is looked at once; with others it is refused."""
    good = {"Content-Type": "application/json"}
    path, body = "/api/v1/runs/query", b'{"project": "p"}'
    for _ in range(2):
        assert door.ask("POST", path, headers=good, body=body).status == 404
    for wrong, status in (
        ({"Content-Type": "text/plain"}, 415), ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ):  # fmt: skip
        for _ in range(2):
            assert door.ask("POST", path, headers=good | wrong, body=body).status == status
    for _ in range(2):
        there = door.ask("POST", path, headers=good, body=body, host=b"evil.example")
        assert there.status == 403
    assert door.ask("POST", path, headers=good, body=body).status == 404
    many = {"X-Filler": "x" * 70_000}
    assert door.ask("POST", path, headers=good | many, body=body).status == 400


def test_preflights_are_not_answered(door: Door) -> None:
    """WEB-18: OPTIONS is 405 everywhere, without any CORS header."""
    headers = {"Origin": "https://evil.com", "Access-Control-Request-Method": "DELETE"}
    for target in targets(door):
        answer = door.ask("OPTIONS", target, headers=headers)
        assert answer.status == 405
        assert not any(n.lower().startswith(b"access-control") for n, _ in answer.headers)


def test_web_sockets_are_closed_before_they_open(door: Door) -> None:
    """WEB-19: a handshake is never accepted, whoever asks; as plain HTTP it is 400."""
    for target in targets(door):
        answer = door.ask("GET", target, scope={"type": "websocket", "scheme": "ws"})
        assert answer.status == 1008
    headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert door.ask("GET", "/api/v1/events", headers=headers).status == 400


def test_methods_cannot_be_overridden(door: Door) -> None:
    """WEB-21: a GET stays a GET."""
    headers = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
    answer = door.ask("GET", "/api/v1/session?_method=DELETE", headers=headers)
    assert answer.status == 405


def test_every_answer_carries_the_security_headers(door: Door) -> None:
    """WEB-22, XSS-07: pages, data, errors and refusals alike, each header exactly once."""
    asked = [
        ("GET", "/", {}), ("GET", "/api/v1/info", {}), ("GET", "/nothing", {}),
        ("POST", "/api/v1/runs/query", {}), ("GET", "/", {"Origin": "https://evil.com"}),
        ("GET", "/static/app.js", {}), ("HEAD", "/", {}), ("FOO", "/", {}),
    ]  # fmt: skip
    for method, target, headers in asked:
        answer = door.ask(method, target, headers=headers)
        for name, value in HEADERS:
            assert answer.all(name.decode()) == [value.decode()], (method, target, name)


def test_repeated_answer_headers_survive(door: Door) -> None:
    """WEB-24: the layers add to the list of headers and never turn it into a mapping."""

    async def two_cookies(scope: Any, receive: Any, send: Any) -> None:
        cookies = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
        await send({"type": "http.response.start", "status": 200, "headers": cookies})
        await send({"type": "http.response.body", "body": b""})

    door.app._app._app = two_cookies
    assert door.ask("GET", "/").all("set-cookie") == ["a=1", "b=2"]


def test_two_framings_of_one_body_are_refused(door: Door) -> None:
    """WEB-27: Transfer-Encoding and Content-Length together smuggle requests past proxies."""
    headers = {"Transfer-Encoding": "chunked", "Content-Length": "3"}
    answer = door.ask("PUT", "/api/v1/runs/x/journals/y?offset=0", headers=headers, body=b"abc")
    assert answer.status == 400


def test_huge_headers_are_refused(door: Door) -> None:
    """DOS-14: 200 KB of header is 400."""
    assert door.ask("GET", "/", headers={"X-Big": "a" * 200_000}).status == 400


def test_a_public_url_adds_its_host_and_origin(open_door) -> None:
    """A proxy's name passes with its own scheme; its plain-http origin does not."""
    door = open_door(auth=True, public_url="https://runs.example.org")
    host = b"runs.example.org"
    for origin, status in ((b"https://" + host, 200), (b"http://" + host, 403)):
        headers = [(b"origin", origin)]
        assert door.ask("GET", "/api/v1/projects", host=host, headers=headers).status == status
    assert door.ask("GET", "/api/v1/projects", host=host + b":444").status == 403
    assert door.ask("GET", "/api/v1/projects", host=b"localhost:7557").status == 200


def test_a_server_on_the_network_answers_to_addresses_but_not_to_names(open_door) -> None:
    """An address cannot be rebound; a name can be pointed here by its owner."""
    door = open_door(auth=True, host="0.0.0.0")
    for host, status in (
        (b"10.1.2.3:7557", 200), (b"[fd00::7]:7557", 200), (b"gpu-box:7557", 403),
        (b"010.1.2.3", 403), (b"167772161", 403), (b"[FD00::7]", 403),
    ):  # fmt: skip
        assert door.ask("GET", "/api/v1/projects", host=host).status == status, host
