"""Scripts that are recorded while they run in a process of their own."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PREAMBLE = """
import json, os, sys, time
from epochal.client.capture.console import Console
RECORD = {record!r}
def sink(stream, first, lines):
    with open(RECORD, "a") as file:
        file.write(json.dumps([time.monotonic(), stream, first, lines]) + "\\n")
console = Console()
console.start(sink)
"""
STOP = "\nconsole.stop(60)\n"


@dataclass(frozen=True)
class Outcome:
    """What a script left behind."""

    code: int
    out: bytes
    err: bytes
    batches: list[tuple[float, int, int, list[str]]]

    @property
    def lines(self) -> dict[int, tuple[int, str]]:
        """Line number to (stream, text): later batches replace earlier ones."""
        shown = {}
        for _, stream, first, lines in self.batches:
            for offset, text in enumerate(lines):
                shown[first + offset] = (stream, text)
        return dict(sorted(shown.items()))

    def texts(self, stream: int | None = None) -> list[str]:
        """The lines of one stream, or of both, in order."""
        return [text for tag, text in self.lines.values() if stream in {None, tag}]


def read_batches(path: Path) -> list[tuple[float, int, int, list[str]]]:
    if not path.exists():
        return []
    return [tuple(json.loads(line)) for line in path.read_text().splitlines()]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """Where the script's sink writes."""
    return tmp_path / "record.jsonl"


@pytest.fixture
def script(tmp_path: Path, record: Path) -> Callable[[str], list[str]]:
    """``script(body)``: the command that runs the body with a started ``console``."""

    def write(body: str) -> list[str]:
        path = tmp_path / "script.py"
        path.write_text(PREAMBLE.format(record=str(record)) + body)
        return [sys.executable, str(path)]

    return write


@pytest.fixture
def run_script(script, record) -> Callable[..., Outcome]:
    """``run_script(body)``: run it to its end with two pipes, or with what ``options`` say."""

    def run(body: str, seconds: float = 60.0, **options) -> Outcome:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        done: Any
        done = subprocess.run(script(body), timeout=seconds, check=False, **options)
        out, err = done.stdout or b"", done.stderr or b""
        return Outcome(done.returncode, out, err, read_batches(record))

    return run


@pytest.fixture
def run_on_terminal(script, record) -> Callable[..., Outcome]:
    """``run_on_terminal(body)``: stdout and stderr are one real (pseudo-)terminal, 132 x 43."""

    def run(body: str, seconds: float = 60.0) -> Outcome:
        outer, inner = os.openpty()
        import fcntl
        import struct
        import termios

        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 43, 132, 0, 0))
        attributes = termios.tcgetattr(inner)
        attributes[1] &= ~termios.OPOST  # what arrives is what was written
        termios.tcsetattr(inner, termios.TCSANOW, attributes)
        process = subprocess.Popen(script(body), stdin=inner, stdout=inner, stderr=inner)
        os.close(inner)
        out = bytearray()
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                if not select.select([outer], [], [], 0.5)[0]:
                    continue
                try:
                    out += os.read(outer, 65_536)
                except OSError:  # EIO: every writer has closed it
                    break
            code = process.wait(max(0.1, deadline - time.monotonic()))
        finally:
            process.kill()
            process.wait()
            os.close(outer)
        return Outcome(code, bytes(out), b"", read_batches(record))

    return run
