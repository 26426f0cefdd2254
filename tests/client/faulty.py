"""A server of the upload route on loopback that misbehaves as it is told.

And keeps exactly what it acknowledged.

It follows docs/internals/wire.md: bytes are taken from the offset that it holds, those it has are
skipped, a gap is 409. A fault is applied to one exchange: before the bytes are taken, after, or
instead of an answer.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from epochal.journal.frame import FILE_HEADER_SIZE, scan_frames

FAULTS = (
    "drop request",
    "drop answer",
    "503",
    "503 after",
    "429",
    "500 html",
    "html 200",
    "empty 200",
    "cut answer",
    "half taken",
    "silly offset",
    "redirect",
)


class FaultyServer:
    """The server; ``faults`` gives the fault of each upload, or None.

    Attributes:
        held: writer to the bytes that are acknowledged or taken.
        requests: ``(writer, offset, length)`` of every upload.
    """

    def __init__(self, faults: Iterator[str | None] | None = None, port: int = 0) -> None:
        self.faults = faults if faults is not None else iter(())
        self.held: dict[str, bytearray] = {}
        self.requests: list[tuple[str, int, int]] = []
        self.problems: list[str] = []
        self.authorization: set[str | None] = set()
        self.status_for_all: int | None = None
        self.resume: dict[str, Any] | None = None
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536

            def do_PUT(self) -> None:
                server.upload(self)

            def do_GET(self) -> None:
                server.answer_resume(self)

            def log_message(self, *_: Any) -> None:
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def upload(self, request: BaseHTTPRequestHandler) -> None:
        """One PUT, with its fault."""
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        parts = urlsplit(request.path)
        writer = parts.path.rsplit("/", 1)[1]
        offset = int(parse_qs(parts.query)["offset"][0])
        self.authorization.add(request.headers.get("Authorization"))
        with self._lock:
            self.requests.append((writer, offset, len(body)))
            fault = next(self.faults, None)
            if self.status_for_all is not None:
                error = {"code": "x", "message": "because the test says so"}
                self._reply(request, self.status_for_all, {"error": error})
                return
            self._apply(fault, request, writer, offset, body)

    def _apply(
        self,
        fault: str | None,
        request: BaseHTTPRequestHandler,
        writer: str,
        offset: int,
        body: bytes,
    ) -> None:
        before: dict[str, Callable[[], None]] = {
            "drop request": lambda: self._hang_up(request),
            "503": lambda: self._reply(
                request, 503, {"error": {"message": "busy"}}, {"Retry-After": "0"}
            ),
            "429": lambda: self._reply(request, 429, {}, {"Retry-After": "0"}),
            "500 html": lambda: self._raw(request, 500, b"<html>oops</html>"),
            "html 200": lambda: self._raw(request, 200, b"<html>Please sign in</html>"),
            "empty 200": lambda: self._raw(request, 200, b""),
            "silly offset": lambda: self._reply(request, 200, {"offset": 10**12}),
            "redirect": lambda: self._raw(request, 302, b"", {"Location": "http://127.0.0.1:1/"}),
        }
        if fault in before:
            before[fault]()
            return
        if fault == "half taken":
            half = scan_frames(
                body, FILE_HEADER_SIZE if offset == 0 else 0, max(1, len(body) // 2)
            ).end
            body = body[:half]
        status, reply = self._take(writer, offset, body)
        if fault == "drop answer":
            self._hang_up(request)
        elif fault == "503 after":
            self._reply(request, 503, {"error": {"message": "commit, then trouble"}})
        elif fault == "cut answer":
            self._raw(request, 200, b'{"offset": 1', {"Content-Length": "500"})
            self._hang_up(request)
        else:
            self._reply(request, status, reply)

    def _take(self, writer: str, offset: int, body: bytes) -> tuple[int, dict[str, Any]]:
        held = self.held.setdefault(writer, bytearray())
        if offset > len(held):
            error = {"code": "offset_mismatch", "message": "gap", "expected": len(held)}
            return 409, {"error": error}
        scan = scan_frames(body, FILE_HEADER_SIZE if offset == 0 else 0)
        if scan.end != len(body) or scan.damaged:
            self.problems.append(f"a stretch of {len(body)} bytes at {offset} has no whole frames")
        known = len(held) - offset
        if held[offset : offset + len(body)] != body[:known]:
            self.problems.append(
                f"bytes at {offset}+{len(body)} differ from those of the {len(held)} held"
            )
        held += body[known:]
        return 200, {"offset": len(held)}

    def answer_resume(self, request: BaseHTTPRequestHandler) -> None:
        """GET .../resume."""
        if self.resume is None:
            self._reply(request, 404, {"error": {"code": "not_found", "message": "no"}})
        else:
            self._reply(request, 200, self.resume)

    @staticmethod
    def _reply(
        request: BaseHTTPRequestHandler,
        status: int,
        body: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> None:
        FaultyServer._raw(
            request,
            status,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", **(headers or {})},
        )

    @staticmethod
    def _raw(
        request: BaseHTTPRequestHandler,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
    ) -> None:
        headers = {"Content-Length": str(len(body)), **(headers or {})}
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    @staticmethod
    def _hang_up(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        request.wfile.flush()
        request.connection.close()
