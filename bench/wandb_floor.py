"""A server that costs a client as little as any can: the floors of `bench.wandb`.

For uploads it passes requests on to a server of ours, but takes the body of an artifact's file
and throws it away; when the client commits the artifact, the file goes up from here, so that the
client ends as ever. That pause is told, to be taken off what the client measured.
For readers it passes requests on and keeps the answers; the same request again is answered from
memory.

Called as ``python -m bench.wandb_floor PORT [FILE]``: the port of our server, the file that the
client sends. Prints the port that it listens on; when its input ends, the seconds of all pauses.
"""

from __future__ import annotations

import http.client
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

PIECE: Final = 1024 * 1024
BLOB: Final = "/artifacts/blob/"
COMMIT: Final = b"commitArtifact("
Answer = tuple[int, list[tuple[str, str]], bytes]
OWN: Final = frozenset({"connection", "transfer-encoding", "content-length"})


class Floor(ThreadingHTTPServer):
    """Listens on a free port of loopback.

    Args:
        port: of the server behind.
        source: the file that clients send; without one they read.

    Attributes:
        kept: the answers to those who read, by method, path and body.
        owed: address of the file's upload, until it is made.
        paused_s: seconds that clients waited for it.
    """

    daemon_threads = True

    def __init__(self, port: int, source: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = port
        self.kept: dict[tuple[str, str, bytes], Answer] = {}
        self.source = source
        self.owed = ""
        self.paused_s = 0.0

    def settle(self) -> None:
        """Send the file."""
        assert self.source is not None
        begun = time.perf_counter()
        with self.source.open("rb") as file:
            size = {"Content-Length": str(self.source.stat().st_size)}
            server = http.client.HTTPConnection("127.0.0.1", self.port)
            server.request("PUT", self.owed, file, size)
            answer = server.getresponse()
            if answer.status != 200:
                raise RuntimeError(f"the server answers {answer.status}: {answer.read()!r:.500}")
        self.owed = ""
        self.paused_s += time.perf_counter() - begun


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Floor
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        if self.command == "PUT" and self.path.startswith(BLOB):
            room = memoryview(bytearray(PIECE))
            while size:
                size -= self.rfile.readinto(room[: min(size, PIECE)])  # type: ignore[attr-defined]
            self.server.owed = self.path
            self._answer(200, [], b"")
            return
        body = self.rfile.read(size)
        if self.server.owed and COMMIT in body:
            self.server.settle()
        asked = (self.command, self.path, body)
        answer = self.server.kept.get(asked)
        if answer is None:
            answer = self._pass_on(body)
            if self.server.source is None:
                self.server.kept[asked] = answer
        self._answer(*answer)

    do_POST = do_PUT = do_GET  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _pass_on(self, body: bytes) -> Answer:
        server = http.client.HTTPConnection("127.0.0.1", self.server.port)
        server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in OWN | {"accept-encoding"}:
                server.putheader(name, value)
        server.putheader("Content-Length", str(len(body)))
        server.endheaders(body)
        answer = server.getresponse()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in OWN]
        found = answer.status, kept, answer.read()
        server.close()
        return found

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    sent = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    with Floor(int(sys.argv[1]), sent) as floor:
        threading.Thread(target=floor.serve_forever, daemon=True).start()
        print(floor.server_address[1], flush=True)
        sys.stdin.read()
        print(floor.paused_s, flush=True)
        floor.shutdown()
