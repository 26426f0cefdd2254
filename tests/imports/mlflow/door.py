"""An address that stays while the server behind it is killed and comes back on another port."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator


class Door(socketserver.ThreadingTCPServer):
    """Passes connections on to ``port``; while nobody listens there, they are closed.

    Attributes:
        port: where the server listens.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Through)
        self.port = port
        self._ready: Callable[[], bool] = lambda: False
        self._burn: Callable[[], None] = lambda: None

    def light(self, ready: Callable[[], bool], burn: Callable[[], None]) -> None:
        """Call ``burn`` before what clients send is passed on, from when ``ready`` says so."""
        self._ready, self._burn = ready, burn

    def hear(self) -> None:
        """A client sent something."""
        if self._ready():
            self._burn()

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Through(socketserver.BaseRequestHandler):
    server: Door

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            inside = socket.create_connection(("127.0.0.1", self.server.port))
            with inside:
                outward = (inside, self.request, lambda: None)
                back = threading.Thread(target=_pass, args=outward, daemon=True)
                back.start()
                _pass(self.request, inside, self.server.hear)
                back.join()


def _pass(source: socket.socket, target: socket.socket, hear: Callable[[], None]) -> None:
    """Bytes from one to the other until either is closed; then both are."""
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            hear()
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def door_to(port: int) -> Iterator[Door]:
    """A door for the length of a block."""
    with Door(port) as door:
        thread = threading.Thread(target=door.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield door
        finally:
            door.shutdown()
            thread.join()
