"""A server process for as long as the demo lasts.

Promises: the process is on loopback, answers before `running_server` yields, and is ended by its
pid when the block is left, whatever happened inside.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from epochal.errors import Unavailable
from epochal.journal.home import ServerAddress, read_server_address

ENDS: Final = [
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if (number := getattr(signal, name, None)) is not None
]
"""Signals that end a demo, as far as this system has them."""
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


@contextlib.contextmanager
def running_server(home: Path, port: int | None) -> Iterator[ServerAddress]:
    """The address of a server on ``home``: the one that runs already, or a new one.

    Args:
        home: the directory to serve.
        port: the TCP port of a new server; None takes any free one.

    Raises:
        Unavailable: the new server ended or did not answer in time; its last words are quoted.
    """
    address = read_server_address(home)
    if address is not None and answers(address.url):
        yield address
        return
    command = [sys.executable, "-P", "-m", "epochal", "server", f"--home={home}"]
    command += [f"--host={HOST}", f"--port={port or 0}"]
    with tempfile.TemporaryFile() as words, contextlib.ExitStack() as ended:
        with _signals_held():
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                start_new_session=True,  # Ctrl-C ends the training first, then this block that
            )
            ended.callback(_end, process)
        yield _wait(process, home, words)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Signals that raise here wait until the process that is started in the block is known."""
    came: list[int] = []
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # no other may set a handler
        for number in ENDS:
            if callable(signal.getsignal(number)):
                before[number] = signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


def _wait(process: subprocess.Popen[bytes], home: Path, words: IO[bytes]) -> ServerAddress:
    """The address that the new server wrote into its home, once it answers there."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        address = read_server_address(home)
        if address is not None and address.pid == process.pid and answers(address.url):
            return address
        time.sleep(0.1)
    words.seek(0)
    said = words.read()[-2000:].decode(errors="replace").strip()
    raise Unavailable(
        f"The server for {home} did not start (exit code {process.poll()}). It said:\n"
        f"{said or '(nothing)'}\nFree the port or name another with --port."
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
