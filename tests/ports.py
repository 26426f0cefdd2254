"""Ports for servers that end and come back at the same address.

What the system gives for port 0 it gives again, to any connection of any process, while the server
that had it is away. These lie below that range, and each worker of the tests has its own.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from typing import Final

FIRST: Final = 20_000
OF_A_WORKER: Final = 1_000
WORKERS: Final = 12

_next = itertools.count(os.getpid() % OF_A_WORKER)


def free_port() -> int:
    """A port on which nobody listens, and which no other worker is given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % WORKERS
    for _ in range(OF_A_WORKER):
        port = FIRST + worker * OF_A_WORKER + next(_next) % OF_A_WORKER
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is no free port")
