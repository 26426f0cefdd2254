"""Targets of alerts: a web server and a mail server on loopback that keep what they got."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Hook:
    """A webhook: what it got, and what it answers next (200 when nothing is planned)."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.answers: list[int] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/very-secret?x=1"


@contextmanager
def webhook() -> Iterator[Hook]:
    """A web server of its own."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.got.append(json.loads(body))
            hook.paths.append(self.path)
            status = hook.answers.pop(0) if hook.answers else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"http://127.0.0.1:{hook.port}/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()


class Postbox:
    """A mail server: the mails that it took, and whether it takes any."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str, str]] = []
        self.logins: list[str] = []
        self.refuse = False
        self.port = 0


@contextmanager
def postbox() -> Iterator[Postbox]:
    """A mail server of its own, as much of SMTP as a client needs."""
    box = Postbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say(220, "here")
            sender = to = ""
            while line := self.rfile.readline().decode().rstrip():
                verb = line.partition(" ")[0].upper()
                if verb == "EHLO":
                    self.wfile.write(b"250-here\r\n250 AUTH PLAIN\r\n")
                elif verb == "AUTH":
                    box.logins.append(line)
                    self._say(235, "welcome")
                elif verb == "MAIL":
                    sender = line
                    self._say(451 if box.refuse else 250, "so")
                elif verb == "RCPT":
                    to = line
                    self._say(250, "ok")
                elif verb == "DATA":
                    self._say(354, "go on")
                    box.mails.append((sender, to, self._text()))
                    self._say(250, "taken")
                else:
                    self._say(221 if verb == "QUIT" else 250, "ok")
                    if verb == "QUIT":
                        return

        def _say(self, code: int, text: str) -> None:
            self.wfile.write(f"{code} {text}\r\n".encode())

        def _text(self) -> str:
            lines: list[str] = []
            while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                lines.append(line)
            return "\n".join(lines)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        box.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def dripping() -> Iterator[int]:
    """The port of a server that never ends its first line, and never stops to write it."""
    ending = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                while not ending.wait(0.02):
                    self.request.sendall(b"2")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            ending.set()
            server.shutdown()
            thread.join()
