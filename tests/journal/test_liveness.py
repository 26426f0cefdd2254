"""Whether a writer lives is the kernel's word, not a guess from clocks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from epochal.domain.record import Header
from epochal.journal.liveness import is_held
from epochal.journal.writer import open_journal

HOLD = """
import sys
from epochal.domain.record import Header
from epochal.journal.writer import open_journal
journal = open_journal(sys.argv[1], "ab" * 16, "cd" * 16, Header("local", "p", "r", started_us=1))
print(journal.path, flush=True)
sys.stdin.read()
"""


def test_a_journal_is_held_while_it_is_open(tmp_path: Path) -> None:
    journal = open_journal(
        str(tmp_path), "ab" * 16, "cd" * 16, Header("l", "p", "r", started_us=1)
    )
    assert journal.path is not None
    assert is_held(journal.path)
    open(journal.path, "rb").close()
    assert is_held(journal.path), (
        "a reader that opens and closes the file does not disturb the lock"
    )
    journal.close()
    assert is_held(journal.path) is False


def test_sigkill_lets_go(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        path = process.stdout.readline().strip()
        assert is_held(path)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60)
    assert is_held(path) is False


def test_a_forked_child_does_not_hold_its_parents_journal(tmp_path: Path) -> None:
    journal = open_journal(
        str(tmp_path), "ab" * 16, "cd" * 16, Header("l", "p", "r", started_us=1)
    )
    assert journal.path is not None
    theirs, ours = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        journal.abandon()
        theirs.send(b"!")
        theirs.recv(1)
        os._exit(0)
    theirs.close()
    with ours:
        ours.recv(1)
        journal.close()
        held = is_held(journal.path)
    os.waitpid(child, 0)
    assert held is False


def test_a_missing_file_is_an_error_and_not_a_dead_writer(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        is_held(str(tmp_path / "nothing.ej"))
