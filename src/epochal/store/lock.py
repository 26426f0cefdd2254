"""``store.lock``: one process owns a home's database at a time.

The kernel's lock decides; the text in the file only tells people who holds it, so what a dead
process left there harms nobody.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from pathlib import Path

import msgspec

from epochal.errors import StoreLocked
from epochal.journal.home import LOCK

if sys.platform != "win32":
    import fcntl

_POLL_SECONDS = 0.05


class Holder(msgspec.Struct, frozen=True):
    """Who wrote the lock file."""

    pid: int
    host: str
    started_us: int


def take_lock(home: Path, wait: float) -> int:
    """Take the lock and return its file descriptor; `release_lock` lets go.

    Args:
        home: an existing directory.
        wait: seconds to try.

    Raises:
        StoreLocked: another process still holds it after that time.
    """
    descriptor = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait
    while not _try_lock(descriptor):
        if time.monotonic() >= deadline:
            os.close(descriptor)
            raise StoreLocked(_describe(home))
        time.sleep(_POLL_SECONDS)
    holder = Holder(os.getpid(), socket.gethostname(), time.time_ns() // 1000)
    with contextlib.suppress(OSError):  # a full disk must not keep anyone from reading
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(holder), 0)
    return descriptor


def release_lock(descriptor: int) -> None:
    """Let go of the lock, also for children that were forked while it was held."""
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def read_holder(home: Path) -> Holder | None:
    """Who took the lock last; None when nobody ever did."""
    try:
        return msgspec.json.decode((home / LOCK).read_bytes(), type=Holder)
    except (OSError, msgspec.MsgspecError):
        return None


def _try_lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _describe(home: Path) -> str:
    holder = read_holder(home)
    who = f"process {holder.pid} on {holder.host}" if holder else "another process"
    return (
        f"the store in {home} is in use by {who}; ask that server (its address is in "
        f"{home / 'server.json'}), or stop it and try again"
    )
