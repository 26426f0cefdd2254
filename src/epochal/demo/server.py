"""A server process for as long as the demo lasts.

Promises: the process is on loopback, answers before `running_server` yields, and is ended by its
pid when the block is left, whatever happened inside.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from epochal.errors import Unavailable
from epochal.journal.home import read_server_address

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 10.0


def answers(url: str) -> bool:
    """Whether an Epochal server answers at ``url`` within two seconds."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as reply:  # noqa: S310 - http only
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def free_port() -> int:
    """A TCP port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running_server(home: Path, port: int | None) -> Iterator[str]:
    """The address of a server on ``home``: the one that runs already, or a new one.

    Raises:
        Unavailable: the new server ended or did not answer in time; its last words are quoted.
    """
    address = read_server_address(home)
    if address is not None and answers(address.url):
        yield address.url
        return
    chosen = free_port() if port is None else port
    command = [sys.executable, "-m", "epochal", "server", f"--home={home}"]
    command += [f"--host={HOST}", f"--port={chosen}"]
    url = f"http://{HOST}:{chosen}"
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,  # Ctrl-C ends the training first, then this block the server
        )
        try:
            _wait(process, url, words)
            yield url
        finally:
            _end(process)


def _wait(process: subprocess.Popen[bytes], url: str, words: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            words.seek(0)
            said = words.read()[-2000:].decode(errors="replace").strip()
            raise Unavailable(
                f"The server for {url} did not start (exit code {process.poll()}). It said:\n"
                f"{said or '(nothing)'}\nFree the port or name another with --port."
            )
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
