"""Real server processes, and raw bytes to and from them."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from epochal.journal.home import ServerAddress, read_server_address
from tests.forked import Forked, begin

START_SECONDS = 60.0
CODE = "import sys; from epochal.cli.serve import serve; sys.exit(serve(**eval(sys.argv[1])))"


class Running:
    """A server process and its address."""

    def __init__(
        self, process: subprocess.Popen[bytes] | Forked, address: ServerAddress, log: Path
    ) -> None:
        self.process = process
        self.address = address
        self.log = log
        self.port = int(address.url.rsplit(":", 1)[1])

    def raw(self, text: bytes, seconds: float = 30.0, half_close: bool = False) -> bytes:
        """Send bytes on a new connection and read until the server closes it or is silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(text)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            return read_answer(connection, bodiless=text.startswith(b"HEAD "))

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """One request by a usual client."""
        request = urllib.request.Request(
            self.address.url + path, data=body, method=method, headers=headers or {}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def json(self, method: str, path: str, value: Any = None) -> Any:
        """The JSON answer of a request that must succeed."""
        body = None if value is None else json.dumps(value).encode()
        status, answer = self.ask(method, path, body, {"Content-Type": "application/json"})
        assert status == 200, (status, answer)
        return json.loads(answer)

    def cookie(self, login: bytes) -> str:
        """The cookie of a new browser session, made from ``{"key": ...}``."""
        request = urllib.request.Request(
            self.address.url + "/api/v1/session",
            data=login,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            return str(reply.headers["Set-Cookie"]).split(";")[0]

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait()


def start(home: Path, **arguments: Any) -> Running:
    """Start a server and wait until it answers.

    Raises:
        AssertionError: it did not; its output is quoted.
    """
    log = home.parent / f"{home.name}.log"
    process = begin("-c", CODE, repr({"home": str(home), "port": 0, **arguments}), log=log)
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        address = read_server_address(home)
        if address is not None and address.pid == process.pid:
            return Running(process, address, log)
        time.sleep(0.01)
    process.kill()
    process.wait()
    raise AssertionError(f"the server did not start: {log.read_text()}")


@contextlib.contextmanager
def serving(home: Path, **arguments: Any) -> Iterator[Running]:
    """A server for the length of a block."""
    running = start(home, **arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGTERM)
        try:
            running.process.wait(60)
        except subprocess.TimeoutExpired:
            running.kill()
            raise


def read_answer(connection: socket.socket, *, bodiless: bool = False) -> bytes:
    """Bytes until one whole answer is there, of its head only, or the other side closes."""
    data = b""
    while True:
        head, split, rest = data.partition(b"\r\n\r\n")
        if split and bodiless:
            return data
        if split:
            for line in head.split(b"\r\n"):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length" and len(rest) >= int(value):
                    return data
        try:
            part = connection.recv(65_536)
        except (ConnectionResetError, TimeoutError):
            return data
        if not part:
            return data
        data += part


class Stream:
    """A live-event stream, read event by event."""

    def __init__(
        self, running: Running, query: str = "", *, key: str = "", cookie: str = ""
    ) -> None:
        head = f"GET /api/v1/events{query} HTTP/1.1\r\nHost: localhost\r\n"
        head += f"Authorization: Bearer {key}\r\n" if key else ""
        head += f"Cookie: {cookie}\r\n" if cookie else ""
        self._socket = socket.create_connection(("127.0.0.1", running.port), timeout=60)
        self._socket.sendall(f"{head}\r\n".encode())
        self._file = self._socket.makefile("rb")
        while self._file.readline().strip():
            pass

    def event(self) -> tuple[str, Any]:
        """The next event's name and data; ``("", None)`` when the stream ends."""
        name = ""
        for line in self._file:
            if line.startswith(b"event: "):
                name = line[7:].strip().decode()
            elif line.startswith(b"data: "):
                return name, json.loads(line[6:])
            elif line == b"0\r\n":
                break  # the last chunk; the connection itself may live on
        return "", None

    def close(self) -> None:
        """Go away."""
        self._file.close()
        self._socket.close()
