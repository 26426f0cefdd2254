"""A proxy on which requests fail in all the ways of a bad line, one kind after the other."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

FAULTS: Final = ("cut after", "cut before", "torn", "unavailable", "slow", "twice")
"""What happens to the requests of each kind, in turns; some pass.

``cut before``: the server never hears of it. ``cut after``: it does, and nobody hears the answer.
``torn``: likewise, half of the answer comes. ``unavailable``: 503. ``slow``: half a second late.
``twice``: the server hears it twice.
"""
STREAM: Final = "file_stream"
CALM: Final = 3
"""So many of the other kinds pass before one fails: the client waits two seconds each time."""
GIVES_UP: Final = frozenset({("graphql", "torn")})
"""What wandb's client does not try again, whatever the server is."""
SLOW_S: Final = 0.5


class Faulty(ThreadingHTTPServer):
    """Listens on a free port of loopback and passes requests on.

    Args:
        port: where the server listens.
        faults: what happens here.
        change: makes another body of that of each `STREAM` request.

    Attributes:
        met: how often each fault met each kind of request.
        taken: bodies of `STREAM` that the server answered with success.
    """

    daemon_threads = True

    def __init__(
        self,
        port: int,
        faults: tuple[str, ...] = FAULTS,
        change: Callable[[bytes], bytes] | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = port
        self.change = change
        self._faults = faults
        self.met: Counter[tuple[str, str]] = Counter()
        self.taken: list[bytes] = []
        self._turns: dict[str, Iterator[str]] = {}
        self._guard = threading.Lock()

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def turn(self, kind: str) -> str:
        """What happens to the next request of a kind."""
        with self._guard:
            if kind not in self._turns:
                faults = [fault for fault in self._faults if (kind, fault) not in GIVES_UP]
                calm = ["pass"] * CALM if kind != STREAM else []
                turns = [turn for fault in faults for turn in (*calm, fault)]
                self._turns[kind] = itertools.cycle(["pass", *turns])
            fault = next(self._turns[kind])
            self.met[kind, fault] += 1
            return fault

    def faults_of(self, kind: str) -> set[str]:
        """What a kind of request has met so far."""
        with self._guard:
            return {fault for met, fault in self.met if met == kind}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Faulty

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.path.rpartition("/")[2] if self.command == "POST" else self.command
        fault = self.server.turn(kind)
        if kind == STREAM and self.server.change is not None:
            body = self.server.change(body)
        if fault == "cut before":
            self._cut()
            return
        if fault == "unavailable":
            self._answer(503, [("Content-Type", "application/json")], b'{"error":"a moment"}')
            return
        try:
            if fault == "twice":
                self._forward(body)
            status, headers, answer = self._forward(body)
        except (OSError, http.client.HTTPException):  # the server is gone for a moment
            self._cut()
            return
        if kind == STREAM and status == 200:
            self.server.taken.append(body)
        if fault == "slow":
            time.sleep(SLOW_S)
        if fault == "cut after":
            self._cut()
        elif fault == "torn" and answer:
            self._answer(status, headers, answer, answer[: len(answer) // 2])
            self._cut()
        else:
            self._answer(status, headers, answer)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        server = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        with contextlib.closing(server):
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                    server.putheader(name, value)
            if body or "Content-Length" in self.headers:
                server.putheader("Content-Length", str(len(body)))
            server.endheaders(body)
            answer = server.getresponse()
            kept = [
                (name, value)
                for name, value in answer.getheaders()
                if name.lower() not in ("content-length", "transfer-encoding", "connection")
            ]
            return answer.status, kept, answer.read()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, sent: bytes | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if sent is None else sent)

    def _cut(self) -> None:
        self.close_connection = True


@contextlib.contextmanager
def faulty(
    port: int,
    faults: tuple[str, ...] = FAULTS,
    change: Callable[[bytes], bytes] | None = None,
) -> Iterator[Faulty]:
    """A proxy before the server at ``port``, see `Faulty`."""
    with Faulty(port, faults, change) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
