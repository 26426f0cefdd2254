"""Standard streams that may be missing: nothing of ours lands in somebody else's file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FILL = """
import os, sys
from epochal.cli.streams import fill_standard_streams
fill_standard_streams()
opened = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
print("to stdout", flush=True)
print("to stderr", file=sys.stderr, flush=True)
assert sys.stdin.read() == ""
os.write(opened, f"{opened > 2}".encode())
"""
TELL = """
import os, sys
from epochal.cli.streams import tell
read, write = os.pipe()
os.dup2(write, 1)
os.close(read), os.close(write)
tell("nobody hears this")
tell("nor this")
print("nor this", flush=True)
"""


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-", "1>&- 2>&-"])
def test_a_closed_stream_is_filled_before_a_file_takes_its_number(
    tmp_path: Path, closed: str
) -> None:
    """The next file that is opened gets a number of its own, and printing goes nowhere."""
    target = tmp_path / "file"
    command = f'exec "{sys.executable}" -c "$0" "$1" {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", command, FILL, str(target)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert target.read_text() == "True"
    assert done.stdout == ("" if "1>&-" in closed else "to stdout\n")
    assert done.stderr == ("" if "2>&-" in closed else "to stderr\n")


def test_open_streams_stay_as_they_are(tmp_path: Path) -> None:
    """What can be written still goes where the user sent it."""
    target = tmp_path / "file"
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(target)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("to stdout\n", "to stderr\n")


def test_telling_somebody_who_went_away_ends_nothing() -> None:
    """Not the first time, not the second, and not when the process flushes at its end."""
    done = subprocess.run(
        [sys.executable, "-c", TELL], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
