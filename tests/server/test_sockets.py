"""The rules that only real bytes on a real socket can show."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from epochal.server.security import HEADERS
from tests.server.processes import Running, read_answer, serving

END = b"\r\n\r\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("raw") / "home"
    with serving(home) as server:
        yield server


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.parametrize(
    "request_bytes,expected",
    [
        (b"GET /api/v1/info HTTP/1.1\r\nHost: localhost", 200),
        (b"GET /api/v1/info HTTP/1.1\r\nHost: evil.com", 403),
        (b"GET /api/v1/info HTTP/1.1\r\nHost: localhost\r\nHost: localhost", 400),
        (b"GET /api/v1/info HTTP/1.1\r\nHost: localhost\r\nHost: evil.com", 400),
        (b"GET /api/v1/info HTTP/1.0", 400),
        (b"GET /api/v1/info HTTP/1.0\r\nHost: localhost", 200),
        (b"GET /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1\r\nHost: localhost", 200),
        (b"GET /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.0\r\nHost: localhost", 200),
        (b"HEAD /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1\r\nHost: localhost", 200),
        (b"GET /healthz HTTP/1.0", 400),
        (b"GET /api/v1/info HTTP/1.1", 400),
        (b"GET http://evil.com/api/v1/info HTTP/1.1\r\nHost: localhost", 400),
        (b"GET http://localhost/api/v1/info HTTP/1.1\r\nHost: localhost", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: localhost", 400),
        (b"CONNECT evil.com:443 HTTP/1.1\r\nHost: localhost", 400),
        (b"GET /api/v1/info HTTP/1.1\r\nHost: \xff\xfe", 403),
        (b"FOO / HTTP/1.1\r\nHost: localhost", 400),
        (b"TRACE / HTTP/1.1\r\nHost: localhost", 405),
        (b"OPTIONS / HTTP/1.1\r\nHost: localhost", 405),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost", 400),
        (b"GET /api/v1/info HTTP/1.1\r\nHost: localhost\r\nX-Big: " + b"a" * 200_000, 400),
        (b"GET / HTTP/9.9\r\nHost: localhost", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6", 400),
    ],
)  # fmt: skip
def test_raw_requests_get_their_status(
    running: Running, request_bytes: bytes, expected: int
) -> None:
    """WEB-01 to WEB-08, WEB-19, DOS-14: never 500, never an answer to bytes that are no request of
    ours.
    """
    answer = running.raw(request_bytes + END)
    assert status(answer) == expected, answer[:200]
    head = answer.split(END)[0].lower()
    for name, _ in HEADERS:
        assert head.count(b"\r\n" + name + b":") == 1, name


def test_smuggled_framing_is_refused(running: Running) -> None:
    """WEB-27: Transfer-Encoding with Content-Length is 400, and what follows is not read as a
    request.
    """
    smuggled = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        b"GET /api/v1/info HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    answer = running.raw(smuggled, half_close=True)
    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "path",
    [
        b"/static/../../../../etc/passwd",
        b"/static/..%2f..%2f..%2fetc/passwd",
        b"/static/%2e%2e/%2e%2e/etc/passwd",
        b"/static/%252e%252e%252fetc%252fpasswd",
        b"/static/..\\..\\windows\\win.ini",
        b"/static/..%5c..%5cwindows",
        b"/static//etc/passwd",
        b"/static/%2fetc%2fpasswd",
        b"/static/C:%5cx",
        b"/static/./app.js",
        b"/static/app.js%00.png",
        b"/static/app.js/",
        b"/static/..;/x",
        b"/static/x%23../../etc",
        b"/static/%ff%fe",
        b"/static/" + b"a" * 5000,
        b"/static/" + b"a/" * 300,
        b"/static/%E2%80%A8",
    ],
)
def test_hostile_paths_find_nothing(running: Running, path: bytes) -> None:
    """PT-01 to PT-15: a name that is not in the table is 404 (or 400), whatever it decodes to."""
    answer = running.raw(b"GET " + path + b" HTTP/1.1\r\nHost: localhost" + END)
    assert status(answer) in {400, 404}, answer[:200]
    assert b"root:" not in answer


def test_a_connection_that_says_nothing_is_closed(tmp_path: Path) -> None:
    """DOS-12: a head that does not come in time ends the connection, even one byte at a time."""
    with serving(tmp_path / "home") as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
            stop = threading.Event()

            def drip() -> None:
                for byte in b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"a" * 1000:
                    try:
                        connection.send(bytes([byte]))
                    except OSError:
                        return
                    if stop.wait(0.2):
                        return

            thread = threading.Thread(target=drip)
            begun = time.monotonic()
            thread.start()
            answer = read_answer(connection)
            stop.set()
            thread.join()
        assert answer == b""
        assert 5 < time.monotonic() - begun < 60


def test_keep_alive_serves_many_requests(running: Running) -> None:
    """One connection, many requests: the usual client pays for one look-up of its user."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
        for _ in range(20):
            connection.sendall(b"GET /api/v1/info HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = read_answer(connection)
            assert status(answer) == 200
            assert b'"role":"admin"' in answer


SEARCH = b"POST /api/2.0/mlflow/experiments/search HTTP/1.1\r\nHost: localhost\r\n"
BODY = b'{"max_results": 1}'
PLAIN = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.6])
def test_a_short_body_may_come_behind_its_head(running: Running, pause: float) -> None:
    """At once, soon, or after the server has stopped waiting for it, whole and in two parts."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for parts in ([BODY], [BODY[:7], BODY[7:]]):
            connection.sendall(SEARCH + PLAIN)
            for part in parts:
                time.sleep(pause)
                connection.sendall(part)
            answer = read_answer(connection)
            assert status(answer) == 200
            assert b'"name":"Default"' in answer


def test_requests_sent_together_are_answered_in_their_order(running: Running) -> None:
    """A client need not wait for an answer; the last body here is late."""
    get = (
        b"GET /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        connection.sendall(SEARCH + PLAIN + BODY + get + SEARCH + PLAIN)
        time.sleep(0.1)
        connection.sendall(BODY)
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK") < 3 or not answers.endswith(b"}"):
            answers += connection.recv(65_536)
    first, second, third = answers.split(b"HTTP/1.1 200 OK")[1:]
    assert (b'"experiments"' in first, b'"experiment":' in second) == (True, True)
    assert b'"experiments"' in third


def test_a_client_that_goes_away_before_its_body_harms_nobody(running: Running) -> None:
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
            connection.sendall(SEARCH + PLAIN + BODY[:3])
    answer = running.raw(b"GET /api/v1/info HTTP/1.1\r\nHost: localhost" + END)
    assert status(answer) == 200
