"""Server processes that are forked where all that a server imports is there already.

Hundreds of tests need a server of their own, and two thirds of what one costs until it answers
are imports. A forked one is a server process like any other; how one starts from nothing is the
matter of `tests/cli/test_serve.py` and `tests/server/test_runner.py`.
"""

from __future__ import annotations

import functools
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

STEM = Path(__file__).with_name("stem.py")
LASTING = (
    "PYTHON",
    "LD_",
    "OMP_",
    "OPENBLAS_",
    "NPY_",
    "NUMPY_",
    "LITESTAR_",
    "LANG",
    "LC_",
    "TZ",
)
"""Beginnings of variables that are read once: by the interpreter, or by what is imported."""
GLANCE_SECONDS = 0.02


class Forked:
    """A process that `tests/stem.py` forked: of `subprocess.Popen`, what tests use."""

    def __init__(self, stem: Stem, pid: int) -> None:
        self.pid = pid
        self._stem = stem

    @property
    def returncode(self) -> int | None:
        """As `poll` says."""
        return self.poll()

    def poll(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it runs."""
        return self._stem.code(self.pid)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not, in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self._stem.code(self.pid, GLANCE_SECONDS)) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """End it politely."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a word."""
        self.send_signal(signal.SIGKILL)


class Stem:
    """The process that forks; it ends with ours. Safe to use from several threads."""

    def __init__(self) -> None:
        self.lasting = lasting(os.environ)
        """What it keeps for all that it forks."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(STEM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._said = b""
        self._codes: dict[int, int] = {}
        self._started: list[int] = []
        self._lock = threading.Lock()

    def fork(self, *arguments: str, log: Path) -> Forked:
        """``python`` with arguments, in a session of its own; its log goes on where it ended."""
        order: dict[str, Any] = {
            "arguments": arguments,
            "environment": dict(os.environ),
            "folder": os.getcwd(),
            "log": str(log.absolute()),
        }
        with self._lock:
            order["mask"] = os.umask(0)
            os.umask(order["mask"])
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            while not self._started:
                self._listen(60.0)
            return Forked(self, self._started.pop())

    def code(self, pid: int, seconds: float = 0.0) -> int | None:
        """How a process ended, as far as that is known after so many seconds."""
        with self._lock:
            if pid not in self._codes:
                self._listen(seconds)
            return self._codes.get(pid)

    def _listen(self, seconds: float) -> None:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return
        got = os.read(self._process.stdout.fileno(), 65_536)
        assert got, f"the process that forks ended: {self._process.wait()}"
        *lines, self._said = (self._said + got).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "started" in told:
                self._started.append(told["started"])
                self._codes.pop(told["started"], None)  # of a process that had its number before
            else:
                self._codes[told["ended"]] = told["code"]


def lasting(environment: os._Environ[str]) -> dict[str, str]:
    """The variables that a process keeps as they were when it began."""
    return {k: v for k, v in environment.items() if k.startswith(LASTING)}


@functools.cache
def _stem() -> Stem:
    return Stem()


def begin(*arguments: str, log: Path) -> subprocess.Popen[bytes] | Forked:
    """Start ``python`` with arguments: forked, or anew where variables differ that last.

    Args:
        arguments: ``-m`` and a module's name, or ``-c`` and a program; then the arguments of that.
        log: where its output goes, behind what is there.
    """
    stem = _stem()
    if stem.lasting == lasting(os.environ):
        return stem.fork(*arguments, log=log)
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
